//! Frames of dark lines.

use super::Sheet;
use std::collections::BTreeMap;

/// Darker than this is a line, in luma.
const DARK: u32 = 140;
/// Share of a frame's side that may be covered by something light.
const GAPS: f64 = 0.02;
/// Edges that are this near to each other are one.
const NEAR: usize = 3;
/// Pixels that are looked at together: most of a plot is paper.
const BLOCK: usize = 16;

/// A rectangle of dark lines; its corners are the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub left: usize,
    pub right: usize,
    pub top: usize,
    pub bottom: usize,
    /// Framed boxes on paper within it, as statistics and legends are.
    pub boxes: Vec<Frame>,
}

impl Frame {
    /// All of a picture.
    pub fn whole(width: usize, height: usize) -> Self {
        let (right, bottom) = (width.saturating_sub(1), height.saturating_sub(1));
        Self { left: 0, right, top: 0, bottom, boxes: Vec::new() }
    }

    pub fn area(&self) -> usize {
        (self.right - self.left + 1) * (self.bottom - self.top + 1)
    }

    fn holds(&self, other: &Self) -> bool {
        (self.left..=self.right).contains(&other.left)
            && other.right <= self.right
            && (self.top..=self.bottom).contains(&other.top)
            && other.bottom <= self.bottom
    }

    fn like(&self, other: &Self) -> bool {
        self.left.abs_diff(other.left) <= NEAR
            && self.right.abs_diff(other.right) <= NEAR
            && self.top.abs_diff(other.top) <= NEAR
            && self.bottom.abs_diff(other.bottom) <= NEAR
    }
}

/// The finder, with its buffers.
#[derive(Default)]
pub(super) struct Frames {
    dark: Vec<u8>,
    runs: Vec<u32>,
    gaps: [Vec<u32>; 2],
}

impl Frames {
    /// Panels in the order of reading.
    pub fn find(&mut self, sheet: Sheet<'_>) -> Vec<Frame> {
        self.darken(sheet.rgb);
        let (width, height) = (sheet.width, sheet.height);
        let least = ((width / 20).max(24), (height / 20).max(20));
        let sides = self.sides(width, height, least.1);
        let mut found: Vec<Frame> = Vec::new();
        for (top, bottom) in sides.keys().copied() {
            let near = (top.saturating_sub(1), 0)..=(top + 1, usize::MAX);
            let mut columns: Vec<usize> = sides
                .range(near)
                .filter(|((_, b), _)| b.abs_diff(bottom) <= 1)
                .flat_map(|(_, columns)| columns.iter().copied())
                .collect();
            columns.sort_unstable();
            if columns
                .last()
                .zip(columns.first())
                .is_none_or(|(last, first)| last - first < least.0)
            {
                continue;
            }
            self.count_gaps(width, height, (top, bottom));
            for frame in self.between(&columns, (top, bottom), least.0) {
                if !found.iter().any(|known| known.like(&frame)) {
                    found.push(frame);
                }
            }
        }
        self.sorted(found, width)
    }

    /// 1 for each dark pixel, 0 for any other.
    fn darken(&mut self, rgb: &[u8]) {
        self.dark.clear();
        self.dark.resize(rgb.len() / 3, 0);
        for (dark, rgb) in self.dark.chunks_mut(BLOCK).zip(rgb.chunks(3 * BLOCK)) {
            // no colour with such a channel is dark
            if rgb.iter().fold(255, |least: u8, value| least.min(*value)) as u32 >= DARK {
                continue;
            }
            for (dark, [r, g, b]) in dark.iter_mut().zip(rgb.as_chunks::<3>().0) {
                let luma = u32::from(*r) * 77 + u32::from(*g) * 150 + u32::from(*b) * 29;
                *dark = u8::from(luma < DARK << 8);
            }
        }
    }

    /// Vertical dark lines, by the rows where they begin and end.
    fn sides(
        &mut self,
        width: usize,
        height: usize,
        least: usize,
    ) -> BTreeMap<(usize, usize), Vec<usize>> {
        let mut sides: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        let least = u32::try_from(least).unwrap_or(u32::MAX);
        let mut end = |run: u32, x: usize, y: usize| {
            sides.entry((y - run as usize, y - 1)).or_default().push(x);
        };
        self.runs.clear();
        self.runs.resize(width, 0);
        // blocks of columns in which a line goes on
        let mut going = vec![false; width.div_ceil(BLOCK)];
        for (y, row) in self.dark.chunks_exact(width.max(1)).enumerate() {
            let blocks = self.runs.chunks_mut(BLOCK).zip(row.chunks(BLOCK)).zip(&mut going);
            for (block, ((runs, row), going)) in blocks.enumerate() {
                let any = row.iter().fold(0, |any, dark| any | dark) != 0;
                if !any && !*going {
                    continue;
                }
                for (x, (run, dark)) in runs.iter_mut().zip(row).enumerate() {
                    if *dark == 0 && *run >= least {
                        end(*run, block * BLOCK + x, y);
                    }
                    *run = (*run + 1) * u32::from(*dark);
                }
                *going = any;
            }
        }
        for (x, run) in self.runs.iter().enumerate().filter(|(_, run)| **run >= least) {
            end(*run, x, height);
        }
        sides
    }

    /// Counts from the left what is not dark in these two rows, or beside them.
    fn count_gaps(&mut self, width: usize, height: usize, (top, bottom): (usize, usize)) {
        for (row, gaps) in [top, bottom].into_iter().zip(&mut self.gaps) {
            gaps.clear();
            gaps.push(0);
            let rows = row.saturating_sub(1)..=(row + 1).min(height - 1);
            let mut sum = 0;
            for x in 0..width {
                let dark = rows.clone().any(|y| self.dark[y * width + x] != 0);
                sum += u32::from(!dark);
                gaps.push(sum);
            }
        }
    }

    /// Frames between pairs of these columns: each as wide as its upper and lower line go.
    fn between(
        &self,
        columns: &[usize],
        (top, bottom): (usize, usize),
        least: usize,
    ) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut from = 0;
        for (index, &left) in columns.iter().enumerate() {
            if left < from {
                continue;
            }
            let closed = |right: usize| {
                let most = ((right - left + 1) as f64 * GAPS) as u32;
                self.gaps.iter().all(|gaps| gaps[right + 1] - gaps[left] <= most)
            };
            let right = columns[index..]
                .iter()
                .copied()
                .filter(|right| right - left >= least)
                .take_while(|right| closed(*right))
                .last();
            if let Some(right) = right {
                frames.push(Frame { left, right, top, bottom, boxes: Vec::new() });
                from = right + 1;
            }
        }
        frames
    }

    /// What other frames fill to two fifths is a border, as three panels in places for four do; what
    /// is held is a box, if it is one of text.
    fn sorted(&self, mut found: Vec<Frame>, width: usize) -> Vec<Frame> {
        found.sort_by_key(|frame| std::cmp::Reverse(frame.area()));
        let held = |outer: &Frame, all: &[Frame]| -> usize {
            all.iter().filter(|f| *f != outer && outer.holds(f)).map(Frame::area).sum()
        };
        let borders: Vec<bool> =
            found.iter().map(|frame| held(frame, &found) * 5 >= frame.area() * 2).collect();
        let mut kept = borders.iter();
        found.retain(|_| kept.next().is_some_and(|border| !border));
        let mut panels: Vec<Frame> = Vec::new();
        for frame in found {
            match panels.iter_mut().find(|panel| panel.holds(&frame)) {
                None => panels.push(frame),
                Some(panel) if self.is_text(&frame, width) => panel.boxes.push(frame),
                Some(_) => {}
            }
        }
        // rows of panels from the top, each from the left
        panels.sort_by_key(|panel| (panel.top / (2 * NEAR + 1), panel.left));
        panels
    }

    /// Whether the line just inside of a frame is paper, as around text.
    fn is_text(&self, frame: &Frame, width: usize) -> bool {
        let (top, bottom) = (frame.top + 2, frame.bottom - 2);
        let (left, right) = (frame.left + 2, frame.right - 2);
        let rows = [top, bottom].into_iter().flat_map(|y| (left..=right).map(move |x| (x, y)));
        let columns = [left, right].into_iter().flat_map(|x| (top..=bottom).map(move |y| (x, y)));
        let (mut dark, mut all) = (0, 0);
        for (x, y) in rows.chain(columns) {
            dark += usize::from(self.dark[y * width + x]);
            all += 1;
        }
        dark * 5 < all
    }
}
