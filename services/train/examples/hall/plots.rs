//! Plots with their truth: drawn, encoded, decoded, resized.

use anyhow::Result;
use hydra_hall::{Hall, Mix, Painter, PlotType, Sample};
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label};
use hydra_train::data::{Dataset, Example, PixelError, prepare};
use hydra_train::eval::split::{Fixed, Part, SplitSettings, split};
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
    /// Whether each part has conditions of its own, and not runs of its own alone.
    pub apart: bool,
}

/// Runs of training, validation and test, where these are apart.
const APART: [u32; 3] = [60, 40, 80];

/// Training, validation and test, each with runs of its own: as `hydra model train` splits them,
/// or in three blocks of consecutive runs, whose conditions the other parts do not have.
pub fn drawn(
    hall: &Hall,
    plot_type: &PlotType,
    labels: &Labels<'_>,
    shape: InputShape,
) -> Result<Plots> {
    let first = hall.first_run();
    let counts = [labels.count, labels.count * 2 / 3, labels.count];
    let all: usize = counts.iter().sum();
    let mix = Mix::default();
    let mut plots = Plots::default();
    if labels.apart {
        let mut next = first;
        for ((count, runs), seed) in counts.into_iter().zip(APART).zip(1..) {
            let samples = hall.samples(plot_type, count, next..next + runs, &mix, seed);
            plots.draw(hall, plot_type, &samples, shape)?;
            next += runs;
        }
        let [training, validation, _] = APART;
        let part_of = |run: u32| match run - first {
            run if run < training => Part::Train,
            run if run < training + validation => Part::Validation,
            _ => Part::Test,
        };
        plots.parts = plots.examples.iter().map(|example| part_of(example.run)).collect();
    } else {
        let runs = first..first + APART.iter().sum::<u32>();
        plots.draw(hall, plot_type, &hall.samples(plot_type, all, runs, &mix, 1), shape)?;
        let share = |count: usize| count as f64 / all as f64;
        let settings = SplitSettings {
            validation: share(counts[1]),
            test: share(counts[2]),
            ..Default::default()
        };
        let (classes, labelled) = prepare(&plots.examples)?;
        let fixed = Fixed::default();
        let parts = split(&plots.examples, &labelled, &classes, &fixed, &settings, None)?;
        // what is left out here, such as the same bytes again, is left out of learning, too
        plots.parts = vec![Part::Train; plots.examples.len()];
        labelled.iter().zip(parts).for_each(|(one, part)| plots.parts[one.example] = part);
    }
    plots.prune(labels);
    Ok(plots)
}

impl Plots {
    fn draw(
        &mut self,
        hall: &Hall,
        plot_type: &PlotType,
        samples: &[Sample],
        shape: InputShape,
    ) -> Result<()> {
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
                self.kinds.insert(image, fault.kind.clone());
                let (across, down) = (f64::from(truth.width), f64::from(truth.height));
                let (x, y) = (f64::from(fault.area.x), f64::from(fault.area.y));
                let (w, h) = (f64::from(fault.area.width), f64::from(fault.area.height));
                if fault.local {
                    let place = [x / across, y / down, (x + w) / across, (y + h) / down];
                    self.boxes.insert(image, place);
                }
            }
            let strength = truth.fault.and_then(|fault| fault.strength).unwrap_or_default();
            self.strengths.insert(image, strength);
            self.examples.push(Example {
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
            self.pixels.push(pixels);
        }
        Ok(())
    }

    /// Drops what is withheld and Bad ones above the most. The test part stays what it is: it
    /// judges.
    fn prune(&mut self, labels: &Labels<'_>) {
        let mut seen = [0; 2];
        let kept: Vec<bool> = (0..self.examples.len())
            .map(|index| {
                let place = match self.parts[index] {
                    Part::Train => 0,
                    Part::Validation => 1,
                    Part::Test => return true,
                };
                let Some(kind) = self.kinds.get(&self.examples[index].image) else { return true };
                if Some(kind.as_str()) == labels.withheld {
                    return false;
                }
                seen[place] += 1;
                labels.bad.is_none_or(|most| seen[place] <= [most, most * 2 / 3][place])
            })
            .collect();
        keep(&mut self.examples, &kept);
        keep(&mut self.parts, &kept);
        keep(&mut self.pixels, &kept);
    }
}

fn keep<T>(all: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    all.retain(|_| kept.next().is_some_and(|kept| *kept));
}
