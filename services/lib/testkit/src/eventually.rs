//! Waits for a level, not an edge, and never for ever.

use std::time::{Duration, Instant};

/// How long [`eventually`] waits. Long enough for a broker under load, short enough for people.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns once `predicate` says yes.
///
/// # Panics
/// After 30 s, naming `what` did not come true.
pub async fn eventually(what: &str, predicate: impl AsyncFnMut() -> bool) {
    eventually_within(PATIENCE, what, predicate).await;
}

/// [`eventually`] with a bound of its own.
///
/// # Panics
/// After `patience`, naming `what` did not come true.
pub async fn eventually_within(
    patience: Duration,
    what: &str,
    mut predicate: impl AsyncFnMut() -> bool,
) {
    poll(patience, what, async || predicate().await.then_some(())).await;
}

/// Returns the value as soon as `find` has one.
///
/// # Panics
/// After 30 s, naming `what` was not found.
pub async fn eventually_some<T>(what: &str, find: impl AsyncFnMut() -> Option<T>) -> T {
    poll(PATIENCE, what, find).await
}

/// Asks at once, then at growing distances up to 100 ms. The bound is real time, also where the
/// test has paused Tokio's clock.
async fn poll<T>(patience: Duration, what: &str, mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(Instant::now() < end, "after {patience:?} still not: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn it_asks_until_the_answer_is_yes() {
        let asked = Cell::new(0);
        eventually("third time lucky", async || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        })
        .await;
        assert_eq!(asked.get(), 3);
    }

    #[tokio::test]
    #[should_panic(expected = "still not: pigs fly")]
    async fn it_gives_up_and_names_what_did_not_happen() {
        eventually_within(Duration::from_millis(20), "pigs fly", async || false).await;
    }

    #[tokio::test]
    async fn a_value_is_handed_out() {
        assert_eq!(eventually_some("a value", async || Some(7)).await, 7);
    }
}
