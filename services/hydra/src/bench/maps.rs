//! A heat map against one run of the network that it explains.

use super::{
    Settings,
    figure::{Bar, Figure, median},
    networks::{self, INCEPTION, Inception, Loop},
    scene::Scene,
};
use anyhow::anyhow;
use hydra_gradcam::Gradcam;
use hydra_model::Runtime;
use hydra_proto::{
    ContentHash,
    events::{HeatmapWanted, Image},
};
use hydra_stage::Stage;
use hydra_vision::{Limits, Workbench};
use std::time::Instant;

/// Maps a round.
const MAPS: usize = 8;

/// One map, network and drawing, on one thread, against one inference on one thread.
///
/// # Errors
/// When a map cannot be made.
pub async fn run(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let runtime = Runtime::load(&crate::models::runtime_config(&scene.config))?;
    let network = Inception::new()?;
    let bundle = networks::bundle(&network.file()?, &runtime)?;
    scene.library.add(&bundle).await?;
    let mut bare = Loop::new(&runtime, &network.file()?, 1)?;
    let gradcam = Gradcam::new(scene.library.clone(), &runtime, 1)?;
    let mut bench = Workbench::new(Limits::default());
    let mut picture = bench.open(&scene.plots[0]).map_err(|error| anyhow!(error))?;
    let wanted = HeatmapWanted {
        image: Some(Image {
            plot_type: "bench".to_owned(),
            content: ContentHash::of(&scene.plots[0]).to_field(),
            ..Image::default()
        }),
        model: bundle.digest.to_field(),
        label: bundle.manifest.labels[0].to_string(),
        pixels: Some(picture.pixels(&INCEPTION)),
    };
    let map = async || -> anyhow::Result<()> {
        for outcome in gradcam.handle(vec![wanted.clone()]).await {
            outcome.map_err(|failure| anyhow!("no map: {failure:?}"))?;
        }
        Ok(())
    };
    map().await?;
    let (mut ratio, mut maps_ms, mut bare_ms) = (vec![], vec![], vec![]);
    for _ in 0..settings.rounds {
        let bare_s = bare.run(MAPS)? / MAPS as f64;
        let begun = Instant::now();
        for _ in 0..MAPS {
            map().await?;
        }
        let map_s = begun.elapsed().as_secs_f64() / MAPS as f64;
        ratio.push(map_s / bare_s);
        maps_ms.push(map_s * 1e3);
        bare_ms.push(bare_s * 1e3);
    }
    Ok(vec![
        Figure::new("heat map against one inference, InceptionV3", "", Bar::AtMost(1.3), &ratio)
            .of(format!("({:.0} / {:.0} ms)", median(&maps_ms), median(&bare_ms))),
    ])
}
