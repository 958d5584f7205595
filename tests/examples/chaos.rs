//! Random faults over many images, and the ledger at the end.
//!
//!     cargo build --bin hydra
//!     cargo run -p e2e --example chaos -- --seed 1 --images 10000
//!
//! Starts a RabbitMQ, a MariaDB and each stage as a process of its own, publishes the images and
//! meanwhile kills, freezes and restarts roles and servers and cuts connections, by the seed.
//! Status 1 when anything was lost, unexpected, doubled or counted twice.

use e2e::chaos::Chaos;
use std::{process::ExitCode, time::Duration};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, standard: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(standard)
    };
    let chaos = Chaos {
        seed: number("--seed", 1),
        images: usize::try_from(number("--images", 10_000)).unwrap_or(usize::MAX),
        pause: Duration::from_millis(number("--pause-ms", 1_500)),
    };
    println!("{chaos:?}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let report =
        runtime.expect("threads to run on").block_on(chaos.run(|fault| println!("{fault}")));
    println!("{report}");
    let balance = &report.balance;
    let clean = balance.lost.is_empty()
        && balance.unexpected.is_empty()
        && balance.duplicate.is_empty()
        && report.counted_twice == 0;
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
