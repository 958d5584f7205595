//! A frame -> its cells: a grid of blocks, round cells on rings, or the columns of a histogram.

use super::frames::{Frame, Stack, WRONG};
use super::{Panel, Sort};
use rayon::prelude::*;
use std::collections::HashMap;
use std::f64::consts::TAU;
use std::ops::Range;

/// A grid has at most so many rows (or columns) for its pixels.
const MOST_LINES: f64 = 0.7;
/// Pixels of a round cell, at least.
const LEAST_AREA: usize = 9;

/// The cells of a frame; absent where nothing in it looks like one.
pub(super) fn panel(stack: &Stack<'_>, frame: &Frame, levels: Option<&[f32]>) -> Option<Panel> {
    let rows = (frame.rows.start, frame.rows.end);
    let made = |sort, cells: Vec<Cell>| {
        let (pixels, places) = cells.into_iter().unzip();
        Some(Panel { sort, rows, pixels, places, scales: Vec::new() })
    };
    let (apart, below) = changes(stack, frame);
    let across = groups(frame.columns.clone(), &apart);
    if levels.is_none() {
        if across.len() < 2 {
            return None;
        }
        let sort = sort(stack, frame);
        let best = across.iter().filter_map(|group| clearest(stack, frame, sort, group));
        let cell = |(n, x): (usize, usize)| ((frame.rows.start as u32, x as u32), (0, n as u32));
        return made(sort, best.enumerate().map(cell).collect());
    }
    let down = groups(frame.rows.clone(), &below);
    let few = |groups: &[Range<usize>], of: &Range<usize>| {
        groups.len() as f64 <= MOST_LINES * of.len() as f64
    };
    if across.len() * down.len() < 2 {
        return None;
    }
    if few(&across, &frame.columns) && few(&down, &frame.rows) {
        return made(Sort::Level, blocks(stack, frame, &across, &down));
    }
    made(Sort::Level, rings(discs(stack, frame))?)
}

/// Pixel (row, column) of a cell, and its place in the panel.
type Cell = ((u32, u32), (u32, u32));

fn middle(group: &Range<usize>) -> usize {
    (group.start + group.end - 1) / 2
}

fn in_hole(frame: &Frame, y: usize, x: usize) -> bool {
    // with the hole's own outline
    let near = |range: &Range<usize>, at: usize| at + 1 >= range.start && at <= range.end;
    frame.holes.iter().any(|(rows, columns)| near(rows, y) && near(columns, x))
}

/// After which columns, and after which rows, pixels change that are neither ticks nor text.
fn changes(stack: &Stack<'_>, frame: &Frame) -> (Vec<bool>, Vec<bool>) {
    let (wide, high) = (frame.columns.len(), frame.rows.len());
    let hidden = hidden(stack, frame);
    let of = |image: &&[u8]| {
        let (mut apart, mut below) = (vec![0u32; wide], vec![0u32; high]);
        for y in 0..high {
            for x in 0..wide {
                if hidden[y * wide + x] {
                    continue;
                }
                let pixel = |y: usize, x: usize| {
                    let (row, column) = (y + frame.rows.start, x + frame.columns.start);
                    Stack::pixel(image, stack.wide, row, column)
                };
                let own = pixel(y, x);
                if x + 1 < wide && !hidden[y * wide + x + 1] && own != pixel(y, x + 1) {
                    apart[x] = 1;
                }
                if y + 1 < high && !hidden[(y + 1) * wide + x] && own != pixel(y + 1, x) {
                    below[y] = 1;
                }
            }
        }
        (apart, below)
    };
    let add = |(mut a, mut b): (Vec<u32>, Vec<u32>), (c, d): (Vec<u32>, Vec<u32>)| {
        a.iter_mut().zip(c).for_each(|(a, c)| *a += c);
        b.iter_mut().zip(d).for_each(|(b, d)| *b += d);
        (a, b)
    };
    let none = || (vec![0; wide], vec![0; high]);
    let (apart, below) = stack.images.par_iter().map(of).reduce(none, add);
    // one picture that is laid out otherwise must not part every cell
    let least = (WRONG * stack.images.len() as f64) as u32;
    let often = |counts: Vec<u32>| counts.into_iter().map(|count| count > least).collect();
    (often(apart), often(below))
}

/// Pixels of ticks and text.
fn hidden(stack: &Stack<'_>, frame: &Frame) -> Vec<bool> {
    let columns = || frame.columns.clone();
    let of = |y: usize| columns().map(move |x| stack.black(y, x) || in_hole(frame, y, x));
    frame.rows.clone().flat_map(of).collect()
}

/// Neighbours that are alike, together.
fn groups(range: Range<usize>, changes: &[bool]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut start = range.start;
    for (at, change) in range.clone().zip(changes) {
        if at + 1 == range.end || *change {
            groups.push(start..at + 1);
            start = at + 1;
        }
    }
    groups
}

/// Whether the histogram is filled: paper is not what is seen at its foot.
fn sort(stack: &Stack<'_>, frame: &Frame) -> Sort {
    let y = frame.rows.end - 1;
    let paper = |image: &&[u8]| {
        let at = |x: &usize| Sort::Filled.ends(Stack::pixel(image, stack.wide, y, *x));
        frame.columns.clone().filter(|x| !stack.black(y, *x)).filter(at).count()
    };
    let seen = stack.images.iter().map(paper).sum::<usize>();
    let all = stack.images.len() * frame.columns.len();
    if seen * 2 > all { Sort::Line } else { Sort::Filled }
}

/// The column of these that shows nothing but the histogram's line, about; absent where there is
/// none: a tick of the axis, below the line, would be taken for it.
fn clearest(stack: &Stack<'_>, frame: &Frame, sort: Sort, group: &Range<usize>) -> Option<usize> {
    /// Lines in a column, in the mean over pictures.
    const MOST: f64 = 1.3;
    /// Pictures that are looked at.
    const PICTURES: usize = 40;
    if sort == Sort::Filled {
        return Some(middle(group));
    }
    let step = stack.images.len().div_ceil(PICTURES);
    // text in a box stands above the line
    let top = |x: usize| {
        let over = frame.holes.iter().filter(|(_, columns)| columns.contains(&x));
        over.map(|(rows, _)| rows.end + 1).max().unwrap_or(frame.rows.start)
    };
    let lines = |x: usize| -> f64 {
        let rows = top(x)..frame.rows.end;
        let seen = stack.images.iter().step_by(step);
        let of = |image: &&[u8]| {
            let dark = |y: usize| sort.ends(Stack::pixel(image, stack.wide, y, x));
            let begins = |y: &usize| dark(*y) && (*y == rows.start || !dark(*y - 1));
            rows.clone().filter(begins).count()
        };
        let count = seen.clone().count();
        seen.map(of).sum::<usize>() as f64 / count as f64
    };
    let clear = group.clone().filter(|x| lines(*x) <= MOST);
    clear.min_by_key(|x| x.abs_diff(middle(group)))
}

/// A cell for each column and row that is not all tick or text.
fn blocks(
    stack: &Stack<'_>,
    frame: &Frame,
    across: &[Range<usize>],
    down: &[Range<usize>],
) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(across.len() * down.len());
    for (row, ys) in down.iter().enumerate() {
        for (column, xs) in across.iter().enumerate() {
            let open = |y: usize, x: usize| !stack.black(y, x) && !in_hole(frame, y, x);
            let first = (middle(ys), middle(xs));
            let others = ys.clone().flat_map(|y| xs.clone().map(move |x| (y, x)));
            if let Some((y, x)) = std::iter::once(first).chain(others).find(|(y, x)| open(*y, *x)) {
                cells.push(((y as u32, x as u32), (row as u32, column as u32)));
            }
        }
    }
    cells
}

/// Middles of connected pixels that are always alike, and not always the same.
fn discs(stack: &Stack<'_>, frame: &Frame) -> Vec<(usize, usize)> {
    let (wide, high) = (frame.columns.len(), frame.rows.len());
    let hidden = hidden(stack, frame);
    let mut seen = vec![0xcbf2_9ce4_8422_2325u64; wide * high];
    let mut varies = vec![false; wide * high];
    for image in stack.images {
        for y in 0..high {
            for x in 0..wide {
                let (row, column) = (y + frame.rows.start, x + frame.columns.start);
                let pixel = Stack::pixel(image, stack.wide, row, column);
                let first = Stack::pixel(stack.images[0], stack.wide, row, column);
                let at = y * wide + x;
                varies[at] |= !hidden[at] && pixel != first;
                for value in pixel {
                    seen[at] = (seen[at] ^ u64::from(*value)).wrapping_mul(0x0100_0000_01b3);
                }
            }
        }
    }
    let mut taken = vec![false; wide * high];
    let mut found: Vec<(usize, (usize, usize))> = Vec::new();
    for start in 0..wide * high {
        if taken[start] || !varies[start] {
            continue;
        }
        let (mut open, mut area) = (vec![start], 0);
        let (mut low, mut top) = ((usize::MAX, usize::MAX), (0, 0));
        taken[start] = true;
        while let Some(at) = open.pop() {
            let (y, x) = (at / wide, at % wide);
            area += 1;
            (low, top) = ((low.0.min(y), low.1.min(x)), (top.0.max(y), top.1.max(x)));
            let mut go = |near: usize| {
                if !taken[near] && seen[near] == seen[start] {
                    taken[near] = true;
                    open.push(near);
                }
            };
            if x > 0 {
                go(at - 1);
            }
            if x + 1 < wide {
                go(at + 1);
            }
            if y > 0 {
                go(at - wide);
            }
            if y + 1 < high {
                go(at + wide);
            }
        }
        if area >= LEAST_AREA {
            let centre = ((low.0 + top.0) / 2, (low.1 + top.1) / 2);
            found.push((area, (centre.0 + frame.rows.start, centre.1 + frame.columns.start)));
        }
    }
    let mut areas: Vec<usize> = found.iter().map(|(area, _)| *area).collect();
    areas.sort_unstable();
    let usual = areas.get(areas.len() / 2).copied().unwrap_or(0);
    let like = |area: usize| area * 3 >= usual && area <= usual * 3;
    found.into_iter().filter(|(area, _)| like(*area)).map(|(_, centre)| centre).collect()
}

/// Round cells as rows: each ring about their common centre, in order of the angle.
fn rings(discs: Vec<(usize, usize)>) -> Option<Vec<Cell>> {
    /// Radii that differ by less are one ring's, in pixels.
    const STEP_PX: f64 = 3.0;
    if discs.len() < super::FEWEST {
        return None;
    }
    // middle and half the extent: axes need not have the same scale
    let span = |of: &dyn Fn(&(usize, usize)) -> usize| {
        let (low, high) = (discs.iter().map(of).min()?, discs.iter().map(of).max()?);
        (low < high).then_some(((low + high) as f64 / 2.0, (high - low) as f64 / 2.0))
    };
    let ((cy, high), (cx, wide)) = (span(&|d| d.0)?, span(&|d| d.1)?);
    let polar = |(y, x): (usize, usize)| {
        let (dy, dx) = ((cy - y as f64) * wide / high, x as f64 - cx);
        (dx.hypot(dy), dy.atan2(dx).rem_euclid(TAU), (y as u32, x as u32))
    };
    let mut all: Vec<(f64, f64, (u32, u32))> = discs.into_iter().map(polar).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut cells = HashMap::new();
    let mut start = 0;
    let mut ring = 0u32;
    for end in 1..=all.len() {
        if end < all.len() && all[end].0 - all[end - 1].0 < STEP_PX {
            continue;
        }
        for (column, pixel) in around(&mut all[start..end]) {
            cells.entry((ring, column)).or_insert(pixel);
        }
        (ring, start) = (ring + 1, end);
    }
    let mut cells: Vec<Cell> = cells.into_iter().map(|(place, pixel)| (pixel, place)).collect();
    cells.sort_unstable_by_key(|(_, place)| *place);
    Some(cells)
}

/// The columns of a ring's cells; where one is missing, a column is left out.
fn around(ring: &mut [(f64, f64, (u32, u32))]) -> Vec<(u32, (u32, u32))> {
    ring.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut steps: Vec<f64> = ring.windows(2).map(|two| two[1].1 - two[0].1).collect();
    steps.sort_by(f64::total_cmp);
    let Some(usual) = steps.get(steps.len() / 2).filter(|step| **step > 1e-6) else {
        return ring.iter().enumerate().map(|(n, one)| (n as u32, one.2)).collect();
    };
    let count = (TAU / usual).round().max(1.0);
    let turn = TAU / count;
    // how far the first cell is from the angle 0, as all of them say together
    let (sin, cos) = ring.iter().fold((0.0, 0.0), |(sin, cos), one| {
        let phase = one.1 * count;
        (sin + phase.sin(), cos + phase.cos())
    });
    let offset = sin.atan2(cos) / TAU;
    let column = |angle: f64| ((angle / turn - offset).round().rem_euclid(count)) as u32;
    ring.iter().map(|one| (column(one.1), one.2)).collect()
}
