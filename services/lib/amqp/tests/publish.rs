//! What a publish promises, with many in flight at once.

#![allow(clippy::unwrap_used)]

mod common;

use common::transport;
use futures::future::join_all;
use hydra_stage::{Destination, PublishError, Transport, suite};
use hydra_testkit::Rabbit;

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_message_is_told_to_its_own_publisher_and_to_no_other() {
    let rabbit = Rabbit::start().await;
    let transport = transport(&rabbit.url);
    transport.declare("sink", &suite::quick()).await.unwrap();
    for round in 0..20 {
        let publishes = (0..60).map(|n| {
            let queue = if n % 3 == 0 { "nowhere" } else { "sink" };
            let message = suite::text(&format!("{round} {n}"));
            let publishing = transport.publish(Destination::Queue(queue.to_owned()), message);
            async move { (queue, publishing.await) }
        });
        for (queue, result) in join_all(publishes).await {
            match queue {
                "sink" => assert!(result.is_ok(), "routable, and told {result:?}"),
                _ => assert!(
                    matches!(result, Err(PublishError::Unroutable(_))),
                    "lost, and told {result:?}"
                ),
            }
        }
    }
    assert_eq!(transport.depth("sink").await.unwrap().ready, 20 * 40);
    transport.close().await;
}
