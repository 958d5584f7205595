//! The simulated hall as a producer: what real monitoring software sends with a plot.

use anyhow::Context;
use hydra_hall::{Conditions, Drawn, Hall, Moment, Painter, Scenario, Trouble};
use hydra_stage::Message;
use std::collections::BTreeMap;

/// Chunks for which faults are laid out in advance.
const LAID_OUT: u32 = 2_000;

/// A hall with its faults, drawn chunk by chunk.
pub struct Simulated {
    /// What is drawn.
    pub hall: Hall,
    scenario: Scenario,
    painter: Painter,
}

impl Simulated {
    /// The hall of this seed, with faults by `trouble`, or with none.
    pub fn new(seed: u64, trouble: Option<&Trouble>) -> Self {
        let first = Moment { run: Hall::new(seed).first_run(), chunk: 1 };
        Self::new_from(seed, first, trouble)
    }

    /// The same, with faults laid out from another moment on.
    pub fn new_from(seed: u64, first: Moment, trouble: Option<&Trouble>) -> Self {
        let hall = Hall::new(seed);
        let scenario = match trouble {
            Some(trouble) => Scenario::random(&hall, first, LAID_OUT, trouble, seed),
            None => Scenario::quiet(),
        };
        Self { hall, scenario, painter: Painter::new() }
    }

    /// Every plot of one chunk.
    ///
    /// # Errors
    /// When the moment is beyond what a hall has.
    pub fn chunk(&mut self, at: Moment) -> anyhow::Result<Vec<Drawn>> {
        let Self { hall, scenario, painter } = self;
        let mut drawn = Vec::with_capacity(hall.plot_types().len());
        for plot_type in hall.plot_types() {
            let fault = scenario.fault(&plot_type.name, at);
            let plot = hall.draw_with(painter, plot_type, at, fault);
            drawn.push(plot.with_context(|| format!("drawing {}", plot_type.name))?);
        }
        Ok(drawn)
    }
}

/// What a run database tells of a run, as a JSON object.
///
/// # Errors
/// Never, but for numbers that JSON does not have.
pub fn conditions(conditions: &Conditions) -> anyhow::Result<String> {
    Ok(serde_json::to_string(&serde_json::json!({
        "beam_current_na": conditions.beam_current_na,
        "beam_energy_gev": conditions.beam_energy_gev,
        "target": conditions.target,
        "group": conditions.group,
    }))?)
}

/// The message that a producer publishes for a plot: the bytes, and the facts as headers.
///
/// # Errors
/// When the conditions cannot be written as JSON.
pub fn message(hall: &Hall, drawn: Drawn, taken_at: String) -> anyhow::Result<Message> {
    let truth = drawn.truth;
    let conditions = conditions(&truth.conditions)?;
    let headers = [
        ("plot-type", truth.plot_type),
        ("run", truth.run.to_string()),
        ("chunk", truth.chunk.to_string()),
        ("run-period", hall.run_period()),
        ("taken-at", taken_at),
        ("source", "simulated hall".to_owned()),
        ("conditions", conditions),
    ];
    let headers: BTreeMap<String, String> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Message { id: String::new(), type_name: String::new(), headers, body: drawn.png.into() })
}
