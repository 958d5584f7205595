//! Counts from elsewhere -> the same kind of picture: a map with axes, colour bar and title.

use crate::{
    catalog::{PlotType, Scale, Style},
    panel::{Axis, Panel, View},
    physics::{Asymmetry, Physics},
    render::{Header, Look, Painter, Sheet},
    wiring::Wiring,
};
use hydra_proto::PlotTypeName;

/// A map that somebody else counted.
#[derive(Clone, Debug)]
pub struct OutsideMap<'a> {
    /// What it is of.
    pub name: PlotTypeName,
    /// On top of the canvas.
    pub title: &'static str,
    /// By cell; row by row from below.
    pub counts: &'a [u32],
    /// Cells across; the rows follow.
    pub columns: usize,
    /// The colour scale ends here at least.
    pub full_colour: u32,
    /// Pixels of the canvas.
    pub size: (u32, u32),
}

impl Painter {
    /// Paints a map from elsewhere; [`Painter::png`] or [`Painter::rgb`] give it.
    pub fn outside(&mut self, map: &OutsideMap<'_>) {
        let columns = map.columns.max(1);
        let rows = (map.counts.len() / columns).max(1);
        let axis = |title: &str, bins: usize| Axis::new(title, 0.0, bins as f64, bins);
        // nothing is expected of these counts: what is drawn is what was counted
        let nothing =
            Asymmetry { entries: 0.0, offset: 0.0, amplitude: 0.0, phase: 0.0, period: 0.0 };
        let panel = Panel {
            title: String::new(),
            x: axis("column", columns),
            y: axis("row", rows),
            view: View::Colours { log: false },
            physics: Physics::Asymmetry(nothing),
            wiring: Wiring::default(),
            tweaks: Vec::new(),
            stats: true,
            full_colour: map.full_colour,
        };
        let plot_type = PlotType {
            name: map.name.clone(),
            detector: "",
            title: map.title,
            group: "",
            guidance: "",
            contact: "",
            labels: Vec::new(),
            cadence_s: 0,
            width: map.size.0,
            height: map.size.1,
            columns: 1,
            rows: 1,
            style: Style::Root,
            scale: Scale::Bird,
            panels: vec![panel],
        };
        let look = Look::new(&plot_type, None);
        let counts = [map.counts[..columns * rows].to_vec()];
        let header = Header { text: String::new() };
        self.paint(&Sheet {
            plot_type: &plot_type,
            look: &look,
            header: &header,
            counts: &counts,
            scale: &counts,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_elsewhere_are_painted_cell_by_cell() {
        let mut counts = vec![1u32; 10 * 8];
        counts[3 * 10 + 4] = 2;
        let mut painter = Painter::new();
        let mut picture = |counts: &[u32]| {
            painter.outside(&OutsideMap {
                name: "wafer".parse().unwrap(),
                title: "Wafer map",
                counts,
                columns: 10,
                full_colour: 2,
                size: (320, 260),
            });
            let mut pixels = Vec::new();
            painter.rgb(&mut pixels);
            pixels
        };
        let with = picture(&counts);
        assert_eq!(with.len(), 320 * 260 * 3);
        counts[3 * 10 + 4] = 1;
        let without = picture(&counts);
        let changed: Vec<usize> = (0..320 * 260)
            .filter(|at| with[at * 3..at * 3 + 3] != without[at * 3..at * 3 + 3])
            .collect();
        // one of 10 x 8 cells of a frame of 200 x 174 pixels, and the number of entries
        let cell = changed.iter().filter(|at| **at / 320 > 60).count();
        assert!((300..700).contains(&cell), "{cell}");
    }
}
