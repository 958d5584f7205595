//! Paints a sheet: header, every panel, its axes and boxes. Memory is kept from sheet to sheet.

use super::{
    axis,
    canvas::{Canvas, Rect},
    encode,
    font::{Anchor, Font, Size},
    geometry::{Geometry, Look},
    histogram, map, palette,
};
use crate::{
    catalog::{PlotType, Style},
    error::HallError,
    panel::{Axis, Panel, View},
};

/// The line on top of every canvas.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// Run, time and event number, as text.
    pub text: String,
}

/// Everything that is painted.
pub(crate) struct Sheet<'a> {
    pub plot_type: &'a PlotType,
    pub look: &'a Look,
    pub header: &'a Header,
    /// By panel.
    pub counts: &'a [Vec<u32>],
    /// The counts that set the ranges of count axes, colour scales and statistics boxes: those
    /// shown, unless two pictures are to be compared bin by bin.
    pub scale: &'a [Vec<u32>],
}

/// Canvas, font and buffers; keep one a thread and use it again for every plot.
#[derive(Debug)]
pub struct Painter {
    canvas: Canvas,
    font: Font,
    colours: [[u8; 3]; 256],
    row: Vec<u8>,
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}

impl Painter {
    /// With an empty canvas.
    pub fn new() -> Self {
        let colours = palette::colours(crate::catalog::Scale::Bird);
        Self { canvas: Canvas::default(), font: Font::new(), colours, row: Vec::new() }
    }

    /// Appends the RGB pixels of what was painted last, row by row, to `out`.
    pub fn rgb(&self, out: &mut Vec<u8>) {
        encode::rgb(&self.canvas, &self.colours, out);
    }

    /// Width and height of what was painted last, in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.canvas.width as u32, self.canvas.height as u32)
    }

    /// What was painted last, as PNG (8-bit RGB).
    ///
    /// # Errors
    /// [`HallError::Encode`] when the encoder fails.
    pub fn png(&mut self) -> Result<Vec<u8>, HallError> {
        Ok(encode::png(&self.canvas, &self.colours, &mut self.row)?)
    }

    pub(crate) fn paint(&mut self, sheet: &Sheet<'_>) {
        self.canvas.clear(sheet.look.width, sheet.look.height);
        self.colours = palette::colours(sheet.plot_type.scale);
        self.header(sheet);
        for (index, geometry) in sheet.look.geometry(sheet.plot_type) {
            self.panel(sheet, index, &geometry);
        }
    }

    fn header(&mut self, sheet: &Sheet<'_>) {
        let (canvas, font) = (&mut self.canvas, &self.font);
        font.write(canvas, Size::Title, 10, 4, Anchor::Left, sheet.plot_type.title);
        let right = canvas.width - 10;
        font.write(canvas, Size::Normal, right, 6, Anchor::Right, &sheet.header.text);
    }

    fn panel(&mut self, sheet: &Sheet<'_>, index: usize, geometry: &Geometry) {
        let panel = &sheet.plot_type.panels[index];
        let (canvas, font) = (&mut self.canvas, &self.font);
        let counts = (&sheet.counts[index][..], &sheet.scale[index][..]);
        match &panel.view {
            View::Histogram { fill, log } => {
                let look = (*fill, sheet.look.logarithmic(index, *log));
                histogram::filled(canvas, font, geometry, look, counts);
            }
            View::Colours { log } => {
                let log = sheet.look.logarithmic(index, *log);
                map::cells(canvas, font, panel, geometry, log, counts);
            }
            View::Discs(_) => map::discs(canvas, font, panel, geometry, counts),
            View::Asymmetry => histogram::asymmetry(canvas, font, panel, geometry, counts.0),
        }
        let size = if sheet.plot_type.style == Style::Groot { Size::Bold } else { Size::Normal };
        let frame = geometry.frame;
        let middle = frame.x + frame.width / 2;
        font.write(canvas, size, middle, frame.y - 18, Anchor::Middle, &panel.title);
        self.axes(panel, geometry);
        if panel.stats {
            self.statistics(panel, frame, counts.1);
        }
    }

    fn axes(&mut self, panel: &Panel, geometry: &Geometry) {
        let (canvas, font, frame) = (&mut self.canvas, &self.font, geometry.frame);
        let (across, up) =
            if geometry.exchanged { (&panel.y, &panel.x) } else { (&panel.x, &panel.y) };
        let longer = |axis: &Axis| axis.low + (axis.high - axis.low) * geometry.stretch;
        let wanted = (f64::from(frame.width) / 55.0).clamp(3.0, 10.0);
        let (ticks, _) = axis::linear(across.low, longer(across), wanted);
        axis::below(canvas, font, frame, &ticks);
        font.write(
            canvas,
            Size::Small,
            frame.right(),
            frame.bottom() + 18,
            Anchor::Right,
            &across.title,
        );
        if matches!(panel.view, View::Colours { .. } | View::Discs(_)) {
            let wanted = (f64::from(frame.height) / 40.0).clamp(3.0, 10.0);
            let high = if let View::Discs(_) = panel.view { longer(up) } else { up.high };
            let (ticks, _) = axis::linear(up.low, high, wanted);
            axis::beside(canvas, font, frame, &ticks, false);
        }
        let width = font.width(Size::Small, &up.title);
        let top = frame.y.max(frame.y + (frame.height - width).min(0));
        font.write_upwards(canvas, Size::Small, geometry.pad.x + 6, top, &up.title);
    }

    fn statistics(&mut self, panel: &Panel, frame: Rect, counts: &[u32]) {
        let (canvas, font) = (&mut self.canvas, &self.font);
        match panel.view {
            View::Colours { .. } | View::Discs(_) => {
                // a box would hide cells: the entries stand above the frame
                let entries: u64 = counts.iter().map(|&count| u64::from(count)).sum();
                let text = format!("Entries {entries}");
                let at = (frame.right(), frame.y - 16);
                font.write(canvas, Size::Small, at.0, at.1, Anchor::Right, &text);
            }
            View::Histogram { .. } => {
                let lines = histogram::statistics(panel, counts);
                histogram::statistics_box(canvas, font, frame, &lines);
            }
            View::Asymmetry => {}
        }
    }
}
