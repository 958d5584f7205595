use super::*;
use std::sync::mpsc;

fn runtime() -> Runtime {
    Runtime::load(&crate::RuntimeConfig::default()).unwrap()
}

fn workers(threads: usize) -> Workers<u32> {
    Workers::start(WorkersConfig { threads, ..WorkersConfig::default() }, &runtime()).unwrap()
}

fn impatient(threads: usize) -> Workers<u32> {
    let (hang, grace) = (Duration::from_millis(300), Duration::from_millis(100));
    Workers::start(WorkersConfig { threads, hang, grace, max_lost: 1 }, &runtime()).unwrap()
}

#[tokio::test]
async fn a_thread_keeps_its_buffers_from_job_to_job() {
    let workers = workers(1);
    for wanted in 1..=3 {
        let count = workers.run(|worker| {
            worker.kept += 1;
            worker.kept
        });
        assert_eq!(count.await, Ok(wanted));
    }
}

#[tokio::test]
async fn a_panic_costs_its_own_job_only() {
    let workers = workers(1);
    let lost = workers.run(|_| -> u32 { panic!("ordered") }).await;
    assert_eq!(lost, Err(WorkLost::Panicked("ordered".into())));
    assert_eq!(workers.run(|_| 7).await, Ok(7));
}

#[tokio::test]
async fn a_thread_that_hangs_is_given_up_and_replaced() {
    let workers = impatient(1);
    let (free, stuck) = mpsc::channel::<()>();
    let hung = workers.run(move |_| stuck.recv().is_ok()).await;
    assert!(matches!(hung, Err(WorkLost::Hung { .. })), "{hung:?}");
    // the one thread still hangs; only its replacement can do this
    assert_eq!(workers.run(|_| 7).await, Ok(7));
    assert_eq!(workers.lost(), 1);
    drop(free);
}

#[tokio::test]
async fn too_many_lost_threads_are_told() {
    let workers = impatient(2);
    let gave_up = workers.gave_up();
    let mut frees = Vec::new();
    for _ in 0..2 {
        let (free, stuck) = mpsc::channel::<()>();
        frees.push(free);
        let hung = workers.run(move |_| stuck.recv().is_ok()).await;
        assert!(matches!(hung, Err(WorkLost::Hung { .. })));
    }
    assert_eq!(gave_up.await, 2);
}

#[tokio::test]
async fn work_whose_caller_has_gone_is_skipped() {
    let workers = workers(1);
    let (free, stuck) = mpsc::channel::<()>();
    let first = workers.run(move |_| stuck.recv().is_ok());
    let (told, skipped) = mpsc::channel::<()>();
    let mut first = Box::pin(first);
    assert!(futures::poll!(&mut first).is_pending());
    let mut second = Box::pin(workers.run(move |_| told.send(())));
    assert!(futures::poll!(&mut second).is_pending());
    drop(second);
    free.send(()).unwrap();
    assert_eq!(first.await, Ok(true));
    assert_eq!(workers.run(|_| 7).await, Ok(7));
    assert!(skipped.try_recv().is_err());
}

#[tokio::test]
async fn a_closed_pool_says_so() {
    let workers = workers(1);
    let (free, stuck) = mpsc::channel::<()>();
    let first = workers.run(move |_| stuck.recv().is_ok());
    let mut first = Box::pin(first);
    assert!(futures::poll!(&mut first).is_pending());
    let mut waiting = Box::pin(workers.run(|_| 7));
    assert!(futures::poll!(&mut waiting).is_pending());
    drop((first, free));
    let shared = workers.shared.clone();
    drop(waiting);
    drop(workers);
    assert!(shared.state().closed && shared.state().queue.is_empty());
}
