//! Plots as they would come to the model: drawn, encoded, decoded, resized.

use anyhow::{Result, anyhow};
use hydra_hall::{Hall, Painter, PlotType, Sample};
use hydra_proto::registry::InputShape;
use hydra_vision::{Limits, Workbench};

/// What the models look at.
pub const SHAPE: InputShape = InputShape { width: 288, height: 192, channels: 3, letterbox: false };

/// Buffers of one thread.
pub struct Bench {
    painter: Painter,
    workbench: Workbench,
}

impl Bench {
    pub fn new() -> Self {
        Self { painter: Painter::new(), workbench: Workbench::new(Limits::default()) }
    }

    /// One plot at the models' size.
    pub fn pixels(&mut self, hall: &Hall, of: &PlotType, sample: &Sample) -> Result<Vec<u8>> {
        let drawn = hall.draw_with(&mut self.painter, of, sample.at, sample.fault.as_ref())?;
        let mut picture = self.workbench.open(&drawn.png).map_err(|error| anyhow!(error))?;
        Ok(picture.resized(&SHAPE).to_vec())
    }
}
