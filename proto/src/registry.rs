//! What workers must know about plot types and models, as one immutable snapshot.
//!
//! `store` builds it from the database and hands it round in a `tokio::sync::watch`; `resize`
//! and `infer` read it for every batch, so that a release reaches the next image.

use crate::{Label, ModelDigest, PlotTypeName, Threshold, events::Fit};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};

/// Every plot type and model alias of a hall, as of one generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// Grows by one with every change of catalog, release or threshold.
    pub generation: u64,
    /// By plot type.
    pub plot_types: HashMap<PlotTypeName, PlotType>,
}

/// One plot type's serving state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlotType {
    /// Disabled plot types are kept and shown, never judged.
    pub disabled: bool,
    /// The model whose verdict counts.
    pub active: Option<Release>,
    /// The model that predicts in the shadow.
    pub candidate: Option<Release>,
    /// Labels that alarm the shift.
    pub bad_labels: Arc<[Label]>,
}

/// A model as released for a plot type: thresholds are the release's, not the bundle's.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The bundle.
    pub model: ModelDigest,
    /// What its inputs look like; a plot type is resized to these.
    pub inputs: Vec<InputShape>,
    /// By label. A label without an entry is confirmed from 0.5 on.
    pub thresholds: HashMap<Label, Threshold>,
}

/// The shape of one input image, before normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InputShape {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1 (grey) or 3 (RGB).
    pub channels: u32,
    /// Letterbox keeps the aspect, stretch (the default) fills the frame.
    #[serde(default)]
    pub letterbox: bool,
}

impl InputShape {
    /// The wire form of `letterbox`.
    pub fn fit(&self) -> Fit {
        if self.letterbox { Fit::Letterbox } else { Fit::Stretch }
    }
    /// Bytes of one 8-bit image of this shape.
    pub fn size_bytes(&self) -> usize {
        self.width as usize * self.height as usize * self.channels as usize
    }
}

impl Registry {
    /// The distinct input shapes that a plot type's active and candidate models need, sorted.
    pub fn shapes(&self, plot_type: &PlotTypeName) -> Vec<InputShape> {
        let Some(entry) = self.plot_types.get(plot_type).filter(|entry| !entry.disabled) else {
            return Vec::new();
        };
        let mut shapes: Vec<InputShape> = [&entry.active, &entry.candidate]
            .into_iter()
            .flatten()
            .flat_map(|release| release.inputs.iter().copied())
            .collect();
        shapes.sort();
        shapes.dedup();
        shapes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(width: u32) -> Option<Release> {
        Some(Release {
            model: ModelDigest::of(b"m"),
            inputs: vec![InputShape { width, height: width, channels: 3, letterbox: false }],
            thresholds: HashMap::new(),
        })
    }

    #[test]
    fn shapes_are_the_union_of_active_and_candidate_without_repeats() {
        let name: PlotTypeName = "A".parse().unwrap();
        let mut registry = Registry::default();
        registry.plot_types.insert(
            name.clone(),
            PlotType { active: release(299), candidate: release(128), ..PlotType::default() },
        );
        let widths: Vec<u32> = registry.shapes(&name).iter().map(|s| s.width).collect();
        assert_eq!(widths, [128, 299]);
        registry.plot_types.get_mut(&name).unwrap().candidate = release(299);
        assert_eq!(registry.shapes(&name).len(), 1);
    }

    #[test]
    fn unknown_and_disabled_plot_types_need_no_pixels() {
        let name: PlotTypeName = "A".parse().unwrap();
        let mut registry = Registry::default();
        assert!(registry.shapes(&name).is_empty());
        registry.plot_types.insert(
            name.clone(),
            PlotType { disabled: true, active: release(299), ..PlotType::default() },
        );
        assert!(registry.shapes(&name).is_empty());
    }
}
