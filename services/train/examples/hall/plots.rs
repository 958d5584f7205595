//! Plots with their truth: drawn, encoded, decoded, resized.

use anyhow::Result;
use hydra_hall::{Hall, Mix, Painter, PlotType};
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label};
use hydra_train::data::{Dataset, Example, PixelError};
use hydra_train::eval::split::Part;
use hydra_vision::{Limits, Workbench};
use rayon::prelude::*;
use std::collections::HashMap;

/// Drawn plots of one type, with the truth about them.
#[derive(Default)]
pub struct Plots {
    pub examples: Vec<Example>,
    pub parts: Vec<Part>,
    pub pixels: Vec<Vec<u8>>,
    /// Name of the strength; empty for Goods and faults without amplitude.
    pub strengths: HashMap<ImageId, String>,
    /// Name of the fault; empty for Goods.
    pub kinds: HashMap<ImageId, String>,
    /// Share of width and height where the fault is: left, top, right, bottom.
    pub boxes: HashMap<ImageId, [f64; 4]>,
}

impl Dataset for Plots {
    fn examples(&self) -> &[Example] {
        &self.examples
    }
    fn pixels(&self, index: usize, _: InputShape) -> Result<Vec<u8>, PixelError> {
        Ok(self.pixels[index].clone())
    }
}

/// What is drawn.
pub struct Labels<'a> {
    /// Of the training part.
    pub count: usize,
    /// Bad ones at most; as the mix brings them if absent.
    pub bad: Option<usize>,
    /// A kind of fault that is in the test part alone.
    pub withheld: Option<&'a str>,
}

/// Training, validation and test, each with runs of its own.
pub fn drawn(
    hall: &Hall,
    plot_type: &PlotType,
    labels: &Labels<'_>,
    shape: InputShape,
) -> Result<Plots> {
    let Labels { count: labels, bad, withheld } = *labels;
    let first = hall.first_run();
    let parts = [
        (Part::Train, labels, first..first + 60, 1),
        (Part::Validation, labels * 2 / 3, first + 60..first + 100, 2),
        (Part::Test, labels, first + 100..first + 180, 3),
    ];
    let mut plots = Plots::default();
    for (part, count, runs, seed) in parts {
        let mut samples = hall.samples(plot_type, count, runs, &Mix::default(), seed);
        if part != Part::Test {
            samples.retain(|s| s.fault.is_none_or(|fault| Some(fault.kind.name()) != withheld));
        }
        if let (Some(most), true) = (bad, part != Part::Test) {
            // the test part stays what it is: it judges
            let most = if part == Part::Train { most } else { most * 2 / 3 };
            let mut seen = 0;
            samples.retain(|sample| {
                seen += usize::from(sample.fault.is_some());
                sample.fault.is_none() || seen <= most
            });
        }
        let made: Vec<(Vec<u8>, Vec<u8>, hydra_hall::Truth)> = samples
            .par_iter()
            .map(|sample| -> Result<_> {
                let fault = sample.fault.as_ref();
                let one = hall.draw_with(&mut Painter::new(), plot_type, sample.at, fault)?;
                let mut bench = Workbench::new(Limits::default());
                let mut picture = bench.open(&one.png)?;
                Ok((picture.resized(&shape).to_vec(), one.png, one.truth))
            })
            .collect::<Result<_>>()?;
        for (sample, (pixels, png, truth)) in samples.iter().zip(made) {
            let content = ContentHash::of(&png);
            let (run, chunk) = (sample.at.run, Some(sample.at.chunk));
            let image = ImageId::of(&plot_type.name, run, chunk, &content);
            if let Some(fault) = &truth.fault {
                plots.kinds.insert(image, fault.kind.clone());
                let (across, down) = (f64::from(truth.width), f64::from(truth.height));
                let (x, y) = (f64::from(fault.area.x), f64::from(fault.area.y));
                let (w, h) = (f64::from(fault.area.width), f64::from(fault.area.height));
                if fault.local {
                    let place = [x / across, y / down, (x + w) / across, (y + h) / down];
                    plots.boxes.insert(image, place);
                }
            }
            let strength = truth.fault.and_then(|fault| fault.strength).unwrap_or_default();
            plots.strengths.insert(image, strength);
            plots.examples.push(Example {
                image,
                content,
                plot_type: plot_type.name.clone(),
                run,
                chunk,
                // every kind of trouble is one class: some have too few images for one of their own
                label: if truth.label == Label::GOOD { Label::GOOD } else { Label::BAD }.parse()?,
                weight: 1.0,
                condition: format!("target {}", truth.conditions.target),
                synthetic: false,
            });
            plots.parts.push(part);
            plots.pixels.push(pixels);
        }
    }
    Ok(plots)
}
