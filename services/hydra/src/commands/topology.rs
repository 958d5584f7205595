//! `hydra topology`: every exchange and queue of the hall, declared by one job.
//!
//! With `broker.declare = false` the roles then need no right to configure the broker.

use crate::{cli::Role, config::Config};
use anyhow::Context;
use hydra_amqp::AmqpTransport;
use hydra_stage::{Policy, Transport};
use std::{process::ExitCode, time::Duration};
use tokio::time::timeout;

/// Longest wait for the broker.
const WITHIN: Duration = Duration::from_secs(60);

/// Declares what each stage needs, and says what it declared.
///
/// # Errors
/// When the broker does not answer, or has a queue with other arguments.
pub async fn topology(mut config: Config) -> anyhow::Result<ExitCode> {
    config.broker.declare = true;
    let address = config.broker.address();
    let transport = AmqpTransport::new(config.broker);
    let answered = timeout(WITHIN, transport.check()).await;
    let at = || format!("the broker at {address}; start RabbitMQ or set broker.url");
    answered.context("it does not answer").and_then(|answer| answer).with_context(at)?;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Query) {
        // stages differ in how much they take at once, not in their queues
        let policy = Policy::default();
        let declared = timeout(WITHIN, transport.declare(role.name(), &policy)).await;
        declared.context("the broker does not answer")??;
        println!("{}: its queue, retry queues and dead letters are there", role.name());
    }
    transport.close().await;
    Ok(ExitCode::SUCCESS)
}
