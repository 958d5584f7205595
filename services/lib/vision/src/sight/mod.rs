//! A picture -> where its panels stand, what is written at their axes, and a fingerprint of the
//! data in them.
//!
//! Monitoring programs draw each panel as a frame of dark lines. What stands outside of the frames
//! (titles, run number, time) moves on from chunk to chunk; what is inside is the data. So two
//! pictures with the same fingerprint show the same data, whatever their headers say. Where no
//! frame is found, the whole picture counts.

mod data;
mod frames;

use crate::Picture;
use frames::{Frame, Frames};
use hydra_proto::events::{Panel, Sight};

/// The finder with its buffers, which are used again from picture to picture.
#[derive(Default)]
pub(crate) struct Surveyor {
    frames: Frames,
    marks: data::Marks,
}

/// A decoded picture: 8-bit RGB, row by row.
#[derive(Clone, Copy)]
struct Sheet<'a> {
    width: usize,
    height: usize,
    rgb: &'a [u8],
}

impl Sheet<'_> {
    /// Pixels `x0..x1` of a row.
    fn row(&self, y: usize, x0: usize, x1: usize) -> &[u8] {
        let start = y * self.width;
        &self.rgb[(start + x0) * 3..(start + x1.max(x0)) * 3]
    }

    /// Checksum of a rectangle; what is beyond the picture is left out.
    fn checksum(&self, (x0, x1): (usize, usize), (y0, y1): (usize, usize)) -> u32 {
        let (x1, y1) = (x1.min(self.width), y1.min(self.height));
        let mut sum = crc32fast::Hasher::new();
        (y0.min(y1)..y1).for_each(|y| sum.update(self.row(y, x0.min(x1), x1)));
        sum.finalize()
    }
}

impl Surveyor {
    fn look(&mut self, sheet: Sheet<'_>) -> Sight {
        let frames = self.frames.find(sheet);
        let panels = frames.iter().map(|frame| panel(sheet, frame)).collect();
        let whole = Frame::whole(sheet.width, sheet.height);
        let shown = if frames.is_empty() { std::slice::from_ref(&whole) } else { &frames[..] };
        Sight { panels, data: data::fingerprint(sheet, shown, &mut self.marks).into() }
    }
}

/// A frame with checksums of the strips below and to the left of it, where the numbers are.
fn panel(sheet: Sheet<'_>, frame: &Frame) -> Panel {
    let below = (sheet.height / 32).clamp(14, 30);
    let beside = (sheet.width / 28).clamp(30, 60);
    let Frame { left, right, top, bottom, .. } = *frame;
    // not beyond the frame: there the vertical axis ends
    let across = sheet.checksum((left, right + 1), (bottom + 2, bottom + 2 + below));
    let up = sheet.checksum(
        (left.saturating_sub(beside), left.saturating_sub(1)),
        (top.saturating_sub(6), bottom + 7),
    );
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Panel {
        x: number(left),
        y: number(top),
        width: number(right - left + 1),
        height: number(bottom - top + 1),
        across,
        up,
    }
}

impl Picture<'_> {
    /// Panels, axes and the fingerprint of the data; the latter is empty where the picture shows
    /// none, as without beam.
    pub fn sight(&mut self) -> Sight {
        let (width, height) = (self.width() as usize, self.height() as usize);
        let (surveyor, rgb) = self.surveyor();
        surveyor.look(Sheet { width, height, rgb })
    }
}

#[cfg(test)]
mod tests;
