//! What the tests of this crate share.

use hydra_amqp::{AmqpTransport, BrokerConfig};
use std::sync::Arc;

/// Short deadlines, so that faults show soon.
pub fn config(url: &str) -> BrokerConfig {
    BrokerConfig {
        url: url.to_owned(),
        ca_file: None,
        heartbeat_s: 2,
        connect_timeout_s: 5,
        confirm_timeout_s: 5,
        declare: true,
    }
}

/// A transport to the broker at `url`.
pub fn transport(url: &str) -> Arc<AmqpTransport> {
    Arc::new(AmqpTransport::new(config(url)))
}
