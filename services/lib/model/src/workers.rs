//! Jobs -> a fixed number of threads that run them one at a time, watched for hangs.
//!
//! Inference is work of the processor: it runs on threads of its own, never on those of the
//! async runtime. A job that panics fails alone. One that takes longer than it may is told to
//! stop (which a network does between two operators); a thread that does not come back even then
//! is given up and replaced, and when too many were given up the pool says so, because only a
//! new process gets their memory and cores back.

use crate::{Runtime, session::Stopper};
use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{oneshot, watch};

/// How many threads and how patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkersConfig {
    /// Threads.
    pub threads: usize,
    /// Longest time for one job before it is told to stop.
    pub hang: Duration,
    /// How long a stopped job has to come back before its thread is given up.
    pub grace: Duration,
    /// Threads that may be given up before the pool gives up itself.
    pub max_lost: u32,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            hang: Duration::from_secs(20),
            grace: Duration::from_secs(2),
            max_lost: 2,
        }
    }
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorkLost {
    /// It took too long and was stopped or given up.
    #[error("no result within {waited_s:.1} s, the work was given up")]
    Hung {
        /// How long it had.
        waited_s: f32,
    },
    /// It panicked.
    #[error("the work panicked: {0}")]
    Panicked(String),
    /// The pool is closed.
    #[error("the workers are closed")]
    Closed,
}

/// What a job finds on its thread.
pub struct Worker<K> {
    /// Buffers that the thread keeps from job to job.
    pub kept: K,
    /// Ends this job's runs when it hangs.
    pub stopper: Stopper,
}

type Job<K> = Box<dyn FnOnce(&mut Worker<K>) + Send>;

/// A job in the queue: its work, and how its owner is told that it hung.
struct Waiting<K> {
    job: Job<K>,
    hung: oneshot::Sender<WorkLost>,
}

/// A job on a thread.
struct Busy {
    since: Instant,
    stopper: Stopper,
    hung: Option<oneshot::Sender<WorkLost>>,
}

/// A thread, from the pool's point of view.
#[derive(Default)]
struct Seat {
    /// Grows when the thread is given up: the old one finds another number and ends.
    tenant: u64,
    busy: Option<Busy>,
}

struct State<K> {
    queue: VecDeque<Waiting<K>>,
    seats: Vec<Seat>,
    closed: bool,
}

struct Shared<K> {
    state: Mutex<State<K>>,
    /// Something was queued, or the pool was closed.
    woken: Condvar,
    /// The pool was closed; for the thread that watches.
    closing: Condvar,
    config: WorkersConfig,
    runtime: Runtime,
    lost: watch::Sender<u32>,
}

impl<K> Shared<K> {
    fn state(&self) -> MutexGuard<'_, State<K>> {
        // jobs run outside the lock, so a panic never leaves it half-changed
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pool, whose threads keep a `K` each. Dropped, it ends its threads after the jobs that are
/// under way.
pub struct Workers<K> {
    shared: Arc<Shared<K>>,
}

impl<K: Default + Send + 'static> Workers<K> {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(config: WorkersConfig, runtime: &Runtime) -> std::io::Result<Self> {
        metrics::counter!("hydra_workers_lost_total").increment(0);
        let threads = config.threads.max(1);
        let seats = (0..threads).map(|_| Seat::default()).collect();
        let shared = Arc::new(Shared {
            state: Mutex::new(State { queue: VecDeque::new(), seats, closed: false }),
            woken: Condvar::new(),
            closing: Condvar::new(),
            config,
            runtime: runtime.clone(),
            lost: watch::Sender::new(0),
        });
        for seat in 0..threads {
            spawn(&shared, seat, 0)?;
        }
        let watched = shared.clone();
        std::thread::Builder::new().name("infer-watch".into()).spawn(move || watch(&watched))?;
        Ok(Self { shared })
    }

    /// Threads.
    pub fn threads(&self) -> usize {
        self.shared.config.threads.max(1)
    }

    /// Runs `work` on one of the threads. Work whose caller has gone before it began is skipped.
    ///
    /// # Errors
    /// [`WorkLost`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker<K>) -> T + Send + 'static,
    ) -> Result<T, WorkLost> {
        let (done, result) = oneshot::channel();
        let (hung, lost) = oneshot::channel();
        let job: Job<K> = Box::new(move |worker| {
            if done.is_closed() {
                return;
            }
            let made = catch_unwind(AssertUnwindSafe(|| work(worker)));
            // a caller that is gone wants no result
            let _ = done.send(made.map_err(|panic| WorkLost::Panicked(text_of(&*panic))));
        });
        {
            let mut state = self.shared.state();
            if state.closed {
                return Err(WorkLost::Closed);
            }
            state.queue.push_back(Waiting { job, hung });
        }
        self.shared.woken.notify_one();
        tokio::select! {
            biased;
            Ok(lost) = lost => Err(lost),
            result = result => result.unwrap_or(Err(WorkLost::Closed)),
        }
    }

    /// Comes back when so many threads were given up that the process should end and be started
    /// again; with how many.
    pub fn gave_up(&self) -> impl Future<Output = u32> + Send + use<K> {
        let max = self.shared.config.max_lost;
        let mut lost = self.shared.lost.subscribe();
        async move {
            // the guard must not live across a wait
            let reached = lost.wait_for(|lost| *lost > max).await.map(|lost| *lost);
            match reached {
                Ok(lost) => lost,
                // the pool was closed in an orderly way
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// Threads that were given up so far.
    pub fn lost(&self) -> u32 {
        *self.shared.lost.borrow()
    }
}

impl<K> Drop for Workers<K> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closed = true;
        // their callers see the pool closed
        state.queue.clear();
        drop(state);
        self.shared.woken.notify_all();
        self.shared.closing.notify_all();
    }
}

fn spawn<K: Default + Send + 'static>(
    shared: &Arc<Shared<K>>,
    seat: usize,
    tenant: u64,
) -> std::io::Result<()> {
    let shared = shared.clone();
    let name = format!("infer-{seat}");
    std::thread::Builder::new().name(name).spawn(move || work(&shared, seat, tenant))?;
    Ok(())
}

/// The life of one thread.
fn work<K: Default>(shared: &Shared<K>, seat: usize, tenant: u64) {
    let mut kept = K::default();
    while let Some((job, stopper)) = take(shared, seat, tenant) {
        let mut worker = Worker { kept, stopper };
        job(&mut worker);
        kept = worker.kept;
        let mut state = shared.state();
        if state.seats[seat].tenant != tenant {
            return;
        }
        state.seats[seat].busy = None;
    }
}

/// The next job for this thread; `None` when it is to end.
fn take<K>(shared: &Shared<K>, seat: usize, tenant: u64) -> Option<(Job<K>, Stopper)> {
    let mut state = shared.state();
    loop {
        if state.closed || state.seats[seat].tenant != tenant {
            return None;
        }
        if let Some(Waiting { job, hung }) = state.queue.pop_front() {
            // without memory for a handful of bytes nothing goes on anyway
            let stopper = Stopper::new(&shared.runtime).ok()?;
            let since = Instant::now();
            state.seats[seat].busy =
                Some(Busy { since, stopper: stopper.clone(), hung: Some(hung) });
            return Some((job, stopper));
        }
        state = shared.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Looks at all threads several times in the time that a job may take.
fn watch<K: Default + Send + 'static>(shared: &Arc<Shared<K>>) {
    let WorkersConfig { hang, grace, .. } = shared.config;
    let pause = (hang.min(grace) / 4).clamp(Duration::from_millis(1), Duration::from_secs(1));
    loop {
        let mut replaced = Vec::new();
        let waited = shared.closing.wait_timeout(shared.state(), pause);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.closed {
            return;
        }
        for (index, seat) in state.seats.iter_mut().enumerate() {
            let Some(busy) = &mut seat.busy else { continue };
            let busy_for = busy.since.elapsed();
            if busy_for > hang && busy.hung.is_some() {
                busy.stopper.stop();
                let lost = WorkLost::Hung { waited_s: busy_for.as_secs_f32() };
                busy.hung.take().map(|hung| hung.send(lost));
            }
            if busy_for > hang + grace {
                seat.tenant += 1;
                seat.busy = None;
                replaced.push((index, seat.tenant));
            }
        }
        drop(state);
        for (seat, tenant) in replaced {
            tracing::error!(seat, "a worker thread hangs and was given up");
            metrics::counter!("hydra_workers_lost_total").increment(1);
            shared.lost.send_modify(|lost| *lost += 1);
            if let Err(error) = spawn(shared, seat, tenant) {
                tracing::error!(%error, "no thread in its place");
                shared.lost.send_replace(u32::MAX);
            }
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests;
