//! The memory transport passes the suite.

use hydra_stage::{MemoryTransport, Transport, suite};
use std::{future::Future, sync::Arc};

fn fresh() -> Arc<dyn Transport> {
    Arc::new(MemoryTransport::default())
}

fn run<F: Future<Output = ()>>(check: impl FnOnce(Arc<dyn Transport>) -> F) {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(check(fresh()));
}

#[test]
fn messages_arrive_in_order_with_their_headers() {
    run(suite::messages_arrive_in_order_with_their_headers);
}

#[test]
fn a_lost_ticket_brings_the_message_again_with_a_count() {
    run(suite::a_lost_ticket_brings_the_message_again_with_a_count);
}

#[test]
fn publishing_to_no_queue_is_an_error() {
    run(suite::publishing_to_no_queue_is_an_error);
}

#[test]
fn a_retried_message_comes_back_after_its_delay() {
    run(suite::a_retried_message_comes_back_after_its_delay);
}

#[test]
fn each_message_of_a_batch_has_its_own_outcome() {
    run(suite::each_message_of_a_batch_has_its_own_outcome);
}

#[test]
fn a_panic_costs_only_the_message_that_caused_it() {
    run(suite::a_panic_costs_only_the_message_that_caused_it);
}

#[test]
fn a_hang_is_ended_by_the_timeout() {
    run(suite::a_hang_is_ended_by_the_timeout);
}

#[test]
fn a_role_is_ready_once_its_queue_is_there() {
    run(suite::a_role_is_ready_once_its_queue_is_there);
}

#[test]
fn what_cannot_be_read_is_buried_with_its_bytes() {
    run(suite::what_cannot_be_read_is_buried_with_its_bytes);
}

#[test]
fn an_absence_holds_messages_and_costs_no_attempt() {
    run(suite::an_absence_holds_messages_and_costs_no_attempt);
}

#[test]
fn stopping_finishes_what_was_delivered_and_takes_nothing_new() {
    run(suite::stopping_finishes_what_was_delivered_and_takes_nothing_new);
}

#[test]
fn announcements_reach_every_listener() {
    run(suite::announcements_reach_every_listener);
}
