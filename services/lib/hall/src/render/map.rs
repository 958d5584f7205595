//! 2-D panels: a colour a cell, rectangular or round, and the colour bar.

use super::{
    axis,
    canvas::{BLACK, Canvas, Rect, SCALE, SCALE_LEVELS},
    font::{Anchor, Font, Size},
    geometry::Geometry,
};
use crate::panel::Panel;

/// The colour scale of a map: from zero (or one, logarithmic) to its largest count.
#[derive(Clone, Copy)]
struct Colours {
    high: f64,
    log: bool,
}

impl Colours {
    fn new(panel: &Panel, scale: &[u32], log: bool) -> Self {
        let high = scale.iter().copied().max().unwrap_or(0).max(panel.full_colour);
        Self { high: f64::from(high.max(1)), log }
    }

    /// Empty cells stay white, as in ROOT.
    fn ink(self, count: u32) -> Option<u8> {
        if count == 0 {
            return None;
        }
        let count = f64::from(count);
        let share =
            if self.log { (2.0 * count).ln() / (2.0 * self.high).ln() } else { count / self.high };
        let level = (share * f64::from(SCALE_LEVELS)) as u8;
        Some(SCALE + level.min(SCALE_LEVELS - 1))
    }
}

/// Draws rectangular cells; bin = row * columns + column, rows counted from below.
pub(super) fn cells(
    canvas: &mut Canvas,
    font: &Font,
    panel: &Panel,
    geometry: &Geometry,
    log: bool,
    counts: (&[u32], &[u32]),
) {
    let (counts, scale) = counts;
    let colours = Colours::new(panel, scale, log);
    let (wide, high) = (panel.x.bins, panel.y.bins);
    let (columns, rows) = if geometry.exchanged { (high, wide) } else { (wide, high) };
    for row in 0..rows {
        let (top, bottom) = (geometry.row(row + 1, rows), geometry.row(row, rows));
        let strip =
            Rect { x: geometry.frame.x, y: top, width: geometry.frame.width, height: bottom - top };
        for column in 0..columns {
            let bin = if geometry.exchanged { column * wide + row } else { row * wide + column };
            if let Some(ink) = colours.ink(counts[bin]) {
                let (left, right) =
                    (geometry.column(column, columns), geometry.column(column + 1, columns));
                canvas.fill(Rect { x: left, y: top, width: right - left, height: 1 }, ink);
            }
        }
        canvas.repeat_first_row(strip);
    }
    canvas.outline(geometry.frame, BLACK);
    bar(canvas, font, geometry.frame, colours);
}

/// Draws round cells.
pub(super) fn discs(
    canvas: &mut Canvas,
    font: &Font,
    panel: &Panel,
    geometry: &Geometry,
    counts: (&[u32], &[u32]),
) {
    let (counts, scale) = counts;
    let colours = Colours::new(panel, scale, false);
    for (index, &count) in counts.iter().enumerate() {
        if let (Some(ink), Some((x, y, radius))) = (colours.ink(count), geometry.disc(panel, index))
        {
            canvas.disc(x, y, radius, ink);
        }
    }
    canvas.outline(geometry.frame, BLACK);
    bar(canvas, font, geometry.frame, colours);
}

/// The colour bar to the right of the frame.
fn bar(canvas: &mut Canvas, font: &Font, frame: Rect, colours: Colours) {
    let bar = Rect { x: frame.right() + 6, y: frame.y, width: 14, height: frame.height };
    for dy in 0..bar.height {
        let level = (bar.height - 1 - dy) * i32::from(SCALE_LEVELS) / bar.height;
        canvas.horizontal(bar.x, bar.y + dy, bar.width, SCALE + level as u8);
    }
    canvas.outline(bar, BLACK);
    if colours.log {
        axis::beside(canvas, font, bar, &axis::logarithmic(0.5, colours.high), true);
        return;
    }
    let wanted = (f64::from(frame.height) / 40.0).clamp(3.0, 10.0);
    let (ticks, exponent) = axis::linear(0.0, colours.high, wanted);
    axis::beside(canvas, font, bar, &ticks, true);
    if exponent > 0 {
        let text = format!("×10{}", axis::superscript(exponent));
        font.write(canvas, Size::Small, bar.x, bar.y - 14, Anchor::Left, &text);
    }
}
