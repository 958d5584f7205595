//! A hall with known content, written with the store's own writers and served by the real
//! service on a real database.

#![allow(dead_code, clippy::unwrap_used)] // each test file takes what it needs

mod facts;
mod served;
mod written;

pub use facts::{Fact, LABELS};
pub use served::{Served, problem};
pub use written::{CATALOG, Written, beats, features};

use hydra_testkit::Engine;

/// Runs `test` on a hall that was written and is served, on every engine.
pub async fn on_each(test: impl AsyncFn(&Served)) {
    for engine in Engine::ALL {
        println!("on {engine:?}");
        let served = Served::start(engine).await;
        test(&served).await;
        served.stop().await;
    }
}
