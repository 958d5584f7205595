//! Where panels, frames and bins are on the canvas: known before anything is drawn.

use super::canvas::Rect;
use crate::{
    catalog::PlotType,
    fault::LayoutFault,
    panel::{Panel, View},
    truth::PixelBox,
};

/// Height of the line with title, run and time.
pub(super) const HEADER: i32 = 26;

/// How a plot type is laid out this time: as ever, or with a layout fault.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub width: u32,
    pub height: u32,
    columns: u32,
    rows: u32,
    /// Which panels are shown, in this order.
    shown: Vec<usize>,
    fault: Option<LayoutFault>,
}

impl Look {
    pub fn new(plot_type: &PlotType, fault: Option<&LayoutFault>) -> Self {
        let count = plot_type.panels.len();
        let (mut width, mut height) = (plot_type.width, plot_type.height);
        let (mut columns, mut rows) = (plot_type.columns, plot_type.rows);
        let mut shown: Vec<usize> = (0..count).collect();
        match fault {
            Some(LayoutFault::Canvas(other_width, other_height)) => {
                (width, height) = (*other_width, *other_height);
            }
            Some(LayoutFault::Grid) => (columns, rows) = (rows, columns),
            Some(LayoutFault::Missing) => {
                shown.remove(0);
            }
            Some(LayoutFault::Reversed) => shown.reverse(),
            _ => {}
        }
        Self { width, height, columns, rows, shown, fault: fault.cloned() }
    }

    /// The whole canvas as a box.
    pub fn whole(&self) -> PixelBox {
        PixelBox { x: 0, y: 0, width: self.width, height: self.height }
    }

    /// Whether this panel's scale is logarithmic, where it usually is (or not).
    pub fn logarithmic(&self, panel: usize, usually: bool) -> bool {
        usually != (self.fault == Some(LayoutFault::Logarithm(panel)))
    }

    /// Every panel that is shown, with its place.
    pub fn geometry(&self, plot_type: &PlotType) -> Vec<(usize, Geometry)> {
        let (width, height) = (self.width as i32, self.height as i32 - HEADER);
        let (columns, rows) = (self.columns as i32, self.rows as i32);
        let placed = self.shown.iter().enumerate().map(|(place, &panel)| {
            let (column, row) = (place as i32 % columns, place as i32 / columns);
            let pad = Rect {
                x: width * column / columns,
                y: HEADER + height * row / rows,
                width: width / columns,
                height: height / rows,
            };
            let stretch = if self.fault == Some(LayoutFault::Range(panel)) { 2.0 } else { 1.0 };
            let exchanged = self.fault == Some(LayoutFault::Exchanged(panel));
            (panel, Geometry::new(&plot_type.panels[panel], pad, stretch, exchanged))
        });
        placed.collect()
    }
}

/// The place of one panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// The whole panel.
    pub pad: Rect,
    /// The rectangle between the axes.
    pub frame: Rect,
    /// How many times too long the horizontal axis is booked.
    pub stretch: f64,
    /// Whether the axes are exchanged.
    pub exchanged: bool,
}

impl Geometry {
    fn new(panel: &Panel, pad: Rect, stretch: f64, exchanged: bool) -> Self {
        let colour_bar = matches!(panel.view, View::Colours { .. } | View::Discs(_));
        let (left, right, top, bottom) = (58, if colour_bar { 62 } else { 16 }, 24, 36);
        let frame = Rect {
            x: pad.x + left,
            y: pad.y + top,
            width: (pad.width - left - right).max(20),
            height: (pad.height - top - bottom).max(20),
        };
        Self { pad, frame, stretch, exchanged }
    }

    /// Left edge of column `bin` of `count`, in pixels.
    pub fn column(&self, bin: usize, count: usize) -> i32 {
        let share = bin as f64 / count as f64 / self.stretch;
        self.frame.x + (share * f64::from(self.frame.width)) as i32
    }

    /// Lower edge of row `bin` of `count`, rows counted from below; the first row of pixels under it.
    pub fn row(&self, bin: usize, count: usize) -> i32 {
        let share = bin as f64 / count as f64;
        self.frame.bottom() - (share * f64::from(self.frame.height)) as i32
    }

    /// Centre and radius in pixels of a round cell.
    pub fn disc(&self, panel: &Panel, index: usize) -> Option<(f64, f64, f64)> {
        let View::Discs(discs) = &panel.view else { return None };
        let disc = discs[index];
        let (width, height) = (f64::from(self.frame.width), f64::from(self.frame.height));
        let x_scale = width / (panel.x.high - panel.x.low) / self.stretch;
        let y_scale = height / (panel.y.high - panel.y.low) / self.stretch;
        Some((
            f64::from(self.frame.x) + (disc.x - panel.x.low) * x_scale,
            f64::from(self.frame.bottom()) - (disc.y - panel.y.low) * y_scale,
            disc.radius * x_scale.min(y_scale),
        ))
    }

    /// The pixels of one bin, as long as no layout fault moved them.
    fn bin(&self, panel: &Panel, bin: usize) -> Rect {
        let span = |left, right, top, bottom| Rect {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        };
        let (columns, rows) = (panel.x.bins, panel.y.bins);
        match panel.view {
            View::Discs(_) => {
                let (x, y, radius) = self.disc(panel, bin).unwrap_or_default();
                let edge = |value: f64| value.round() as i32;
                span(edge(x - radius), edge(x + radius), edge(y - radius), edge(y + radius))
            }
            View::Colours { .. } => {
                let (column, row) = (bin % columns, bin / columns);
                span(
                    self.column(column, columns),
                    self.column(column + 1, columns),
                    self.row(row + 1, rows),
                    self.row(row, rows),
                )
            }
            View::Histogram { .. } | View::Asymmetry => {
                let column = bin % columns;
                span(
                    self.column(column, columns),
                    self.column(column + 1, columns),
                    self.frame.y,
                    self.frame.bottom(),
                )
            }
        }
    }

    /// The smallest box round these bins and the lines drawn at their edges.
    pub fn area(&self, panel: &Panel, bins: impl IntoIterator<Item = usize>) -> PixelBox {
        let (mut left, mut right) = (self.frame.right(), self.frame.x);
        let (mut top, mut bottom) = (self.frame.bottom(), self.frame.y);
        for bin in bins {
            let rect = self.bin(panel, bin);
            (left, right) = (left.min(rect.x), right.max(rect.right()));
            (top, bottom) = (top.min(rect.y), bottom.max(rect.bottom()));
        }
        let (left, top) = ((left - 1).max(self.frame.x), (top - 1).max(self.frame.y));
        let (right, bottom) =
            ((right + 1).min(self.frame.right()), (bottom + 1).min(self.frame.bottom()));
        PixelBox {
            x: left as u32,
            y: top as u32,
            width: (right - left).max(1) as u32,
            height: (bottom - top).max(1) as u32,
        }
    }

    /// The whole panel as a box.
    pub fn pad_box(&self) -> PixelBox {
        PixelBox {
            x: self.pad.x as u32,
            y: self.pad.y as u32,
            width: self.pad.width as u32,
            height: self.pad.height as u32,
        }
    }
}
