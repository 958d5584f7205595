//! The whole way, from a producer's message to the committed row, against the bare network.

use super::{
    Settings,
    farm::Worker,
    figure::{Bar, Figure, median},
    networks::{Inception, Loop},
    scene::{Scene, names},
};
use hydra_model::Runtime;

/// Plot types of a hall.
const HALL: usize = 80;

/// Rate, burst, and one trunk for many plot types.
///
/// # Errors
/// When a part of the system fails.
pub async fn run(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let runtime = Runtime::load(&crate::models::runtime_config(&scene.config))?;
    let network = Inception::new()?;
    let threads = scene.config.work.threads();
    let mut bare = Loop::new(&runtime, &network.file()?, threads)?;
    let one = names("bench_whole", 1)?;
    let many = names("bench_trunk", HALL)?;
    let heads = network.heads(&runtime, HALL)?;
    let own = network.whole(&runtime)?;
    scene.release(&one.iter().cloned().zip([own]).collect::<Vec<_>>()).await?;

    let others = Worker::start(&["ingest", "resize", "gradcam", "keep"], &[]).await?;
    let infer = Worker::start(&["infer"], &[]).await?;
    // the first images load the network
    pass(scene, &one, threads).await?;
    let (mut rate, mut whole_s, mut bare_s, mut cpu) = (vec![], vec![], vec![], vec![]);
    for _ in 0..settings.rounds {
        let bare_round_s = bare.run(settings.images)?;
        let before = infer.cpu_s()? + others.cpu_s()?;
        let (whole_round_s, _) = pass(scene, &one, settings.images).await?;
        cpu.push((infer.cpu_s()? + others.cpu_s()? - before) / settings.images as f64 * 1e3);
        rate.push(bare_round_s / whole_round_s);
        bare_s.push(bare_round_s);
        whole_s.push(whole_round_s);
    }
    let per_s = |seconds: &[f64]| settings.images as f64 / median(seconds);
    let mut figures = vec![
        Figure::new("end to end against the bare loop, InceptionV3", "", Bar::AtLeast(0.95), &rate)
            .of(format!("({:.2} / {:.2} images/s)", per_s(&whole_s), per_s(&bare_s))),
        Figure::new("processor time an image, InceptionV3, all roles", "ms", Bar::None, &cpu),
    ];

    scene.release(&many.iter().cloned().zip(heads).collect::<Vec<_>>()).await?;
    // loads the trunk and the heads
    pass(scene, &many, 2 * HALL).await?;
    let (mut burst, mut spread, mut memory) = (vec![], vec![], vec![]);
    for _ in 0..settings.rounds {
        let bare_round_s = bare.run(HALL)?;
        let (many_s, _) = pass(scene, &many, HALL).await?;
        let (one_s, _) = pass(scene, &many[..1], HALL).await?;
        burst.push(many_s / bare_round_s);
        spread.push(many_s / one_s);
        memory.push(infer.resident_bytes()? / 1e6);
    }
    infer.stop().await?;
    others.stop().await?;
    figures.extend([
        Figure::new(
            "burst of 80 plots, one of each type: last verdict against the bare loop",
            "",
            Bar::AtMost(1.10),
            &burst,
        ),
        Figure::new(
            "80 plot types on one trunk against one plot type, an image",
            "",
            Bar::AtMost(1.05),
            &spread,
        ),
        Figure::new(
            "memory of infer with two InceptionV3 loaded, one of them a trunk with 80 heads",
            "MB",
            Bar::AtMost(600.0),
            &memory,
        ),
    ]);
    Ok(figures)
}

/// Sends plots and waits for their rows. Returns seconds from the first message to the last
/// commit, and the run.
async fn pass(
    scene: &Scene,
    names: &[hydra_proto::PlotTypeName],
    count: usize,
) -> anyhow::Result<(f64, u32)> {
    let run = scene.run();
    let begun_us = scene.send(names, run, count).await?;
    let ended_us = scene.rows(run, count).await?;
    Ok(((ended_us - begun_us) as f64 / 1e6, run))
}
