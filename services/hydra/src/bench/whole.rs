//! The whole way, from a producer's message to the committed row, against the bare network.

use super::{
    Settings,
    farm::Worker,
    figure::{Bar, Figure, median},
    networks::{self, INCEPTION, Inception, Loop},
    scene::{Scene, names},
};
use hydra_model::{Bundle, Runtime};
use hydra_proto::PlotTypeName;
use hydra_vision::{Limits, Workbench};

/// Plot types of a hall.
const HALL: usize = 80;

/// The rate with one plot type.
///
/// # Errors
/// When a part of the system fails.
pub async fn run(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let network = Inception::new()?;
    let one = names("bench_whole", 1)?;
    let file = network.file()?;
    let bundles = vec![networks::bundle(&file, &runtime(scene)?)?];
    let mut stand = Stand::open(scene, &file, &one, bundles, settings.images / 4).await?;
    let (mut rate, mut whole_s, mut bare_s) = (vec![], vec![], vec![]);
    let (mut cpu, mut of_infer) = (vec![], vec![]);
    for _ in 0..settings.rounds {
        let bare_round_s = stand.bare.run(settings.images)?;
        let (others, infer) = (stand.others.cpu_s()?, stand.infer.cpu_s()?);
        let whole_round_s = pass(scene, &one, settings.images).await?;
        let per_image_ms = 1e3 / settings.images as f64;
        let infer_ms = (stand.infer.cpu_s()? - infer) * per_image_ms;
        cpu.push((stand.others.cpu_s()? - others) * per_image_ms + infer_ms);
        of_infer.push(infer_ms);
        rate.push(bare_round_s / whole_round_s);
        bare_s.push(bare_round_s);
        whole_s.push(whole_round_s);
    }
    stand.close().await?;
    let per_s = |seconds: &[f64]| settings.images as f64 / median(seconds);
    Ok(vec![
        Figure::new("end to end against the bare loop, InceptionV3", "", Bar::AtLeast(0.95), &rate)
            .of(format!("({:.2} / {:.2} images/s)", per_s(&whole_s), per_s(&bare_s))),
        Figure::new("processor time an image, InceptionV3, all roles", "ms", Bar::None, &cpu)
            .of(format!("(infer {:.1})", median(&of_infer))),
    ])
}

/// The network in integers of 8 bits: its rate against that in floats, and what the whole way
/// costs with it.
///
/// # Errors
/// When a part of the system fails.
pub async fn eight_bits(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    /// Plots that its ranges come from.
    const RANGES: usize = 20;
    let network = Inception::new()?;
    let mut bench = Workbench::new(Limits::default());
    let pixels = |png: &bytes::Bytes| {
        let mut picture = bench.open(png).map_err(|error| anyhow::anyhow!(error))?;
        Ok(picture.resized(&INCEPTION).to_vec())
    };
    let plots = scene.plots.iter().take(RANGES).map(pixels).collect::<anyhow::Result<Vec<_>>>()?;
    let file = network.eight_bits(&runtime(scene)?, &plots)?;
    let one = names("bench_eight", 1)?;
    let bundles = vec![networks::bundle(&file, &runtime(scene)?)?];
    let threads = scene.config.work.threads();
    let mut floats = Loop::new(&runtime(scene)?, &network.file()?, threads)?;
    let mut stand = Stand::open(scene, &file, &one, bundles, settings.images / 4).await?;
    let (mut faster, mut floats_ms, mut eight_ms) = (vec![], vec![], vec![]);
    let (mut cpu, mut of_infer) = (vec![], vec![]);
    let per_image_ms = 1e3 / settings.images as f64;
    for _ in 0..settings.rounds {
        let (float_s, eight_s) = (floats.run(settings.images)?, stand.bare.run(settings.images)?);
        faster.push(float_s / eight_s);
        floats_ms.push(float_s * per_image_ms * threads as f64);
        eight_ms.push(eight_s * per_image_ms * threads as f64);
        let (others, infer) = (stand.others.cpu_s()?, stand.infer.cpu_s()?);
        pass(scene, &one, settings.images).await?;
        let infer_ms = (stand.infer.cpu_s()? - infer) * per_image_ms;
        cpu.push((stand.others.cpu_s()? - others) * per_image_ms + infer_ms);
        of_infer.push(infer_ms);
    }
    stand.close().await?;
    Ok(vec![
        Figure::new("InceptionV3 in 8 bits against 32, bare loops", "", Bar::AtLeast(2.0), &faster)
            .of(format!("({:.0} / {:.0} ms of core)", median(&floats_ms), median(&eight_ms))),
        Figure::new(
            "processor time an image, InceptionV3 in 8 bits, all roles",
            "ms",
            Bar::AtMost(46.0),
            &cpu,
        )
        .of(format!("(infer {:.1})", median(&of_infer))),
    ])
}

/// A burst of one plot of each type, and what many plot types on one trunk cost.
///
/// # Errors
/// When a part of the system fails.
pub async fn trunk(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let network = Inception::new()?;
    let many = names("bench_trunk", HALL)?;
    let heads = network.heads(&runtime(scene)?, HALL)?;
    let mut stand = Stand::open(scene, &network.file()?, &many, heads, HALL).await?;
    let (mut burst, mut spread, mut memory) = (vec![], vec![], vec![]);
    for _ in 0..settings.rounds {
        let bare_s = stand.bare.run(HALL)?;
        let many_s = pass(scene, &many, HALL).await?;
        let one_s = pass(scene, &many[..1], HALL).await?;
        burst.push(many_s / bare_s);
        spread.push(many_s / one_s);
        memory.push(stand.infer.resident_bytes()? / 1e6);
    }
    stand.close().await?;
    Ok(vec![
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
            "memory of infer, InceptionV3 as a trunk with 80 heads",
            "MB",
            Bar::AtMost(600.0),
            &memory,
        ),
    ])
}

fn runtime(scene: &Scene) -> anyhow::Result<Runtime> {
    Ok(Runtime::load(&crate::models::runtime_config(&scene.config))?)
}

/// The bare network in this process; the roles in two others, `infer` alone in its own.
struct Stand {
    bare: Loop,
    infer: Worker,
    others: Worker,
}

impl Stand {
    /// Puts the bundles into service, starts the roles, and warms them up with some plots.
    async fn open(
        scene: &Scene,
        file: &[u8],
        names: &[PlotTypeName],
        bundles: Vec<Bundle>,
        warm_up: usize,
    ) -> anyhow::Result<Self> {
        let bare = Loop::new(&runtime(scene)?, file, scene.config.work.threads())?;
        scene.release(&names.iter().cloned().zip(bundles).collect::<Vec<_>>()).await?;
        let others = Worker::start(&["ingest", "resize", "gradcam", "keep"], &[]).await?;
        let infer = Worker::start(&["infer"], &[]).await?;
        pass(scene, names, warm_up).await?;
        Ok(Self { bare, infer, others })
    }

    async fn close(self) -> anyhow::Result<()> {
        self.infer.stop().await?;
        self.others.stop().await
    }
}

/// Sends plots and waits for their rows. Returns seconds from the first message to the last
/// commit.
async fn pass(scene: &Scene, names: &[PlotTypeName], count: usize) -> anyhow::Result<f64> {
    let run = scene.run();
    let begun_us = scene.send(names, run, count).await?;
    let ended_us = scene.rows(run, count).await?;
    Ok((ended_us - begun_us) as f64 / 1e6)
}
