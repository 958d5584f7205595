//! Nothing -> real servers, a faulty network, child processes and a ledger, ended when dropped.
//!
//! Tests name what they need (`Rabbit`, `RabbitNode`, `RabbitCluster`, `Database`, `MariaDbNode`, `Proxy`,
//! `Hydra`, `Traces`, `Prometheus`) and wait with [`eventually`]. Every name is random, so that tests run
//! beside each other and beside anything else on the same servers. Failing set-up panics: a test
//! without its server must not pass.

mod authority;
mod child;
mod database;
mod eventually;
mod ledger;
mod management;
mod mariadb_node;
mod ports;
mod process;
mod prometheus;
mod proxy;
mod rabbit;
mod rabbit_cluster;
mod rabbit_node;
mod server;
mod traces;

pub use authority::Authority;
pub use child::{Hydra, hydra_binary};
pub use database::{Database, Engine, User};
pub use eventually::{eventually, eventually_some, eventually_within};
pub use ledger::{Balance, Ledger};
pub use management::Management;
pub use mariadb_node::MariaDbNode;
pub use ports::free_port;
pub use process::{Usage, signal, usage};
pub use prometheus::Prometheus;
pub use proxy::{Direction, Filter, Proxy, Rules, dropping_confirms};
pub use rabbit::Rabbit;
pub use rabbit_cluster::RabbitCluster;
pub use rabbit_node::RabbitNode;
pub use rustix::process::Signal;
pub use traces::{Span, Traces};

/// A name that nothing else has: `prefix` and eight random digits.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}_{:08x}", rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    #[test]
    fn unique_names_differ() {
        assert_ne!(super::unique("a"), super::unique("a"));
    }
}
