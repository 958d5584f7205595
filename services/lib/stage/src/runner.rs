//! The loop around a stage: take, fence, hand to [`settle`](crate::settle), drain.

use crate::{
    Delivery, Done, Failure, Health, Input, Policy, Source, Stage, Transport, TransportError,
    alone,
    settle::{Backoff, Decision, Held, Settler, decide, now_us, screen},
    trace,
};
use futures::FutureExt;
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, RwLock, Semaphore},
    time::{sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, Span, field, info, info_span, warn};

/// How often a waiting loop shows that it is alive.
const TICK: Duration = Duration::from_secs(1);

/// Runs one stage until it is told to stop.
pub struct Runner<S> {
    stage: Arc<S>,
    policy: Arc<Policy>,
    transport: Arc<dyn Transport>,
    health: Health,
}

impl<S: Stage> Runner<S> {
    /// A runner for `stage` on `transport`; troubles are told to `health`, the first of them that
    /// its queue is not there yet.
    pub fn new(stage: S, transport: Arc<dyn Transport>, health: Health) -> Self {
        health.unwell(S::NAME, "its queue is not declared yet");
        let policy = Arc::new(stage.policy());
        Self { stage: Arc::new(stage), policy, transport, health }
    }

    /// Declares the queue, takes messages until `stop`, then finishes all that was delivered.
    ///
    /// # Errors
    /// Only what no waiting mends, see [`TransportError`].
    pub async fn run(self, stop: CancellationToken) -> Result<(), TransportError> {
        let declared = self.transport.declare(S::NAME, &self.policy);
        let Some(declared) = stop.run_until_cancelled(declared).await else { return Ok(()) };
        declared?;
        let prefetch = self.policy.prefetch();
        let mut source = self.transport.consume(S::NAME, prefetch, self.health.clone()).await?;
        self.health.well(S::NAME);
        info!(stage = S::NAME, prefetch, "taking messages");
        let settler = Arc::new(Settler {
            stage: S::NAME,
            transport: self.transport.clone(),
            health: self.health.clone(),
            stop: stop.clone(),
            isolated: Notify::new(),
        });
        settler.begin();
        let places = Arc::new(Semaphore::new(self.policy.concurrency));
        let tasks = TaskTracker::new();
        let company = Arc::default();
        let work = || Work {
            stage: self.stage.clone(),
            policy: self.policy.clone(),
            settler: settler.clone(),
            company: Arc::clone(&company),
        };
        tasks.spawn(alone::run(work()));
        let mut stopped = false;
        loop {
            let turn = async {
                let place = self.place(&places).await;
                (place, self.first(source.as_mut()).await)
            };
            let (place, first) = tokio::select! {
                biased;
                () = stop.cancelled(), if !stopped => {
                    source.stop().await;
                    stopped = true;
                    continue;
                }
                turn = turn => turn,
            };
            let Some(first) = first? else { break };
            let batch = self.fill(first, source.as_mut(), stopped).await;
            let work = work();
            tasks.spawn(async move { work.run(batch, place).await });
        }
        tasks.close();
        tasks.wait().await;
        source.close().await;
        self.health.ended(S::NAME);
        info!(stage = S::NAME, "drained");
        Ok(())
    }

    /// The next delivery, showing life while waiting. The wait itself is never cut off by that,
    /// since it may be building a session.
    async fn first(&self, source: &mut dyn Source) -> Result<Option<Delivery>, TransportError> {
        let mut next = source.next();
        loop {
            self.health.tick(S::NAME);
            if let Ok(got) = timeout(TICK, &mut next).await {
                return got;
            }
        }
    }

    /// A free place among the concurrent calls, showing life while waiting for it.
    async fn place(&self, places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
        loop {
            if let Ok(Ok(place)) = timeout(TICK, places.clone().acquire_owned()).await {
                return place;
            }
            self.health.tick(S::NAME);
        }
    }

    /// A batch that begins with `first`: what is here already, and what comes while lingering.
    async fn fill(&self, first: Delivery, source: &mut dyn Source, stopped: bool) -> Vec<Delivery> {
        let mut batch = vec![first];
        let until = tokio::time::Instant::now() + self.policy.linger;
        while batch.len() < self.policy.batch {
            if let Some(delivery) = source.try_next() {
                batch.push(delivery);
                continue;
            }
            if stopped || self.policy.linger.is_zero() {
                break;
            }
            match timeout_at(until, source.next()).await {
                Ok(Ok(Some(delivery))) => batch.push(delivery),
                // an error or the end shows again at the next call
                Ok(_) | Err(_) => break,
            }
        }
        batch
    }
}

/// What it takes to bring messages through the stage.
pub(crate) struct Work<S> {
    stage: Arc<S>,
    policy: Arc<Policy>,
    pub(crate) settler: Arc<Settler>,
    /// Read while messages are in work, written by whoever must be [`alone`].
    pub(crate) company: Arc<RwLock<()>>,
}

impl<S: Stage> Work<S> {
    /// Works on the deliveries: those that never failed together, the others each alone. The
    /// place is given up when the last call is over: what is being confirmed and acknowledged
    /// is bounded by the prefetch and must not keep the next batch waiting.
    async fn run(&self, batch: Vec<Delivery>, place: OwnedSemaphorePermit) {
        metrics::histogram!("hydra_batch_messages", "stage" => S::NAME).record(batch.len() as f64);
        let gauge = metrics::gauge!("hydra_in_flight", "stage" => S::NAME);
        let count = batch.len() as f64;
        gauge.increment(count);
        let mut together = Vec::with_capacity(batch.len());
        for delivery in batch {
            let span = span_of(S::NAME, &delivery);
            let held = Held::new(delivery, span);
            if let Some(decision) = screen(held.redelivered) {
                self.settler.settle(held, decision).await;
                self.settler.isolated.notify_one();
            } else if held.redelivered > 0 {
                self.work(vec![held], &mut None).await;
            } else {
                together.push(held);
            }
        }
        self.work(together, &mut Some(place)).await;
        gauge.decrement(count);
    }

    /// Calls the stage until every message has an outcome, waiting while it is unavailable.
    async fn work(&self, mut batch: Vec<Held>, place: &mut Option<OwnedSemaphorePermit>) {
        let mut wait = Backoff::default();
        loop {
            batch = {
                let _in_company = self.company.read().await;
                self.round(batch, place).await
            };
            if batch.is_empty() {
                if wait.tries > 0 {
                    self.settler.health.well(S::NAME);
                }
                return;
            }
            let pause = wait.next();
            tokio::select! {
                () = sleep(pause) => {}
                () = self.settler.stop.cancelled() => {
                    for held in batch {
                        held.ticket.give_back().await;
                        self.settler.count("given_back");
                    }
                    return;
                }
            }
        }
    }

    /// One call for the batch; settles what can be settled, returns what must wait.
    pub(crate) async fn round(
        &self,
        batch: Vec<Held>,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Vec<Held> {
        let (mut batch, inputs) = self.read(batch).await;
        if batch.is_empty() {
            return batch;
        }
        let (each, returned) = self.call(inputs, &batch[0].span).await;
        for held in &mut batch {
            held.work = Some(each);
        }
        let results = match returned {
            Ok(results) => results,
            Err(fault) if batch.len() == 1 => vec![Err(fault)],
            Err(_) => {
                // somebody in the batch did it: each on its own, so that only that one pays
                let mut waiting = Vec::new();
                for held in batch {
                    waiting.extend(Box::pin(self.round(vec![held], &mut None)).await);
                }
                return waiting;
            }
        };
        let mut waiting = Vec::new();
        let mut settling = Vec::with_capacity(batch.len());
        for (held, result) in batch.into_iter().zip(results) {
            match decide(result, held.message.attempt(), &self.policy) {
                Decision::Hold { error } => {
                    warn!(parent: &held.span, stage = S::NAME, error, "waiting");
                    self.settler.health.unwell(S::NAME, error);
                    waiting.push(held);
                }
                decision => settling.push(self.settler.settle(held, decision)),
            }
        }
        if waiting.is_empty() {
            place.take();
        }
        futures::future::join_all(settling).await;
        waiting
    }

    /// Decodes; what cannot be read is buried here.
    async fn read(&self, batch: Vec<Held>) -> (Vec<Held>, Vec<S::In>) {
        let mut held_on = Vec::with_capacity(batch.len());
        let mut inputs = Vec::with_capacity(batch.len());
        for mut held in batch {
            match S::In::read(&held.message) {
                Ok(input) => {
                    held.image = input.image().cloned();
                    self.observe_lag(&mut held);
                    inputs.push(input);
                    held_on.push(held);
                }
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    let decision = Decision::Bury { reason: "unreadable", error };
                    self.settler.settle(held, decision).await;
                }
            }
        }
        (held_on, inputs)
    }

    fn observe_lag(&self, held: &mut Held) {
        if let Some(image) = &held.image {
            let lag_us = u64::try_from(now_us() - image.arrived_at_us).unwrap_or(0);
            let lag = Duration::from_micros(lag_us);
            metrics::histogram!("hydra_lag_seconds", "stage" => S::NAME).record(lag.as_secs_f64());
            held.lag = Some(lag);
            self.settler.health.lagged(S::NAME, lag);
        }
    }

    /// The fence: a timeout, a panic and a wrong number of results become a failure. Says also what
    /// each message took.
    async fn call(
        &self,
        inputs: Vec<S::In>,
        span: &Span,
    ) -> (Duration, Result<Vec<Result<Done, Failure>>, Failure>) {
        let count = inputs.len();
        let begun = Instant::now();
        let work = AssertUnwindSafe(self.stage.handle(inputs)).catch_unwind();
        let returned = timeout(self.policy.timeout, work.instrument(span.clone())).await;
        let each = begun.elapsed() / u32::try_from(count).unwrap_or(u32::MAX);
        metrics::histogram!("hydra_work_seconds", "stage" => S::NAME).record(each.as_secs_f64());
        self.settler.health.worked(S::NAME, each, count as u64);
        let fault = match returned {
            Ok(Ok(results)) if results.len() == count => return (each, Ok(results)),
            Ok(Ok(results)) => {
                anyhow::anyhow!("the stage gave {} results for {count} messages", results.len())
            }
            Ok(Err(panic)) => anyhow::anyhow!("panicked: {}", panic_text(&*panic)),
            Err(_) => {
                anyhow::anyhow!("no result within {:.1} s", self.policy.timeout.as_secs_f32())
            }
        };
        metrics::counter!("hydra_faults_total", "stage" => S::NAME).increment(1);
        (each, Err(Failure::Failed(fault)))
    }
}

pub(crate) fn span_of(stage: &'static str, delivery: &Delivery) -> Span {
    let span = info_span!(
        "stage",
        otel.name = stage,
        messaging.system = "rabbitmq",
        messaging.destination.name = stage,
        messaging.message.id = %delivery.message.id,
        redelivered = delivery.redelivered,
        // see `trace::keep`
        hydra.keep = field::Empty,
        hydra.trail = field::Empty,
    );
    trace::adopt(&span, &delivery.message);
    span
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
