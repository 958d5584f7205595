//! Small plots that need no simulated hall: a map of counts, with a hole where it is Bad.
#![allow(dead_code, clippy::unwrap_used)]

use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, PlotTypeName};
use hydra_train::data::{Dataset, Example, PixelError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub const SHAPE: InputShape = InputShape { width: 32, height: 32, channels: 3, letterbox: false };

/// `count` plots of a type, ten a run, every third with a hole.
pub struct Plots {
    pub examples: Vec<Example>,
    seed: u64,
}

impl Plots {
    pub fn new(plot_type: &str, count: u32, seed: u64) -> Self {
        let plot_type: PlotTypeName = plot_type.parse().unwrap();
        let examples = (0..count)
            .map(|i| {
                let content = ContentHash::of(format!("{plot_type} {seed} {i}").as_bytes());
                let (run, chunk) = (100 + i / 10, Some(i % 10));
                Example {
                    image: ImageId::of(&plot_type, run, chunk, &content),
                    content,
                    plot_type: plot_type.clone(),
                    run,
                    chunk,
                    label: if i % 3 == 0 { "Bad" } else { "Good" }.parse().unwrap(),
                    weight: 1.0,
                    condition: String::new(),
                    synthetic: false,
                }
            })
            .collect();
        Self { examples, seed }
    }
}

impl Dataset for Plots {
    fn examples(&self) -> &[Example] {
        &self.examples
    }

    fn pixels(&self, index: usize, shape: InputShape) -> Result<Vec<u8>, PixelError> {
        if self.examples[index].label.as_str() == "Broken" {
            let source = std::io::Error::other("it is no image");
            return Err(PixelError { index, source: Box::new(source) });
        }
        let bad = self.examples[index].label.as_str() == "Bad";
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ (index as u64) << 20);
        let gain = rng.random_range(0.8..1.2f32);
        let hole = (rng.random_range(6..20u32), rng.random_range(6..20u32));
        let mut pixels = Vec::with_capacity(shape.size_bytes());
        for y in 0..shape.height {
            for x in 0..shape.width {
                let inside = (4..28).contains(&x) && (4..28).contains(&y);
                let missing =
                    bad && (hole.0..hole.0 + 6).contains(&x) && (hole.1..hole.1 + 6).contains(&y);
                let level = match (inside, missing) {
                    (false, _) => 255.0,
                    (true, true) => 20.0,
                    (true, false) => gain * 120.0 + rng.random_range(-25.0..25.0f32),
                };
                let level = level.clamp(0.0, 255.0) as u8;
                pixels.extend([level, 255 - level / 2, level][..shape.channels as usize].iter());
            }
        }
        Ok(pixels)
    }
}
