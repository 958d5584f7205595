//! The one place where a message is settled.
//!
//! [`decide`] turns what the stage said into a [`Decision`], a value that tests compare;
//! [`Settler::settle`] carries it out. What follows from a message is published and confirmed
//! *before* the message is acknowledged, so a crash in between repeats work and never loses it.

use crate::{
    Delivery, Destination, Done, Failure, Health, Message, Outgoing, Policy, Ticket, Transport,
    exemplar::{Exemplar, Measured},
    message::{ATTEMPT, BURIED_AT, ERROR, REASON},
    trace::{self, Leg},
};
use futures::future::join_all;
use hydra_proto::{
    Event,
    events::{Image, MessageBuried},
};
use rand::RngExt;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Span, error, warn};

/// Unsettled deliveries after which a message is suspected of killing processes: it is worked on
/// alone then, and buried after as many more.
pub const SUSPECT_AFTER: u32 = 2;
/// How long a publish is still tried after the stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(5);
/// Longest text of an error in a header; AMQP frames are bounded.
const ERROR_CHARS: usize = 2_000;

/// What happens to a message.
#[derive(Debug, PartialEq)]
pub enum Decision {
    /// Publish these, then acknowledge.
    Finish {
        /// What follows.
        outgoing: Vec<Outgoing>,
        /// Counted as `duplicate` instead of `done`.
        duplicate: bool,
        /// The trace is kept.
        notable: bool,
    },
    /// Publish the message again with a delay and one more attempt on its count.
    Retry {
        /// The wait.
        delay: Duration,
        /// Why, for the log.
        error: String,
    },
    /// Publish it to the messages that are worked on alone.
    Isolate {
        /// Why, for the log.
        error: String,
    },
    /// Publish it to the dead letters, with the reason.
    Bury {
        /// Short kind.
        reason: &'static str,
        /// The chain, for people.
        error: String,
    },
    /// Hold it and call the stage again later.
    Hold {
        /// What is away.
        error: String,
    },
}

/// What to do with a message that the stage gave `result` for, on try `attempt` (from 0).
pub fn decide(result: Result<Done, Failure>, attempt: u32, policy: &Policy) -> Decision {
    match result {
        Ok(Done { outgoing, duplicate, notable }) => {
            Decision::Finish { outgoing, duplicate, notable }
        }
        Err(failure @ Failure::Refused(_)) => {
            Decision::Bury { reason: "refused", error: failure.chain() }
        }
        Err(failure @ Failure::Unavailable(_)) => Decision::Hold { error: failure.chain() },
        Err(failure @ Failure::Failed(_)) if attempt + 1 >= policy.attempts => {
            Decision::Bury { reason: "attempts", error: failure.chain() }
        }
        Err(failure @ Failure::Failed(_)) => {
            Decision::Retry { delay: policy.retry_delay(attempt + 1), error: failure.chain() }
        }
    }
}

/// What to do with a delivery before the stage sees it: nothing, unless processes keep dying
/// with it in hand. Many were in hand beside it each time and come to count with it; which one it
/// is shows only where each is in work alone, so none is given up before that.
pub fn screen(redelivered: u32) -> Option<Decision> {
    (redelivered >= SUSPECT_AFTER).then(|| Decision::Isolate { error: deaths(redelivered) })
}

/// The same for a message that is worked on alone: now it is the one.
pub fn screen_alone(redelivered: u32) -> Option<Decision> {
    let error = || deaths(redelivered);
    (redelivered >= SUSPECT_AFTER).then(|| Decision::Bury { reason: "crash", error: error() })
}

fn deaths(redelivered: u32) -> String {
    format!("{redelivered} deliveries ended with the process or the connection")
}

/// A delivery that is being worked on.
pub(crate) struct Held {
    pub message: Message,
    pub redelivered: u32,
    pub ticket: Box<dyn Ticket>,
    pub span: Span,
    /// When the span began, microseconds since 1970.
    pub begun_us: i64,
    pub image: Option<Image>,
    /// As they were observed, for the exemplars.
    pub lag: Option<Duration>,
    pub work: Option<Duration>,
}

impl Held {
    pub(crate) fn new(delivery: Delivery, span: Span) -> Self {
        let Delivery { message, redelivered, ticket } = delivery;
        let begun_us = now_us();
        let (image, lag, work) = (None, None, None);
        Self { message, redelivered, ticket, span, begun_us, image, lag, work }
    }
}

/// Carries decisions out, for one stage.
pub(crate) struct Settler {
    pub stage: &'static str,
    pub transport: Arc<dyn Transport>,
    pub health: Health,
    pub stop: CancellationToken,
    /// Rings when a message was put aside to be worked on alone.
    pub isolated: Notify,
}

/// Outcomes and reasons that a stage without trouble never counts.
const TROUBLES: [&str; 7] =
    ["retried", "isolated", "buried", "held", "given_back", "ack_lost", "publish_failed"];
const REASONS: [&str; 4] = ["refused", "attempts", "crash", "unreadable"];

impl Settler {
    /// Shows the counters of troubles before the first of each, which would be no increase of a
    /// counter that begins with it.
    pub(crate) fn begin(&self) {
        let stage = self.stage;
        for outcome in TROUBLES {
            metrics::counter!("hydra_messages_total", "stage" => stage, "outcome" => outcome)
                .increment(0);
        }
        for reason in REASONS {
            metrics::counter!("hydra_buried_total", "stage" => stage, "reason" => reason)
                .increment(0);
        }
        metrics::counter!("hydra_faults_total", "stage" => stage).increment(0);
    }

    /// Settles `held`. Never fails: what cannot be published goes back to the queue.
    pub(crate) async fn settle(&self, held: Held, decision: Decision) {
        let outcome = match &decision {
            Decision::Finish { duplicate: true, .. } => "duplicate",
            Decision::Finish { .. } => "done",
            Decision::Retry { .. } => "retried",
            Decision::Isolate { .. } => "isolated",
            Decision::Bury { .. } => "buried",
            Decision::Hold { .. } => "held",
        };
        let kept = match &decision {
            Decision::Finish { notable, .. } => *notable,
            Decision::Retry { .. } | Decision::Isolate { .. } | Decision::Bury { .. } => true,
            Decision::Hold { .. } => false,
        };
        if kept {
            trace::keep(&held.span, &held.message);
        }
        self.note_exemplars(&held, kept);
        let followers = self.followers(&held, decision);
        let published =
            join_all(followers.into_iter().map(|(to, message)| self.publish(to, message)))
                .await
                .into_iter()
                .all(|published| published);
        if !published {
            held.ticket.give_back().await;
            return self.count("given_back");
        }
        match held.ticket.ack().await {
            Ok(()) => self.count(outcome),
            Err(lost) => {
                warn!(stage = self.stage, message = held.message.id, "{lost}");
                self.count("ack_lost");
            }
        }
    }

    /// What was observed of `held` leads to its trace, if that is told.
    fn note_exemplars(&self, held: &Held, kept: bool) {
        let Some(trace_id) = trace::told(&held.span, kept) else { return };
        for (measured, value) in [(Measured::Lag, held.lag), (Measured::Work, held.work)] {
            let Some(value) = value else { continue };
            let (trace_id, value_s) = (trace_id.clone(), value.as_secs_f64());
            let exemplar = Exemplar { trace_id, value_s, at: SystemTime::now() };
            self.health.told(self.stage, measured, exemplar);
        }
    }

    /// The messages that `decision` asks for.
    fn followers(&self, held: &Held, decision: Decision) -> Vec<(Destination, Message)> {
        match decision {
            Decision::Finish { outgoing, notable, .. } => outgoing
                .into_iter()
                .enumerate()
                .map(|(index, outgoing)| {
                    let (queue, mut message) = outgoing.caused_by(&held.message.id, index);
                    trace::hand_on(&self.leg(held, notable), &held.message, &mut message);
                    (Destination::Queue(queue.to_owned()), message)
                })
                .collect(),
            Decision::Retry { delay, error } => {
                warn!(parent: &held.span, stage = self.stage, message = held.message.id, error, "will be tried again");
                let attempt = held.message.attempt().saturating_add(1);
                let mut message = held.message.clone().with_header(ATTEMPT, attempt.to_string());
                trace::retried(&held.span, &mut message);
                vec![(Destination::Retry { queue: self.stage.to_owned(), delay }, message)]
            }
            Decision::Isolate { error } => {
                warn!(parent: &held.span, stage = self.stage, message = held.message.id, error, "will be worked on alone");
                let mut message = held.message.clone();
                trace::retried(&held.span, &mut message);
                vec![(Destination::Alone(self.stage.to_owned()), message)]
            }
            Decision::Bury { reason, error } => {
                error!(parent: &held.span, stage = self.stage, message = held.message.id, reason, error, "buried");
                metrics::counter!("hydra_buried_total", "stage" => self.stage, "reason" => reason)
                    .increment(1);
                self.burial(held, reason, error)
            }
            // the runner waits with such a message and never settles it
            Decision::Hold { .. } => Vec::new(),
        }
    }

    fn leg<'a>(&self, held: &'a Held, kept: bool) -> Leg<'a> {
        Leg { span: &held.span, name: self.stage, begun_us: held.begun_us, kept }
    }

    /// The message for the dead letters, and the event that shows it to people.
    fn burial(&self, held: &Held, reason: &str, error: String) -> Vec<(Destination, Message)> {
        let error: String = error.chars().take(ERROR_CHARS).collect();
        let now = now_us();
        let dead = held
            .message
            .clone()
            .with_header(REASON, reason)
            .with_header(ERROR, error.replace(['\n', '\r'], " "))
            .with_header(BURIED_AT, now.to_string());
        let mut followers = vec![(Destination::Dead(self.stage.to_owned()), dead)];
        // a burial of a report of a burial is not reported again
        if held.message.type_name != MessageBuried::NAME {
            let report = Outgoing::of(&MessageBuried {
                message_id: held.message.id.clone(),
                stage: self.stage.to_owned(),
                event: held.message.type_name.clone(),
                reason: reason.to_owned(),
                error,
                attempts: held.message.attempt().saturating_add(1),
                size_bytes: held.message.body.len() as u64,
                buried_at_us: now,
                image: held.image.clone(),
            });
            let cause = format!("{}/{}", held.message.id, self.stage);
            let (queue, mut message) = report.caused_by(&cause, 0);
            trace::hand_on(&self.leg(held, true), &held.message, &mut message);
            followers.push((Destination::Queue(queue.to_owned()), message));
        }
        followers
    }

    /// Publishes until it is confirmed; gives up only some time after the stop.
    async fn publish(&self, to: Destination, message: Message) -> bool {
        let mut wait = Backoff::default();
        loop {
            match self.transport.publish(to.clone(), message.clone()).await {
                Ok(()) => {
                    if wait.tries > 0 {
                        self.health.well("publish");
                    }
                    return true;
                }
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    warn!(stage = self.stage, message = message.id, error, "not published yet");
                    self.health.unwell("publish", error);
                    self.count("publish_failed");
                }
            }
            let pause = wait.next();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop_grace_over() => return false,
            }
        }
    }

    async fn stop_grace_over(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    }

    pub(crate) fn count(&self, outcome: &'static str) {
        metrics::counter!("hydra_messages_total", "stage" => self.stage, "outcome" => outcome)
            .increment(1);
        self.health.count(self.stage, outcome);
    }
}

/// Full-jitter exponential back-off, 100 ms to 10 s.
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Default)]
pub(crate) struct Backoff {
    pub tries: u32,
}

impl Backoff {
    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let ceiling_ms = (100_u64 << self.tries.min(7)).min(10_000);
        self.tries += 1;
        Duration::from_millis(rand::rng().random_range(ceiling_ms / 4..=ceiling_ms))
    }
}

pub(crate) fn now_us() -> i64 {
    micros(SystemTime::now())
}

/// Microseconds since 1970.
pub(crate) fn micros(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn policy() -> Policy {
        Policy { attempts: 3, ..Policy::default() }
    }

    #[test]
    fn what_can_never_work_is_buried_at_once() {
        let decision = decide(Err(Failure::Refused(anyhow!("not an image"))), 0, &policy());
        assert_eq!(decision, Decision::Bury { reason: "refused", error: "not an image".into() });
    }

    #[test]
    fn a_failure_is_retried_with_growing_delay_and_then_buried() {
        let fails = |attempt| decide(Err(Failure::Failed(anyhow!("x"))), attempt, &policy());
        let delay = |attempt| match fails(attempt) {
            Decision::Retry { delay, .. } => Some(delay),
            _ => None,
        };
        assert!(delay(0).unwrap() < delay(1).unwrap());
        assert_eq!(fails(2), Decision::Bury { reason: "attempts", error: "x".into() });
    }

    #[test]
    fn what_everybody_needs_being_away_costs_no_attempt() {
        let decision = decide(Err(Failure::Unavailable(anyhow!("no database"))), 99, &policy());
        assert_eq!(decision, Decision::Hold { error: "no database".into() });
    }

    #[test]
    fn a_message_that_processes_die_of_is_put_aside_first_and_buried_only_alone() {
        assert_eq!(screen(1), None);
        assert!(matches!(screen(2), Some(Decision::Isolate { .. })));
        assert!(matches!(screen(9), Some(Decision::Isolate { .. })));
        assert_eq!(screen_alone(1), None);
        assert!(matches!(screen_alone(2), Some(Decision::Bury { reason: "crash", .. })));
    }

    #[test]
    fn back_off_grows_to_ten_seconds_and_no_further() {
        let mut wait = Backoff::default();
        let waits: Vec<Duration> = (0..20).map(|_| wait.next()).collect();
        assert!(waits[0] <= Duration::from_millis(100));
        assert!(waits.iter().all(|w| *w <= Duration::from_secs(10)));
        assert!(waits[10..].iter().all(|w| *w >= Duration::from_millis(2_500)));
    }
}
