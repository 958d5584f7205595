//! Ticks and numbers of an axis.

use super::{
    canvas::{BLACK, Canvas, Rect},
    font::{Anchor, Font, Size},
};

/// A tick; those without label are minor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// From 0 to 1 along the axis.
    pub place: f64,
    pub label: Option<String>,
}

/// Ticks of a linear axis with about `wanted` labels, and the power of ten that the labels leave out.
pub(super) fn linear(low: f64, high: f64, wanted: f64) -> (Vec<Tick>, i32) {
    let span = high - low;
    if span <= 0.0 || !span.is_finite() {
        return (Vec::new(), 0);
    }
    let raw = span / wanted;
    let decade = 10f64.powf(raw.log10().floor());
    let (factor, minors) = match raw / decade {
        ..1.5 => (1.0, 5),
        1.5..3.5 => (2.0, 4),
        3.5..7.5 => (5.0, 5),
        _ => (10.0, 5),
    };
    let step = factor * decade;
    let largest = low.abs().max(high.abs());
    let exponent = match largest.log10().floor() as i32 {
        power @ 5.. => power / 3 * 3,
        _ => 0,
    };
    let unit = 10f64.powi(exponent);
    let digits = (-(step / unit).log10() - 1e-9).ceil().max(0.0) as usize;
    let small = step / f64::from(minors);
    let first = (low / small - 1e-6).ceil() as i64;
    let last = (high / small + 1e-6).floor() as i64;
    let ticks = (first..=last).map(|index| {
        let value = index as f64 * small;
        let label = (index % i64::from(minors) == 0).then(|| {
            let shown = if value.abs() < 1e-9 * step { 0.0 } else { value / unit };
            format!("{shown:.digits$}")
        });
        Tick { place: (value - low) / span, label }
    });
    (ticks.collect(), exponent)
}

/// Ticks of a logarithmic axis: a label a decade.
pub(super) fn logarithmic(low: f64, high: f64) -> Vec<Tick> {
    let (start, span) = (low.log10(), (high / low).log10());
    let mut ticks = Vec::new();
    for decade in start.floor() as i32..=high.log10().ceil() as i32 {
        for digit in 1..10 {
            let place = (f64::from(decade) + f64::from(digit).log10() - start) / span;
            if (-1e-9..=1.0 + 1e-9).contains(&place) {
                let label = (digit == 1).then(|| power(decade));
                ticks.push(Tick { place, label });
            }
        }
    }
    ticks
}

/// A power of ten as ROOT writes it: 1, 10, 10², 10³ ...
fn power(exponent: i32) -> String {
    match exponent {
        0 => "1".into(),
        1 => "10".into(),
        _ => format!("10{}", superscript(exponent)),
    }
}

/// A number in raised digits.
pub(super) fn superscript(number: i32) -> String {
    let digit = |char| match char {
        '-' => '−',
        digit => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize - '0' as usize],
    };
    number.to_string().chars().map(digit).collect()
}

/// Draws the ticks of the horizontal axis of `frame`.
pub(super) fn below(canvas: &mut Canvas, font: &Font, frame: Rect, ticks: &[Tick]) {
    let length = (frame.height / 30).clamp(3, 14);
    for tick in ticks {
        let x = frame.x + (tick.place * f64::from(frame.width - 1)).round() as i32;
        let foot = frame.bottom() - 1;
        let length = if tick.label.is_some() { length } else { length / 2 };
        canvas.vertical(x, foot - length, foot, BLACK);
        if let Some(label) = &tick.label {
            font.write(canvas, Size::Small, x, frame.bottom() + 2, Anchor::Middle, label);
        }
    }
}

/// Draws the ticks of a vertical axis, to the right of `frame` for a colour bar, else to the left.
pub(super) fn beside(canvas: &mut Canvas, font: &Font, frame: Rect, ticks: &[Tick], bar: bool) {
    let length = if bar { 4 } else { (frame.width / 40).clamp(3, 14) };
    for tick in ticks {
        let y = frame.bottom() - 1 - (tick.place * f64::from(frame.height - 1)).round() as i32;
        let length = if tick.label.is_some() { length } else { length / 2 };
        let (start, at, anchor) = if bar {
            (frame.right() - length, frame.right() + 3, Anchor::Left)
        } else {
            (frame.x, frame.x - 4, Anchor::Right)
        };
        canvas.horizontal(start, y, length, BLACK);
        if let Some(label) = &tick.label {
            font.write(canvas, Size::Small, at, y - 7, anchor, label);
        }
    }
}

/// A number in at most `digits` significant digits, like C's `%g`.
pub(super) fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    let power = value.abs().log10().floor() as i32;
    if power < -4 || power >= digits as i32 {
        return format!("{value:.*e}", digits - 1);
    }
    let text = format!("{value:.*}", (digits as i32 - 1 - power).max(0) as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().filter_map(|tick| tick.label.as_deref()).collect()
    }

    #[test]
    fn linear_axes_have_round_numbers() {
        assert_eq!(labels(&linear(0.0, 1.0, 5.0).0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear(-3.0, 3.0, 6.0).0), ["-3", "-2", "-1", "0", "1", "2", "3"]);
        let (ticks, exponent) = linear(0.0, 250_000.0, 5.0);
        assert_eq!((labels(&ticks), exponent), (vec!["0", "50", "100", "150", "200", "250"], 3));
    }

    #[test]
    fn logarithmic_axes_label_decades() {
        assert_eq!(labels(&logarithmic(0.5, 2_000.0)), ["1", "10", "10²", "10³"]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(significant(12_345.678, 6), "12345.7");
        assert_eq!(significant(0.012, 4), "0.012");
        assert_eq!(significant(100.0, 4), "100");
    }
}
