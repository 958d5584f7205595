//! Roles that are told to end, and roles that must not begin.

use e2e::{Hall, Place, STAGES, sized};
use hydra_testkit::Hydra;
use serde_json::json;
use std::time::{Duration, Instant};

/// F04: told to end under load, again and again: exit 0 soon, and hardly anything delivered in vain.
#[tokio::test(flavor = "multi_thread")]
async fn f04_sigterm_drain() {
    let rounds = sized(10, 100);
    let images = rounds * 60;
    let mut hall = Hall::running().await;
    let producer = hall.producer.clone();
    let publishing = tokio::spawn(async move { producer.publish(images).await });
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let role = STAGES[round % STAGES.len()];
        let rows = hall.count_rows().await;
        hall.has_rows((rows + 20).min(images)).await;
        // another one takes over, as in a rolling upgrade
        hall.start(&[role]);
        let begun = Instant::now();
        let status = hall.terminate(role, Duration::from_secs(20)).await;
        longest = longest.max(begun.elapsed());
        assert_eq!(status, Some(0), "{role}");
        hall.all_ready().await;
    }
    publishing.await.unwrap();
    let balance = hall.settle(Duration::from_secs(120), 0).await;
    assert_eq!(balance.rows, images);
    let redelivered = hall.redelivered().await;
    println!("{rounds} ends, the longest took {longest:?}, {redelivered} delivered again");
    // none on a machine that is not overloaded: see `f04_sigterm_drain_of_batches`
    assert!(redelivered as usize <= images / 100, "{redelivered} delivered again");
}

async fn refuses(mut role: Hydra, wanted: &[&str]) {
    let status = role.wait(Duration::from_secs(30)).await;
    assert!(!status.success() && status.code().is_some(), "{status}");
    let output = role.output();
    let last = output.lines().last().unwrap_or_default();
    for text in wanted {
        assert!(last.contains(text), "{text:?} is not in the last line of\n{output}");
    }
    assert!(!output.contains("panicked"), "{output}");
}

fn start(hall: &Hall, role: &str, change: &[(&str, &str)]) -> Hydra {
    let all = hall.environment();
    let mut all: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    all.extend(change);
    Hydra::start(&["run", role], &all)
}

/// F13: a queue that is there with other arguments: the role does not start, and says which.
#[tokio::test(flavor = "multi_thread")]
async fn f13_precondition_mismatch_ends_the_role() {
    let hall = Hall::open(Place::Shared, Place::Shared).await;
    hall.api().declare_queue("resize", json!({"x-queue-type": "classic"})).await.unwrap();
    refuses(start(&hall, "resize", &[]), &["queue resize exists with other arguments"]).await;
}

/// Credentials that the broker refuses end the role with a line that says so.
#[tokio::test(flavor = "multi_thread")]
async fn f13_wrong_credentials_end_the_role() {
    let hall = Hall::open(Place::Shared, Place::Shared).await;
    let url = hall.environment().into_iter().find(|(name, _)| name == "HYDRA_BROKER__URL");
    let url = url.unwrap().1.replace("guest:guest", "guest:canary");
    for role in ["ingest", "keep"] {
        let role = start(&hall, role, &[("HYDRA_BROKER__URL", &url)]);
        refuses(role, &["does not let us in", "broker.url"]).await;
    }
}
