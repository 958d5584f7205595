//! What everything but the network costs: a null model, pixels prepared.

use super::{
    Settings,
    farm::{Worker, servers_cpu_s},
    figure::{Bar, Figure, median},
    networks::{self, INCEPTION},
    scene::{Scene, names},
};
use futures::{StreamExt, stream};
use hydra_amqp::bare;
use hydra_model::Runtime;
use hydra_proto::{
    ContentHash, ImageId, PlotTypeName,
    events::{Image, ImageResized, Pixels},
};
use hydra_stage::{Destination, Message, Outgoing, Transport};
use hydra_store::now_us;
use hydra_vision::{Limits, Workbench};
use std::collections::BTreeMap;

/// Publishes under way at once.
const UNDER_WAY: usize = 64;
/// Images before memory is watched.
const WARM_UP: usize = 100_000;
/// Images between two looks at memory.
const GROWTH_STEP: usize = 10_000;

/// Rate against bare lapin, and processor time an image.
///
/// # Errors
/// When a part of the system fails.
pub async fn run(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let (feed, worker) = begin(scene).await?;
    let size = feed.pixels.first().map_or(0, |p| p.zstd.len());
    feed.pass(settings.null_images / 5).await?;
    let (mut ratio, mut ours, mut theirs) = (vec![], vec![], vec![]);
    let (mut cpu, mut own, mut of_bare) = (vec![], vec![], vec![]);
    for _ in 0..settings.rounds {
        let per_image_ms = 1e3 / settings.null_images as f64;
        let before_bare = servers_cpu_s();
        let bare_s = bare::chain(&scene.config.broker, settings.null_images, size).await?;
        let (before, before_own) = (servers_cpu_s(), worker.cpu_s()?);
        of_bare.push((before - before_bare) * per_image_ms);
        let ours_s = feed.pass(settings.null_images).await?;
        let own_ms = (worker.cpu_s()? - before_own) * per_image_ms;
        cpu.push((servers_cpu_s() - before) * per_image_ms + own_ms);
        own.push(own_ms);
        ratio.push(bare_s / ours_s);
        ours.push(settings.null_images as f64 / ours_s);
        theirs.push(settings.null_images as f64 / bare_s);
    }
    worker.stop().await?;
    Ok(vec![
        Figure::new(
            "plumbing (infer with a null model, keep into the database) against bare lapin, two durable hops",
            "",
            Bar::AtLeast(0.80),
            &ratio,
        )
        .of(format!("({:.0} / {:.0} images/s)", median(&ours), median(&theirs))),
        Figure::new(
            "plumbing, processor time an image, workers, broker and database",
            "ms",
            Bar::AtMost(2.0),
            &cpu,
        )
        .of(format!(
            "(workers {:.2}; the bare chain's broker {:.2})",
            median(&own),
            median(&of_bare)
        )),
    ])
}

/// Memory after a warm-up against memory after many more images. The warm-up lets every buffer and
/// cache reach the size that it keeps.
///
/// # Errors
/// When a part of the system fails.
pub async fn memory(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let (feed, worker) = begin(scene).await?;
    let mut sizes = Vec::new();
    let mut left = WARM_UP + settings.growth_images;
    while left > 0 {
        if left <= settings.growth_images {
            sizes.push(worker.resident_bytes()?);
        }
        let now = left.min(GROWTH_STEP);
        feed.pass(now).await?;
        left -= now;
    }
    sizes.push(worker.resident_bytes()?);
    worker.stop().await?;
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    let per_thousand = (last - first) / 1024.0 / (settings.growth_images as f64 / 1e3);
    let what = format!("growth of memory over {} null images, an 1,000", settings.growth_images);
    let sizes: Vec<String> = sizes.iter().map(|bytes| format!("{:.1}", bytes / 1e6)).collect();
    Ok(vec![
        Figure::new(what, "KB", Bar::AtMost(1.0), &[per_thousand])
            .of(format!("(MB every {GROWTH_STEP}: {})", sizes.join(" "))),
    ])
}

/// A null model in service, and a worker that runs it and keeps.
async fn begin(scene: &Scene) -> anyhow::Result<(Feed<'_>, Worker)> {
    let runtime = Runtime::load(&crate::models::runtime_config(&scene.config))?;
    let name = names("bench_null", 1)?.remove(0);
    scene.release(&[(name.clone(), networks::null(&runtime)?)]).await?;
    let pixels = prepared(scene)?;
    let worker = Worker::start(&["infer", "keep"], &[]).await?;
    Ok((Feed { scene, name, pixels }, worker))
}

/// Pixels of the scene's plots at the network's size, as resize packs them.
fn prepared(scene: &Scene) -> anyhow::Result<Vec<Pixels>> {
    let mut bench = Workbench::new(Limits::default());
    let pack = |png| {
        let mut picture = bench.open(png).map_err(|error| anyhow::anyhow!(error))?;
        Ok(picture.pixels(&INCEPTION))
    };
    scene.plots.iter().map(|png| png.as_ref()).map(pack).collect()
}

struct Feed<'a> {
    scene: &'a Scene,
    name: PlotTypeName,
    pixels: Vec<Pixels>,
}

impl Feed<'_> {
    /// Publishes to `infer` and waits for the rows. Returns seconds.
    async fn pass(&self, count: usize) -> anyhow::Result<f64> {
        let run = self.scene.run();
        let begun_us = now_us();
        let sends = (0..count).map(|at| {
            let message = self.message(run, at);
            self.scene.transport.publish(Destination::Queue("infer".to_owned()), message)
        });
        let mut sends = stream::iter(sends).buffer_unordered(UNDER_WAY);
        while let Some(sent) = sends.next().await {
            sent?;
        }
        let ended_us = self.scene.rows(run, count).await?;
        Ok((ended_us - begun_us) as f64 / 1e6)
    }

    fn message(&self, run: u32, at: usize) -> Message {
        let content = ContentHash::of(&[run.to_be_bytes(), (at as u32).to_be_bytes()].concat());
        let chunk = Some(at as u32 + 1);
        let image = Image {
            id: ImageId::of(&self.name, run, chunk, &content).to_field(),
            plot_type: self.name.to_string(),
            run,
            chunk,
            taken_at_us: now_us(),
            arrived_at_us: now_us(),
            content: content.to_field(),
            size_bytes: 50_000,
            ..Image::default()
        };
        let event = ImageResized {
            image: Some(image),
            width: 1380,
            height: 640,
            pixels: vec![self.pixels[at % self.pixels.len()].clone()],
            ..ImageResized::default()
        };
        let outgoing = Outgoing::of(&event);
        Message {
            id: format!("bench/{run}/{at}"),
            type_name: outgoing.type_name.to_owned(),
            headers: BTreeMap::new(),
            body: outgoing.body,
        }
    }
}
