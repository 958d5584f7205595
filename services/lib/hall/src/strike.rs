//! A fault strikes a plot: its place, the amplitude that makes it as visible as asked for, its truth.

use crate::{
    catalog::{HOT_CHANNEL, PlotType},
    conditions::Conditions,
    error::HallError,
    fault::{Effect, Fault, FaultKind, LayoutFault, Moment, Placed, effect, place},
    hall::Hall,
    render::Look,
    seed,
    truth::{Amplitude, FaultTruth},
};
use hydra_proto::Label;

/// A fault with its place and amplitude in one chunk.
pub(crate) struct Struck {
    pub placed: Placed,
    amplitude: f64,
    dchi2: Option<f64>,
}

impl Hall {
    /// Finds the part that the fault breaks: the same for as long as it lasts.
    pub(crate) fn placed(&self, plot_type: &PlotType, fault: &Fault) -> Result<Placed, HallError> {
        let conditions = self.conditions(fault.onset.run);
        let events = f64::from(conditions.events_per_chunk);
        let setting = conditions.setting(plot_type.detector, events);
        let nominal = self.nominal(plot_type, &conditions, events);
        let numbers = [seed::text(plot_type.name.as_str()), fault.seed];
        let mut random = seed::stream(self.seed(), fault.kind.name(), &numbers);
        let target = fault.strength.0;
        place(plot_type, &setting, &nominal, fault.kind, target, &mut random).ok_or_else(|| {
            HallError::NotApplicable {
                plot_type: plot_type.name.to_string(),
                kind: fault.kind.name(),
                dchi2: target,
            }
        })
    }

    /// Expected counts with the fault, its amplitude solved for its strength in this chunk.
    pub(crate) fn strike(
        &self,
        plot_type: &PlotType,
        at: Moment,
        fault: &Fault,
        conditions: &Conditions,
        nominal: &[Vec<f64>],
    ) -> Result<(Vec<Vec<f64>>, Struck), HallError> {
        let placed = self.placed(plot_type, fault)?;
        let setting = conditions.setting(plot_type.detector, self.events(at, conditions));
        let target = fault.strength.0;
        let amplitude = match (&placed.effect, placed.panel) {
            (Effect::Thin, _) => effect::thinning(target),
            (effect, Some(index)) if fault.kind.has_amplitude() => {
                let (panel, nominal) = (&plot_type.panels[index], &nominal[index]);
                let visible = |amplitude| {
                    let faulty = effect.faulty(panel, &setting, nominal, amplitude);
                    effect::dchi2(nominal, &faulty)
                };
                effect::solve(visible, target, effect.largest(panel))
            }
            _ => 0.0,
        };
        let mut faulty = nominal.to_vec();
        for (index, panel) in plot_type.panels.iter().enumerate() {
            if placed.panel.is_none_or(|struck| struck == index) {
                faulty[index] = placed.effect.faulty(panel, &setting, &nominal[index], amplitude);
            }
        }
        let dchi2 = match placed.effect {
            Effect::Layout(_) | Effect::Stuck => None,
            Effect::Thin => Some(effect::thinned_dchi2(amplitude)),
            _ => Some(nominal.iter().zip(&faulty).map(|(n, f)| effect::dchi2(n, f)).sum()),
        };
        Ok((faulty, Struck { placed, amplitude, dchi2 }))
    }
}

/// What an expert says who knows all.
pub(crate) fn label(plot_type: &PlotType, fault: Option<&Fault>) -> &'static str {
    let has = |wanted: &str| plot_type.labels.iter().any(|label| label.as_str() == wanted);
    match fault.map(|fault| fault.kind) {
        None => Label::GOOD,
        Some(FaultKind::EmptyPlot) => Label::NO_DATA,
        Some(FaultKind::HotChannel) if has(HOT_CHANNEL) => HOT_CHANNEL,
        Some(_) => Label::BAD,
    }
}

pub(crate) fn fault_truth_of(
    plot_type: &PlotType,
    fault: &Fault,
    struck: &Struck,
    look: &Look,
    nominal: &[Vec<f64>],
    faulty: &[Vec<f64>],
) -> FaultTruth {
    let Struck { placed, amplitude, dchi2 } = struck;
    let panel = placed.panel.map(|index| &plot_type.panels[index]);
    let has_amplitude = fault.kind.has_amplitude();
    let layout: Option<&LayoutFault> = match &placed.effect {
        Effect::Layout(layout) => Some(layout),
        _ => None,
    };
    let area = placed.panel.and_then(|index| {
        let of_panel = |(panel, _): &&(usize, _)| *panel == index;
        let geometry = look.geometry(plot_type);
        let (_, geometry) = geometry.iter().find(of_panel)?;
        if layout.is_some() {
            return Some(geometry.pad_box());
        }
        let bins = effect::changed_bins(panel?, &nominal[index], &faulty[index]);
        Some(geometry.area(panel?, bins))
    });
    FaultTruth {
        kind: fault.kind.name().to_owned(),
        strength: has_amplitude.then(|| fault.strength.name().to_owned()),
        expected_dchi2: *dchi2,
        amplitude: placed
            .effect
            .amplitude_name(panel)
            .map(|name| Amplitude { name, value: *amplitude }),
        panel: placed.panel,
        place: placed.place.clone(),
        onset: fault.onset,
        area: area.unwrap_or_else(|| look.whole()),
        local: area.is_some() && fault.kind.is_local(),
    }
}
