//! Messages that processes died with in hand: put aside -> worked on one at a time, with nothing
//! else of the stage in work. Whoever dies now died of the one in hand, so that one alone is
//! given up; those that had only been in hand beside it pass.

use crate::{
    Delivery, Stage,
    runner::{Work, span_of},
    settle::{Decision, Held, Settler, screen_alone},
};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Between two looks for messages that another process put aside.
const LOOK: Duration = Duration::from_secs(5);

/// Works on what is put aside until the stop.
pub(crate) async fn run<S: Stage>(work: Work<S>) {
    let settler = &work.settler;
    let mut waits = false;
    loop {
        let depth = settler.transport.depth(S::NAME).await;
        if depth.is_ok_and(|depth| depth.alone > 0) {
            waits = work.one_by_one(waits).await;
        }
        let look = async {
            // one that waits would be found at once, and wait again
            if waits { sleep(LOOK).await } else { settler.isolated.notified().await }
        };
        tokio::select! {
            () = settler.stop.cancelled() => return,
            _rung_or_time = timeout(LOOK, look) => {}
        }
    }
}

impl<S: Stage> Work<S> {
    /// Waits until no other message is in work and keeps it so, then takes one after the other.
    /// Says whether they wait for something that is away; `waited` says it of the last time.
    async fn one_by_one(&self, mut waited: bool) -> bool {
        let Settler { stop, transport, health, .. } = &*self.settler;
        let Some(_alone) = stop.run_until_cancelled(self.company.write()).await else {
            return waited;
        };
        while !stop.is_cancelled() {
            let Ok(Some(delivery)) = transport.take_alone(S::NAME).await else { break };
            let waits = self.one(delivery).await;
            if waited && !waits {
                health.well(S::NAME);
            }
            waited = waits;
            if waits {
                break;
            }
        }
        waited
    }

    /// Works on one; says whether it must wait.
    async fn one(&self, delivery: Delivery) -> bool {
        let span = span_of(S::NAME, &delivery);
        let held = Held::new(delivery, span);
        if let Some(decision) = screen_alone(held.redelivered) {
            self.settler.settle(held, decision).await;
            return false;
        }
        let waiting = self.round(vec![held], &mut None).await;
        let waits = !waiting.is_empty();
        for held in waiting {
            // put aside anew: one that goes back would count as if a process had died
            let error = "what it needs is away".to_owned();
            self.settler.settle(held, Decision::Isolate { error }).await;
        }
        waits
    }
}
