//! The data inside of frames: whether there are any, and their fingerprint.

use super::{Sheet, frames::Frame};
use std::collections::HashMap;

/// A colour that differs by less in every channel is the background's.
const ALIKE: u8 = 24;
/// Fewest pixels of data.
const LEAST: usize = 24;
/// Pixels between those that tell the background.
const STRIDE: usize = 5;
/// Pixels that are compared with the background together.
const BLOCK: usize = 16;

/// Checksum of the pixels and number of those that are data, 8 bytes; nothing where there are no
/// data.
pub(super) fn fingerprint(sheet: Sheet<'_>, frames: &[Frame], marks: &mut Marks) -> Vec<u8> {
    let drawn: usize = frames.iter().map(|frame| drawn(sheet, frame, marks)).sum();
    if drawn < LEAST {
        return Vec::new();
    }
    let mut sum = crc32fast::Hasher::new();
    for frame in frames {
        for y in frame.top..=frame.bottom {
            for (from, to) in shown(frame, y) {
                sum.update(sheet.row(y, from, to));
            }
        }
    }
    let count = u32::try_from(drawn).unwrap_or(u32::MAX);
    [sum.finalize().to_le_bytes(), count.to_le_bytes()].concat()
}

/// The stretches of a row that no box hides.
fn shown(frame: &Frame, y: usize) -> Vec<(usize, usize)> {
    let mut hidden: Vec<(usize, usize)> = frame
        .boxes
        .iter()
        .filter(|b| (b.top..=b.bottom).contains(&y))
        .map(|b| (b.left, b.right + 1))
        .collect();
    hidden.sort_unstable();
    let mut stretches = Vec::with_capacity(hidden.len() + 1);
    let mut from = frame.left;
    for (left, right) in hidden {
        if left > from {
            stretches.push((from, left));
        }
        from = from.max(right);
    }
    if from <= frame.right {
        stretches.push((from, frame.right + 1));
    }
    stretches
}

/// Pixels that are neither background nor lines from one side of the frame to the other, as grids
/// and axes are. Ticks, which stand at the edge, are left out.
fn drawn(sheet: Sheet<'_>, frame: &Frame, marks: &mut Marks) -> usize {
    let (wide, high) = (frame.right - frame.left + 1, frame.bottom - frame.top + 1);
    let inset = |size: usize| (size / 20).max(8);
    let (dx, dy) = (inset(wide), inset(high));
    if wide <= 4 * dx || high <= 4 * dy {
        return 0;
    }
    let (left, right) = (frame.left + dx, frame.right - dx);
    let (top, bottom) = (frame.top + dy, frame.bottom - dy);
    let paper = background(sheet, (left, right), (top, bottom));
    marks.clear(right - left, bottom - top);
    for y in top..bottom {
        for (from, to) in shown(frame, y) {
            let (from, to) = (from.max(left), to.min(right));
            if from < to {
                marks.row(y - top, from - left, sheet.row(y, from, to), paper);
            }
        }
    }
    marks.count(|x, y| {
        let (x, y) = (x + left, y + top);
        let holds = |b: &Frame| (b.left..=b.right).contains(&x) && (b.top..=b.bottom).contains(&y);
        frame.boxes.iter().any(holds)
    })
}

/// Which pixels of a frame are data, with their sums by row and column.
#[derive(Default)]
pub(super) struct Marks {
    marked: Vec<bool>,
    by_row: Vec<u32>,
    by_column: Vec<u32>,
}

impl Marks {
    fn clear(&mut self, columns: usize, rows: usize) {
        for (list, length) in [(&mut self.by_row, rows), (&mut self.by_column, columns)] {
            list.clear();
            list.resize(length, 0);
        }
        self.marked.clear();
        self.marked.resize(columns * rows, false);
    }

    /// Marks what differs from the paper.
    fn row(&mut self, row: usize, from: usize, pixels: &[u8], paper: [u8; 3]) {
        let start = row * self.by_column.len() + from;
        let marked = &mut self.marked[start..start + pixels.len() / 3];
        let mut blank = [0; 3 * BLOCK];
        blank.as_chunks_mut::<3>().0.fill(paper);
        let mut sum = 0;
        let blocks = marked.chunks_mut(BLOCK).zip(self.by_column[from..].chunks_mut(BLOCK));
        for ((marked, columns), pixels) in blocks.zip(pixels.chunks(3 * BLOCK)) {
            // most of a plot is paper
            if *pixels == blank[..pixels.len()] {
                continue;
            }
            let pixels = pixels.as_chunks::<3>().0;
            for ((mark, column), pixel) in marked.iter_mut().zip(columns).zip(pixels) {
                let [r, g, b] = [0, 1, 2].map(|c| pixel[c].abs_diff(paper[c]) >= ALIKE);
                *mark = r | g | b;
                *column += u32::from(*mark);
                sum += u32::from(*mark);
            }
        }
        self.by_row[row] += sum;
    }

    /// How many are marked, without thin lines; a line may go on behind what is hidden.
    fn count(&self, hidden: impl Fn(usize, usize) -> bool) -> usize {
        let columns = self.by_column.len();
        let at = |x: usize, y: usize| self.marked[y * columns + x];
        let reached = |x: usize, y: usize| at(x, y) || hidden(x, y);
        let across = lines(&self.by_row, columns, |y, x| reached(x, y));
        let upright = lines(&self.by_column, self.by_row.len(), reached);
        let rows = || across.iter().enumerate().filter(|(_, line)| !**line).map(|(y, _)| y);
        let all: u32 = rows().map(|y| self.by_row[y]).sum();
        let of_line = |x: usize| rows().filter(|y| at(x, *y)).count();
        let lost: usize =
            upright.iter().enumerate().filter(|(_, l)| **l).map(|(x, _)| of_line(x)).sum();
        all as usize - lost
    }
}

/// Which rows (or columns) of `length` pixels are thin lines, dashed or not, from one side to the
/// other, by their sums of marks.
fn lines(sums: &[u32], length: usize, at: impl Fn(usize, usize) -> bool) -> Vec<bool> {
    let end = (length / 10).max(1);
    let lonely = |other: Option<usize>| {
        other.and_then(|other| sums.get(other)).is_none_or(|sum| *sum as usize * 10 < length)
    };
    let thin = |(line, sum): (usize, &u32)| {
        *sum as usize * 5 >= length
            && lonely(line.checked_sub(4))
            && lonely(Some(line + 4))
            && (0..end).any(|i| at(line, i))
            && (length - end..length).any(|i| at(line, i))
    };
    sums.iter().enumerate().map(thin).collect()
}

/// The most frequent colour.
fn background(
    sheet: Sheet<'_>,
    (left, right): (usize, usize),
    (top, bottom): (usize, usize),
) -> [u8; 3] {
    let mut seen: HashMap<[u8; 3], usize> = HashMap::new();
    for y in (top..bottom).step_by(STRIDE) {
        let sampled = sheet.row(y, left, right).as_chunks::<3>().0.chunks(STRIDE);
        // neighbours are mostly alike
        for alike in sampled.map(|few| few[0]).collect::<Vec<_>>().chunk_by(|a, b| a == b) {
            *seen.entry(alike[0]).or_default() += alike.len();
        }
    }
    // of colours that are as frequent the smallest: the same pixels give the same answer
    let most = seen.into_iter().max_by_key(|(colour, count)| (*count, std::cmp::Reverse(*colour)));
    most.map_or([255; 3], |(colour, _)| colour)
}
