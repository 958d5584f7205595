//! A migrated database on each engine.

use hydra_store::{Database, DatabaseConfig};
use hydra_testkit::{Database as Scratch, Engine};

/// A fresh database with the schema; lives as long as the first part.
pub async fn fresh(engine: Engine) -> (Scratch, Database) {
    let scratch = Scratch::create(engine);
    let db = Database::connect(&DatabaseConfig::at(&scratch.url)).await.unwrap();
    db.migrate().await.unwrap();
    (scratch, db)
}

/// Runs `test` on every engine.
pub async fn on_each(test: impl AsyncFn(&Database, &Scratch)) {
    for engine in Engine::ALL {
        println!("on {engine:?}");
        let (scratch, db) = fresh(engine).await;
        test(&db, &scratch).await;
        db.close().await;
    }
}
