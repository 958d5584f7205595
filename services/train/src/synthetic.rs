//! A Good plot -> the same plot with a fault drawn onto it: training material where Bad plots are
//! few. Such images are marked, and are in no validation and no test set.
//!
//! The simulator's faults as they show in pixels: a dead or weak block, a hot channel, a missing
//! sector, an empty panel, a shifted or shrunken distribution, swapped cables. Where data are
//! drawn is learnt from the Goods: it is where they differ among themselves.

use hydra_proto::registry::InputShape;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Goods that are looked at to find the data.
const MOST_GOODS: usize = 60;
/// Standard deviation among Goods, in steps of 8 bits, from which on a pixel is data.
const VARIES: f32 = 3.0;
/// Mean change of the pixels that a fault covers, in steps of 8 bits, below which nobody sees it.
const VISIBLE: f32 = 14.0;
/// Draws until one is visible.
const TRIES: usize = 30;

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
}

/// Where a plot type draws data.
#[derive(Debug, Clone, PartialEq)]
pub struct Panels {
    shape: InputShape,
    panels: Vec<Patch>,
}

impl Panels {
    /// The panels of interleaved 8-bit Goods of a shape.
    pub fn find(goods: &[Vec<u8>], shape: InputShape) -> Self {
        let (width, height) = (shape.width as usize, shape.height as usize);
        let some: Vec<&Vec<u8>> =
            goods.iter().step_by(goods.len().div_ceil(MOST_GOODS).max(1)).collect();
        let mut varies = vec![false; width * height];
        let channels = shape.channels as usize;
        let count = some.len().max(1) as f32;
        for (at, data) in varies.iter_mut().enumerate() {
            for channel in 0..channels {
                let values = some.iter().map(|image| f32::from(image[at * channels + channel]));
                let (sum, squares) = values.fold((0.0f32, 0.0f32), |(s, q), v| (s + v, q + v * v));
                let variance = squares / count - (sum / count).powi(2);
                *data |= variance > VARIES * VARIES;
            }
        }
        let mut panels = boxes(&varies, width, height);
        // text that changes is small, data are not
        let area = |panel: &Patch| panel.width * panel.height;
        let largest = panels.iter().map(area).max().unwrap_or(0);
        panels.retain(|panel| area(panel) * 8 >= largest && panel.width > 3 && panel.height > 3);
        if panels.is_empty() {
            let (x, y) = (width / 8, height / 8);
            panels.push(Patch { x, y, width: width - 2 * x, height: height - 2 * y });
        }
        Self { shape, panels }
    }

    /// Where data are.
    pub fn panels(&self) -> &[Patch] {
        &self.panels
    }

    /// Draws a fault; the same `chance` draws the same. Gives where it is.
    pub fn strike(&self, pixels: &mut [u8], chance: u64) -> Patch {
        let mut rng = ChaCha8Rng::seed_from_u64(chance);
        for _ in 0..TRIES {
            let mut struck = pixels.to_vec();
            let patch = self.draw(&mut struck, &mut rng);
            if self.change(pixels, &struck, patch) >= VISIBLE {
                pixels.copy_from_slice(&struck);
                return patch;
            }
        }
        // a plot on which nothing shows: an empty panel at least leaves its frame
        let panel = self.panels[0];
        let mut canvas = Canvas { pixels, shape: self.shape };
        canvas.fill(panel, &canvas.paper());
        panel
    }

    fn change(&self, before: &[u8], after: &[u8], patch: Patch) -> f32 {
        let channels = self.shape.channels as usize;
        let mut sum = 0.0;
        for y in patch.y..patch.y + patch.height {
            let row = (y * self.shape.width as usize + patch.x) * channels;
            let range = row..row + patch.width * channels;
            let pairs = before[range.clone()].iter().zip(&after[range]);
            sum += pairs.map(|(a, b)| f32::from(a.abs_diff(*b))).sum::<f32>();
        }
        sum / (patch.width * patch.height * channels).max(1) as f32
    }

    fn draw(&self, pixels: &mut [u8], rng: &mut ChaCha8Rng) -> Patch {
        let panel = self.panels[rng.random_range(0..self.panels.len())];
        let mut canvas = Canvas { pixels, shape: self.shape };
        match rng.random_range(0..10u8) {
            0..=2 => {
                let patch = part(panel, 0.04..0.45, rng);
                canvas.fill(patch, &canvas.paper());
                patch
            }
            3 | 4 => {
                let patch = part(panel, 0.06..0.6, rng);
                let strength = rng.random_range(0.35..0.9);
                canvas.fade(patch, strength);
                patch
            }
            5 => {
                let patch = part(panel, 0.02..0.15, rng);
                let hot = canvas.rarest(panel);
                canvas.fill(patch, &hot);
                patch
            }
            6 => {
                let patch = sector(panel, rng);
                canvas.fill(patch, &canvas.paper());
                patch
            }
            7 => {
                let by = panel.width as f32 * rng.random_range(0.04f32..0.15);
                let by = by.ceil() as i32 * if rng.random_bool(0.5) { 1 } else { -1 };
                canvas.map(panel, |x, y| (x - by, y));
                panel
            }
            8 => {
                let keep = rng.random_range(0.4f32..0.85);
                let bottom = panel.height as f32 - 1.0;
                canvas.map(panel, |x, y| (x, (bottom - (bottom - y as f32) / keep) as i32));
                panel
            }
            _ => {
                let (one, mut other) = (part(panel, 0.08..0.4, rng), panel);
                (other.width, other.height) = (one.width, one.height);
                other.x += rng.random_range(0..=panel.width - one.width);
                other.y += rng.random_range(0..=panel.height - one.height);
                canvas.copy(other, one);
                one
            }
        }
    }
}

/// A rectangle of a panel, each side this share of the panel's, small ones as often as large ones.
fn part(panel: Patch, share: std::ops::Range<f32>, rng: &mut ChaCha8Rng) -> Patch {
    let (low, high) = (share.start.ln(), share.end.ln());
    let mut side = |whole: usize| {
        let share = rng.random_range(low..high).exp();
        ((whole as f32 * share).round() as usize).clamp(2.min(whole), whole)
    };
    let (width, height) = (side(panel.width), side(panel.height));
    let x = panel.x + rng.random_range(0..=panel.width - width);
    let y = panel.y + rng.random_range(0..=panel.height - height);
    Patch { x, y, width, height }
}

/// Columns or rows of a panel from side to side, or all of it.
fn sector(panel: Patch, rng: &mut ChaCha8Rng) -> Patch {
    let of = |whole: usize, rng: &mut ChaCha8Rng| {
        let length = ((whole as f32 * rng.random_range(0.05..0.5f32)) as usize).clamp(1, whole);
        (rng.random_range(0..=whole - length), length)
    };
    let mut patch = panel;
    match rng.next_u32() % 5 {
        0 => {}
        1 | 2 => {
            let (at, length) = of(panel.width, rng);
            (patch.x, patch.width) = (panel.x + at, length);
        }
        _ => {
            let (at, length) = of(panel.height, rng);
            (patch.y, patch.height) = (panel.y + at, length);
        }
    }
    patch
}

/// Bounding boxes of what hangs together, over gaps of a few pixels.
fn boxes(data: &[bool], width: usize, height: usize) -> Vec<Patch> {
    let gap = (width.min(height) / 60).max(1);
    let near = |x: usize, y: usize| {
        let rows = y.saturating_sub(gap)..(y + gap + 1).min(height);
        let columns = x.saturating_sub(gap)..(x + gap + 1).min(width);
        rows.flat_map(move |y| columns.clone().map(move |x| (x, y)))
    };
    let mut seen = vec![false; data.len()];
    let mut found = Vec::new();
    for start in 0..data.len() {
        if !data[start] || seen[start] {
            continue;
        }
        seen[start] = true;
        let (mut left, mut top) = (start % width, start / width);
        let (mut right, mut bottom) = (left, top);
        let mut waiting = vec![start];
        while let Some(at) = waiting.pop() {
            let (x, y) = (at % width, at / width);
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
            for (x, y) in near(x, y) {
                let next = y * width + x;
                if data[next] && !seen[next] {
                    seen[next] = true;
                    waiting.push(next);
                }
            }
        }
        found.push(Patch { x: left, y: top, width: right - left + 1, height: bottom - top + 1 });
    }
    found
}

struct Canvas<'a> {
    pixels: &'a mut [u8],
    shape: InputShape,
}

impl Canvas<'_> {
    fn at(&self, x: usize, y: usize) -> usize {
        (y * self.shape.width as usize + x) * self.shape.channels as usize
    }

    /// The colour of the corner.
    fn paper(&self) -> Vec<u8> {
        self.pixels[..self.shape.channels as usize].to_vec()
    }

    fn each(patch: Patch) -> impl Iterator<Item = (usize, usize)> {
        let columns = patch.x..patch.x + patch.width;
        (patch.y..patch.y + patch.height).flat_map(move |y| columns.clone().map(move |x| (x, y)))
    }

    fn fill(&mut self, patch: Patch, colour: &[u8]) {
        for (x, y) in Self::each(patch) {
            let at = self.at(x, y);
            self.pixels[at..at + colour.len()].copy_from_slice(colour);
        }
    }

    fn fade(&mut self, patch: Patch, strength: f32) {
        let paper = self.paper();
        for (x, y) in Self::each(patch) {
            let at = self.at(x, y);
            for (value, paper) in self.pixels[at..at + paper.len()].iter_mut().zip(&paper) {
                let (now, aim) = (f32::from(*value), f32::from(*paper));
                *value = (now + (aim - now) * strength).round() as u8;
            }
        }
    }

    /// The colour of a panel that is farthest from its mean: the end of the scale.
    fn rarest(&self, panel: Patch) -> Vec<u8> {
        let channels = self.shape.channels as usize;
        let mut mean = vec![0.0f32; channels];
        for (x, y) in Self::each(panel) {
            let at = self.at(x, y);
            mean.iter_mut().zip(&self.pixels[at..]).for_each(|(m, v)| *m += f32::from(*v));
        }
        mean.iter_mut().for_each(|m| *m /= (panel.width * panel.height) as f32);
        let distance = |(x, y): &(usize, usize)| {
            let own = &self.pixels[self.at(*x, *y)..];
            mean.iter().zip(own).map(|(m, v)| (m - f32::from(*v)).powi(2)).sum::<f32>()
        };
        let far = Self::each(panel).max_by(|a, b| distance(a).total_cmp(&distance(b)));
        let at = far.map_or(0, |(x, y)| self.at(x, y));
        self.pixels[at..at + channels].to_vec()
    }

    /// Each pixel of a panel from the place within it that `from` names; paper beyond it.
    fn map(&mut self, panel: Patch, from: impl Fn(i32, i32) -> (i32, i32)) {
        let (before, paper) = (self.pixels.to_vec(), self.paper());
        for (x, y) in Self::each(panel) {
            let (dx, dy) = from((x - panel.x) as i32, (y - panel.y) as i32);
            let inside =
                (0..panel.width as i32).contains(&dx) && (0..panel.height as i32).contains(&dy);
            let to = self.at(x, y);
            let source = self.at(panel.x + dx.max(0) as usize, panel.y + dy.max(0) as usize);
            let colour = if inside { &before[source..source + paper.len()] } else { &paper[..] };
            self.pixels[to..to + paper.len()].copy_from_slice(colour);
        }
    }

    /// One rectangle over another of its size.
    fn copy(&mut self, from: Patch, to: Patch) {
        let (before, channels) = (self.pixels.to_vec(), self.shape.channels as usize);
        for ((x, y), (a, b)) in Self::each(from).zip(Self::each(to)) {
            let (source, target) = (self.at(x, y), self.at(a, b));
            self.pixels[target..target + channels]
                .copy_from_slice(&before[source..source + channels]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: InputShape = InputShape { width: 60, height: 40, channels: 3, letterbox: false };

    /// Paper with two panels of noise, from (5, 5) to (25, 30) and from (33, 5) to (53, 30).
    fn good(seed: u64) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut pixels = vec![255; SHAPE.size_bytes()];
        for (x, y) in (5..30).flat_map(|y| (5..53).map(move |x| (x, y))) {
            if (25..33).contains(&x) {
                continue;
            }
            let at = (y * 60 + x) * 3;
            let level = rng.random_range(60..120);
            pixels[at..at + 3].copy_from_slice(&[level, 60, 255 - level]);
        }
        pixels
    }

    fn panels() -> Panels {
        Panels::find(&(0..20).map(good).collect::<Vec<_>>(), SHAPE)
    }

    #[test]
    fn panels_are_where_goods_differ() {
        let wanted = [
            Patch { x: 5, y: 5, width: 20, height: 25 },
            Patch { x: 33, y: 5, width: 20, height: 25 },
        ];
        assert_eq!(panels().panels(), wanted);
        let still = Panels::find(&vec![good(1); 5], SHAPE);
        assert_eq!(still.panels().len(), 1, "the middle, where nothing is known");
    }

    #[test]
    fn a_fault_is_seen_stays_in_its_panel_and_follows_from_its_chance() {
        let panels = panels();
        let mut places = std::collections::BTreeSet::new();
        for chance in 0..200 {
            let (before, mut struck, mut again) = (good(99), good(99), good(99));
            let patch = panels.strike(&mut struck, chance);
            assert_eq!(panels.strike(&mut again, chance), patch);
            assert_eq!(struck, again);
            assert!(panels.change(&before, &struck, patch) >= VISIBLE);
            for (at, (a, b)) in before.chunks_exact(3).zip(struck.chunks_exact(3)).enumerate() {
                let (x, y) = (at % 60, at / 60);
                let inside = (patch.x..patch.x + patch.width).contains(&x)
                    && (patch.y..patch.y + patch.height).contains(&y);
                assert!(inside || a == b, "{chance}: {x} {y} is outside {patch:?}");
            }
            places.insert((patch.x, patch.y));
        }
        assert!(places.len() > 80, "they are everywhere: {}", places.len());
    }
}
