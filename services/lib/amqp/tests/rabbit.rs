//! The RabbitMQ transport passes the suite, on a real broker.

#![allow(clippy::unwrap_used)]

use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_stage::{Transport, suite};
use hydra_testkit::Rabbit;
use std::{future::Future, sync::Arc};

fn config(url: &str) -> BrokerConfig {
    BrokerConfig {
        url: url.to_owned(),
        ca_file: None,
        heartbeat_s: 5,
        connect_timeout_s: 5,
        confirm_timeout_s: 5,
        declare: true,
    }
}

async fn on_a_fresh_host<F: Future<Output = ()>>(check: impl FnOnce(Arc<dyn Transport>) -> F) {
    let rabbit = Rabbit::start().await;
    check(Arc::new(AmqpTransport::new(config(&rabbit.url)))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_in_order_with_their_headers() {
    on_a_fresh_host(suite::messages_arrive_in_order_with_their_headers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_ticket_brings_the_message_again_with_a_count() {
    on_a_fresh_host(suite::a_lost_ticket_brings_the_message_again_with_a_count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_to_no_queue_is_an_error() {
    let rabbit = Rabbit::start().await;
    let transport = Arc::new(AmqpTransport::new(config(&rabbit.url)));
    // the exchange must be there for a message to be unroutable
    transport.declare("sink", &suite::quick()).await.unwrap();
    suite::publishing_to_no_queue_is_an_error(transport).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_message_comes_back_after_its_delay() {
    on_a_fresh_host(suite::a_retried_message_comes_back_after_its_delay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_of_a_batch_has_its_own_outcome() {
    on_a_fresh_host(suite::each_message_of_a_batch_has_its_own_outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_only_the_message_that_caused_it() {
    on_a_fresh_host(suite::a_panic_costs_only_the_message_that_caused_it).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_is_ended_by_the_timeout() {
    on_a_fresh_host(suite::a_hang_is_ended_by_the_timeout).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_ready_once_its_queue_is_there() {
    on_a_fresh_host(suite::a_role_is_ready_once_its_queue_is_there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_buried_with_its_bytes() {
    on_a_fresh_host(suite::what_cannot_be_read_is_buried_with_its_bytes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_holds_messages_and_costs_no_attempt() {
    on_a_fresh_host(suite::an_absence_holds_messages_and_costs_no_attempt).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_what_was_delivered_and_takes_nothing_new() {
    on_a_fresh_host(suite::stopping_finishes_what_was_delivered_and_takes_nothing_new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announcements_reach_every_listener() {
    let rabbit = Rabbit::start().await;
    let transport = Arc::new(AmqpTransport::new(config(&rabbit.url)));
    transport.declare("sink", &suite::quick()).await.unwrap();
    suite::announcements_reach_every_listener(transport).await;
}
