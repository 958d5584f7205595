//! Goods -> the frames of their panels: rectangles of black lines that are on nearly every one of them.

use hydra_proto::registry::InputShape;
use std::ops::Range;

/// Sides of a frame, at least.
const SIDE_PX: usize = 40;
/// Share of the pictures that may be laid out otherwise: wrong labels.
pub(super) const WRONG: f64 = 0.05;
/// Brightest that counts as black.
const BLACK: u8 = 40;

/// Pictures of the same shape, and what is black on nearly all of them.
pub(crate) struct Stack<'a> {
    pub images: &'a [&'a [u8]],
    pub wide: usize,
    pub high: usize,
    black: Vec<bool>,
}

/// A frame and the boxes within it, as pixels of their insides.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    /// Boxes of text.
    pub holes: Vec<(Range<usize>, Range<usize>)>,
}

impl<'a> Stack<'a> {
    /// Of colour pictures that are all of this shape.
    pub fn of(images: &'a [&'a [u8]], input: InputShape) -> Option<Self> {
        let (wide, high) = (input.width as usize, input.height as usize);
        if input.channels != 3 || images.iter().any(|image| image.len() != input.size_bytes()) {
            return None;
        }
        let mut counts = vec![0u32; wide * high];
        for image in images {
            for (count, pixel) in counts.iter_mut().zip(image.chunks_exact(3)) {
                *count += u32::from(pixel.iter().all(|value| *value <= BLACK));
            }
        }
        let most = images.len() as f64 * (1.0 - WRONG);
        let black = counts.into_iter().map(|count| f64::from(count) >= most).collect();
        Some(Self { images, wide, high, black })
    }

    /// Whether the pixel is black on nearly every picture.
    pub fn black(&self, y: usize, x: usize) -> bool {
        self.black[y * self.wide + x]
    }

    /// A pixel of a picture.
    pub fn pixel(image: &[u8], wide: usize, y: usize, x: usize) -> &[u8] {
        &image[(y * wide + x) * 3..(y * wide + x) * 3 + 3]
    }

    /// Every frame that is not within another.
    pub fn frames(&self) -> Vec<Frame> {
        let (right, down) = self.runs();
        let mut boxes: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for y in 0..self.high {
            for x in 0..self.wide {
                let at = y * self.wide + x;
                if right[at] < SIDE_PX || down[at] < SIDE_PX {
                    continue;
                }
                // a corner of a box that was found already, or a tick that sticks out of one
                let known = |b: &(Range<usize>, Range<usize>)| {
                    y + 1 >= b.0.start && y < b.0.end && x + 1 >= b.1.start && x < b.1.start
                };
                if boxes.iter().any(known) {
                    continue;
                }
                if let Some(found) = self.closed(y, x, &right, &down) {
                    boxes.push(found);
                }
            }
        }
        let within = |a: &(Range<usize>, Range<usize>), b: &(Range<usize>, Range<usize>)| {
            a != b
                && a.0.start >= b.0.start
                && a.0.end <= b.0.end
                && a.1.start >= b.1.start
                && a.1.end <= b.1.end
        };
        let outer = boxes.iter().filter(|one| !boxes.iter().any(|other| within(one, other)));
        let frame = |one: &(Range<usize>, Range<usize>)| Frame {
            rows: one.0.clone(),
            columns: one.1.clone(),
            holes: boxes.iter().filter(|other| within(other, one)).cloned().collect(),
        };
        outer.map(frame).collect()
    }

    /// How far black goes on to the right and down, from every pixel.
    fn runs(&self) -> (Vec<usize>, Vec<usize>) {
        let mut right = vec![0usize; self.black.len()];
        let mut down = vec![0usize; self.black.len()];
        for y in (0..self.high).rev() {
            for x in (0..self.wide).rev() {
                let at = y * self.wide + x;
                if self.black[at] {
                    right[at] = 1 + if x + 1 < self.wide { right[at + 1] } else { 0 };
                    down[at] = 1 + if y + 1 < self.high { down[at + self.wide] } else { 0 };
                }
            }
        }
        (right, down)
    }

    /// The largest box with this upper left corner, as its inside.
    fn closed(
        &self,
        y: usize,
        x: usize,
        right: &[usize],
        down: &[usize],
    ) -> Option<(Range<usize>, Range<usize>)> {
        let at = |y: usize, x: usize| y * self.wide + x;
        let ends = (x + SIDE_PX - 1..x + right[at(y, x)]).rev();
        for far in ends.filter(|far| down[at(y, *far)] >= SIDE_PX) {
            let deep = down[at(y, x)].min(down[at(y, far)]);
            let foot = (y + SIDE_PX - 1..y + deep).rev().find(|f| right[at(*f, x)] > far - x);
            if let Some(foot) = foot {
                return Some((y + 1..foot, x + 1..far));
            }
        }
        None
    }
}
