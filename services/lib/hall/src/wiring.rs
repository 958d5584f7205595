//! How a panel's bins hang on electronics: channels fill bins, boards read channels, sectors hold them.

use rand::{Rng, RngExt};
use std::ops::Range;

/// Lists of numbers, one after the other in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    ends: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    pub fn push(&mut self, members: impl IntoIterator<Item = u32>) {
        self.members.extend(members);
        self.ends.push(self.members.len() as u32);
    }
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    pub fn get(&self, index: usize) -> &[u32] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.members[start as usize..self.ends[index] as usize]
    }
}

/// What sort of part breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Channel,
    Board,
    Sector,
}

/// A part of a detector: some channels, and how to say so.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub channels: Vec<u32>,
    pub name: String,
}

/// The wiring of one panel; empty where bins are no channels, as in a spectrum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wiring {
    /// Bins of each channel.
    pub channels: Groups,
    /// Channels of each board.
    pub boards: Groups,
    /// Channels of each sector.
    pub sectors: Groups,
}

impl Wiring {
    /// One channel a bin: boards and sectors are so many neighbours.
    pub fn line(bins: usize, board: usize, sector: usize) -> Self {
        Self::grid((bins, 1), (board, 1), (sector, 1))
    }

    /// One channel a cell of a map `size` wide and high; boards and sectors are rectangles.
    pub fn grid(size: (usize, usize), board: (usize, usize), sector: (usize, usize)) -> Self {
        let mut channels = Groups::default();
        (0..size.0 * size.1).for_each(|bin| channels.push([bin as u32]));
        Self { channels, boards: rectangles(size, board), sectors: rectangles(size, sector) }
    }

    /// One channel a column of a map `size` wide and high.
    pub fn columns(size: (usize, usize), board: usize, sector: usize) -> Self {
        let mut channels = Groups::default();
        for x in 0..size.0 {
            channels.push((0..size.1).map(|y| (y * size.0 + x) as u32));
        }
        let flat = (size.0, 1);
        Self {
            channels,
            boards: rectangles(flat, (board, 1)),
            sectors: rectangles(flat, (sector, 1)),
        }
    }

    /// One channel a straw on rings of these sizes, which come in pairs of equal size; a board reads
    /// `board` neighbours of both rings of a pair, a sector is a wedge of `depth` rings.
    pub fn rings(sizes: &[usize], board: usize, wedges: usize, depth: usize) -> Self {
        let mut channels = Groups::default();
        (0..sizes.iter().sum::<usize>()).for_each(|bin| channels.push([bin as u32]));
        let starts: Vec<usize> = sizes
            .iter()
            .scan(0, |next, size| Some(std::mem::replace(next, *next + size)))
            .collect();
        let part = |ring: usize, range: Range<usize>| {
            (starts[ring] + range.start) as u32..(starts[ring] + range.end) as u32
        };
        let (mut boards, mut sectors) = (Groups::default(), Groups::default());
        for ring in (0..sizes.len()).step_by(2) {
            for first in (0..sizes[ring]).step_by(board) {
                let range = first..(first + board).min(sizes[ring]);
                let pair = ring..(ring + 2).min(sizes.len());
                boards.push(pair.flat_map(|ring| part(ring, range.clone())));
            }
        }
        for first in (0..sizes.len()).step_by(depth) {
            for wedge in 0..wedges {
                let rings = first..(first + depth).min(sizes.len());
                let share =
                    |ring: usize| sizes[ring] * wedge / wedges..sizes[ring] * (wedge + 1) / wedges;
                sectors.push(rings.flat_map(|ring| part(ring, share(ring))));
            }
        }
        Self { channels, boards, sectors }
    }

    /// Whether bins are channels here.
    pub fn is_empty(&self) -> bool {
        self.channels.len() == 0
    }

    /// The bins that these channels fill.
    pub fn bins(&self, channels: &[u32]) -> Vec<u32> {
        channels.iter().flat_map(|&c| self.channels.get(c as usize)).copied().collect()
    }

    /// A board or sector at random, or `width` neighbouring channels of one board.
    pub fn pick(&self, level: Level, width: usize, random: &mut impl Rng) -> Part {
        let (groups, what) = match level {
            Level::Sector => (&self.sectors, "sector"),
            _ => (&self.boards, "board"),
        };
        let index = random.random_range(0..groups.len());
        let all = groups.get(index);
        if level != Level::Channel {
            return Part { channels: all.to_vec(), name: format!("{what} {}", index + 1) };
        }
        let first = random.random_range(0..all.len());
        let row = all[first..].iter().zip(all[first]..).take_while(|(a, b)| **a == *b);
        let channels: Vec<u32> = row.map(|(channel, _)| *channel).take(width).collect();
        let name = match channels[..] {
            [one] => format!("channel {}", one + 1),
            _ => format!("channels {} to {}", channels[0] + 1, channels[channels.len() - 1] + 1),
        };
        Part { channels, name }
    }
}

fn rectangles(size: (usize, usize), part: (usize, usize)) -> Groups {
    let mut groups = Groups::default();
    for y in (0..size.1).step_by(part.1) {
        for x in (0..size.0).step_by(part.0) {
            let rows = y..(y + part.1).min(size.1);
            let columns = x..(x + part.0).min(size.0);
            groups.push(rows.flat_map(|y| columns.clone().map(move |x| (y * size.0 + x) as u32)));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    fn covers(groups: &Groups, channels: usize) -> bool {
        let mut seen: Vec<u32> = (0..groups.len()).flat_map(|i| groups.get(i).to_vec()).collect();
        seen.sort_unstable();
        seen == (0..channels as u32).collect::<Vec<_>>()
    }

    #[test]
    fn boards_and_sectors_hold_every_channel_once() {
        for wiring in [
            Wiring::line(100, 16, 30),
            Wiring::grid((112, 36), (16, 6), (28, 12)),
            Wiring::columns((62, 60), 8, 16),
            Wiring::rings(&[42, 42, 54, 54], 12, 12, 2),
        ] {
            assert!(covers(&wiring.boards, wiring.channels.len()));
            assert!(covers(&wiring.sectors, wiring.channels.len()));
        }
    }

    #[test]
    fn a_channel_of_a_column_map_is_a_column() {
        let wiring = Wiring::columns((3, 2), 2, 3);
        assert_eq!(wiring.bins(&[1]), [1, 4]);
    }

    #[test]
    fn picked_channels_are_neighbours_in_one_row() {
        let wiring = Wiring::grid((20, 10), (8, 4), (10, 5));
        let mut random = seed::stream(1, "test", &[]);
        for _ in 0..200 {
            let part = wiring.pick(Level::Channel, 4, &mut random);
            assert!((1..=4).contains(&part.channels.len()));
            assert!(part.channels.windows(2).all(|pair| pair[1] == pair[0] + 1));
            assert_eq!(part.channels[0] / 20, part.channels[part.channels.len() - 1] / 20);
        }
    }
}
