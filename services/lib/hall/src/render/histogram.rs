//! 1-D panels: filled histograms and points with error bars.

use super::{
    axis,
    canvas::{BLACK, Canvas, Rect},
    font::{Anchor, Font, Size},
    geometry::Geometry,
    palette::{GRID, RED, ROOT_LINE, fill_ink},
};
use crate::panel::{Fill, Panel};

/// The upper end of the count axis for these counts.
fn top(counts: &[u32], log: bool) -> f64 {
    let most = f64::from(counts.iter().copied().max().unwrap_or(0).max(1));
    if log { 2.0 * most.max(5.0) } else { 1.08 * most }
}

/// Lower end of a logarithmic count axis: a single count is still seen.
const LOG_FLOOR: f64 = 0.5;

/// Draws a histogram from its baseline up; `scale` sets the range of the count axis.
pub(super) fn filled(
    canvas: &mut Canvas,
    font: &Font,
    geometry: &Geometry,
    look: (Fill, bool),
    counts: (&[u32], &[u32]),
) {
    let ((fill, log), (counts, scale)) = (look, counts);
    let (frame, high) = (geometry.frame, top(scale, log));
    let height = |count: u32| {
        let count = f64::from(count);
        let share = if log {
            (count.max(LOG_FLOOR) / LOG_FLOOR).ln() / (high / LOG_FLOOR).ln()
        } else {
            count / high
        };
        (share.min(1.0) * f64::from(frame.height - 1)).round() as i32
    };
    let base = frame.bottom() - 1;
    let line = if fill == Fill::Line { ROOT_LINE } else { BLACK };
    let mut before = 0;
    for (bin, &count) in counts.iter().enumerate() {
        let (left, right) =
            (geometry.column(bin, counts.len()), geometry.column(bin + 1, counts.len()));
        let now = height(count);
        if let Some(ink) = fill_ink(fill) {
            canvas.fill(Rect { x: left, y: base - now, width: right - left, height: now }, ink);
        }
        canvas.horizontal(left, base - now, right - left + 1, line);
        if bin > 0 {
            canvas.vertical(left, base - before, base - now, line);
        }
        before = now;
    }
    canvas.outline(frame, BLACK);
    if log {
        axis::beside(canvas, font, frame, &axis::logarithmic(LOG_FLOOR, high), false);
    } else {
        count_axis(canvas, font, frame, high);
    }
}

/// The linear count axis, with its power of ten on top.
fn count_axis(canvas: &mut Canvas, font: &Font, frame: Rect, high: f64) {
    let wanted = f64::from(frame.height) / 40.0;
    let (ticks, exponent) = axis::linear(0.0, high, wanted.clamp(3.0, 10.0));
    axis::beside(canvas, font, frame, &ticks, false);
    if exponent > 0 {
        let text = format!("×10{}", axis::superscript(exponent));
        font.write(canvas, Size::Small, frame.x, frame.y - 14, Anchor::Left, &text);
    }
}

/// Draws the asymmetry of the counts at + (first half) and - (second half), with its error
/// sqrt((1 - A^2) / N).
pub(super) fn asymmetry(
    canvas: &mut Canvas,
    font: &Font,
    panel: &Panel,
    geometry: &Geometry,
    counts: &[u32],
) {
    let (frame, range) = (geometry.frame, (panel.y.low, panel.y.high));
    let (ticks, _) = axis::linear(range.0, range.1, (f64::from(frame.height) / 45.0).max(3.0));
    let y_of = |value: f64| {
        let share = ((value - range.0) / (range.1 - range.0)).clamp(0.0, 1.0);
        frame.bottom() - 1 - (share * f64::from(frame.height - 1)).round() as i32
    };
    for tick in ticks.iter().filter(|tick| tick.label.is_some()) {
        let y = frame.bottom() - 1 - (tick.place * f64::from(frame.height - 1)).round() as i32;
        (frame.x..frame.right()).step_by(4).for_each(|x| canvas.horizontal(x, y, 2, GRID));
    }
    canvas.horizontal(frame.x, y_of(0.0), frame.width, RED);
    let bins = counts.len() / 2;
    for bin in 0..bins {
        let (plus, minus) = (f64::from(counts[bin]), f64::from(counts[bins + bin]));
        let sum = plus + minus;
        if sum == 0.0 {
            continue;
        }
        let value = (plus - minus) / sum;
        let error = ((1.0 - value * value) / sum).sqrt();
        let (left, right) = (geometry.column(bin, bins), geometry.column(bin + 1, bins));
        let x = (left + right) / 2;
        canvas.vertical(x, y_of(value - error), y_of(value + error), BLACK);
        canvas.horizontal(left, y_of(value), right - left, BLACK);
        let reach = (frame.height / 120).clamp(2, 4);
        canvas.disc(f64::from(x) + 0.5, f64::from(y_of(value)) + 0.5, f64::from(reach), BLACK);
    }
    canvas.outline(frame, BLACK);
    axis::beside(canvas, font, frame, &ticks, false);
}

/// Entries, mean and standard deviation, as ROOT computes them from bins.
pub(super) fn statistics(panel: &Panel, counts: &[u32]) -> [(&'static str, String); 3] {
    let entries: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let moment = |power: i32| -> f64 {
        let sum: f64 = counts
            .iter()
            .enumerate()
            .map(|(bin, &count)| f64::from(count) * panel.x.centre(bin).powi(power))
            .sum();
        sum / (entries.max(1)) as f64
    };
    let mean = moment(1);
    let deviation = (moment(2) - mean * mean).max(0.0).sqrt();
    [
        ("Entries", entries.to_string()),
        ("Mean", axis::significant(mean, 4)),
        ("Std Dev", axis::significant(deviation, 4)),
    ]
}

/// Draws the statistics box in the upper right corner of the frame.
pub(super) fn statistics_box(
    canvas: &mut Canvas,
    font: &Font,
    frame: Rect,
    lines: &[(&str, String)],
) {
    let (line, width) = (14, 112);
    let height = line * lines.len() as i32 + 6;
    let outer = Rect { x: frame.right() - width - 6, y: frame.y + 6, width, height };
    canvas.fill(outer, super::canvas::WHITE);
    canvas.outline(outer, BLACK);
    for (index, (name, value)) in lines.iter().enumerate() {
        let y = outer.y + 3 + line * index as i32;
        font.write(canvas, Size::Small, outer.x + 6, y, Anchor::Left, name);
        font.write(canvas, Size::Small, outer.right() - 6, y, Anchor::Right, value);
    }
}
