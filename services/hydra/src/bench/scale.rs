//! What an image costs as a hall grows: plot types by the thousand, workers by the process.

use super::{
    Settings,
    farm::Worker,
    figure::{Bar, Figure, median},
    networks,
    scene::{Scene, names},
};
use futures::{StreamExt, stream};
use hydra_amqp::AmqpTransport;
use hydra_model::Runtime;
use hydra_proto::{Unreadable, events::Image};
use hydra_stage::{
    Destination, Done, Failure, Health, Input, Message, Policy, Runner, Stage, Transport,
};
use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Plot types of a hall as it is.
const FEW: usize = 80;
/// Images of a round.
const SAMPLE: usize = 2_000;
/// How long the sleeping model takes.
const SLEEP: Duration = Duration::from_millis(50);

/// Cost of an image with 80 and with many plot types, each with a small model of its own.
///
/// # Errors
/// When a part of the system fails.
pub async fn plot_types(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let runtime = Runtime::load(&crate::models::runtime_config(&scene.config))?;
    let bundles = networks::small(&runtime, settings.plot_types)?;
    let all = names("bench_small", settings.plot_types)?;
    let pairs: Vec<_> = all.iter().cloned().zip(bundles).collect();
    let few = &all[..FEW.min(all.len())];
    let count = settings.plot_types;
    scene.release(&pairs[..few.len()]).await?;
    let roles = ["ingest", "resize", "infer", "gradcam", "keep"];
    let worker = Worker::start(&roles, &[("HYDRA_WORK__MODELS_MEMORY_MB", "8192")]).await?;
    let pass = async |names: &[_], images: usize| -> anyhow::Result<f64> {
        let (run, before) = (scene.run(), worker.cpu_s()?);
        scene.send(names, run, images).await?;
        scene.rows(run, images).await?;
        Ok((worker.cpu_s()? - before) / images as f64 * 1e3)
    };
    pass(few, SAMPLE).await?;
    let mut with_few = Vec::new();
    for _ in 0..settings.rounds {
        with_few.push(pass(few, SAMPLE).await?);
    }
    scene.release(&pairs[few.len()..]).await?;
    // loads every model
    pass(&all, count).await?;
    let mut with_all = Vec::new();
    for round in 0..settings.rounds {
        // other plot types in every round, spread over all of them
        let step = (count / SAMPLE).max(1);
        let some: Vec<_> = all.iter().skip(round % step).step_by(step).cloned().collect();
        with_all.push(pass(&some, SAMPLE).await?);
    }
    let memory = worker.resident_bytes()? / 1e6;
    worker.stop().await?;
    let few_ms = median(&with_few);
    let ratios: Vec<f64> = with_all.iter().map(|ms| ms / few_ms).collect();
    let what = format!("{FEW} -> {count} plot types, each with a small model: cost an image");
    let detail = format!("({few_ms:.2} -> {:.2} ms, {memory:.0} MB)", median(&with_all));
    Ok(vec![Figure::new(what, "", Bar::AtMost(1.10), &ratios).of(detail)])
}

/// Rate of 1, 2, 4, 8 processes whose model sleeps.
///
/// # Errors
/// When a part of the system fails.
pub async fn workers(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut single = Vec::new();
    for processes in [1, 2, 4, 8] {
        let mut shares = Vec::new();
        for round in 0..settings.rounds {
            let rate = sleeping(scene, processes).await?;
            if processes == 1 {
                single.push(rate);
            }
            shares.push(rate / processes as f64 / single[round]);
        }
        if processes > 1 {
            let what = format!("workers 1 -> {processes} with a sleeping model, share of linear");
            let bar = if processes == 8 { Bar::AtLeast(0.90) } else { Bar::None };
            let detail = format!("({:.1} images/s with one)", median(&single));
            figures.push(Figure::new(what, "", bar, &shares).of(detail));
        }
    }
    Ok(figures)
}

/// Images a second through `processes` sleeping workers, from a queue that is full.
async fn sleeping(scene: &Scene, processes: usize) -> anyhow::Result<f64> {
    let count = processes * 100;
    let transport = &scene.transport;
    transport.declare(Sleeping::NAME, &Sleeping.policy()).await?;
    let sends = (0..count).map(|at| {
        let message = Message {
            id: at.to_string(),
            type_name: String::new(),
            headers: BTreeMap::new(),
            body: vec![7; 10_000].into(),
        };
        transport.publish(Destination::Queue(Sleeping::NAME.to_owned()), message)
    });
    let mut sends = stream::iter(sends).buffer_unordered(64);
    while let Some(sent) = sends.next().await {
        sent?;
    }
    let mut children = Vec::new();
    for _ in 0..processes {
        let mut command = tokio::process::Command::new(std::env::current_exe()?);
        command.args(["bench", "--sleeping-worker"]).stdin(Stdio::null()).stdout(Stdio::null());
        children.push(command.kill_on_drop(true).spawn()?);
    }
    // from the first quarter to the last, so that starting and the end are not in it
    let left = async |below: usize| -> anyhow::Result<Instant> {
        loop {
            let depth = transport.depth(Sleeping::NAME).await?;
            if depth.ready <= below as u64 {
                return Ok(Instant::now());
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let (from, to) = (count * 3 / 4, count / 4);
    let begun = left(from).await?;
    let ended = left(to).await?;
    left(0).await?;
    for mut child in children {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        child.wait().await?;
    }
    Ok((from - to) as f64 / (ended - begun).as_secs_f64())
}

/// The process behind `hydra bench --sleeping-worker`: a stage that waits, one message at a time.
///
/// # Errors
/// When the broker refuses.
pub async fn sleeping_worker(transport: AmqpTransport) -> anyhow::Result<()> {
    let stop = hydra_boot::stop_on_signal()?;
    let transport = Arc::new(transport);
    Runner::new(Sleeping, transport.clone(), Health::new()).run(stop).await?;
    transport.close().await;
    Ok(())
}

struct Sleeping;

struct Raw;

impl Input for Raw {
    fn read(_message: &Message) -> Result<Self, Unreadable> {
        Ok(Self)
    }
    fn image(&self) -> Option<&Image> {
        None
    }
}

impl Stage for Sleeping {
    const NAME: &'static str = "bench-sleeping";
    type In = Raw;

    fn policy(&self) -> Policy {
        Policy { batch: 1, concurrency: 1, ..Policy::default() }
    }

    async fn handle(&self, messages: Vec<Raw>) -> Vec<Result<Done, Failure>> {
        sleep(SLEEP).await;
        messages.iter().map(|_| Ok(Done::nothing())).collect()
    }
}
