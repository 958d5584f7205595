//! The path of a labelled image -> plot type, run and chunk, whoever named the file.

use hydra_ingest::folder::Grammar;
use hydra_proto::PlotTypeName;
use std::path::{Component, Path};

/// What is known of where an image belongs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// What is drawn.
    pub plot_type: Option<PlotTypeName>,
    /// Run number.
    pub run: Option<u32>,
    /// Chunk of the run.
    pub chunk: Option<u32>,
    /// Run period.
    pub run_period: Option<String>,
}

/// Digits of a run number that stands alone in a name; eight are a date.
const RUN_DIGITS: std::ops::RangeInclusive<usize> = 5..=7;

/// Reads a path below the folder that was given: the naming habits of the halls first, then a
/// run number anywhere in a name (`Run080464`, `run_80464`, or five to seven digits alone).
pub fn place(path: &Path) -> Place {
    let read = |grammar: Grammar| grammar.read(path).ok().flatten();
    let mon12 = read(Grammar::Mon12).filter(|place| place.run.is_some());
    let found = mon12.or_else(|| read(Grammar::Rsai));
    let mut place = match found {
        Some(found) => Place {
            plot_type: Some(found.plot_type),
            run: found.run,
            chunk: found.chunk,
            run_period: found.run_period,
        },
        None => Place::default(),
    };
    if place.run.is_none() {
        let names = path.components().rev().filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        place.run = names.into_iter().find_map(run_in);
        // the name is of the expert's making: its end may be the run, its beginning anything
        place.plot_type = None;
        place.chunk = place.chunk.filter(|chunk| Some(*chunk) != place.run);
    }
    place
}

/// The run number that a name holds.
fn run_in(name: &str) -> Option<u32> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let parts: Vec<&str> = stem.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    for (at, part) in parts.iter().enumerate() {
        let lower = part.to_ascii_lowercase();
        let Some(rest) = lower.strip_prefix("run").or_else(|| lower.strip_prefix('r')) else {
            continue;
        };
        let next = parts.get(at + 1).copied().unwrap_or_default();
        let number = if rest.is_empty() && lower == "run" { next } else { rest };
        if digits(number) && (lower.starts_with("run") || RUN_DIGITS.contains(&number.len())) {
            return number.parse().ok();
        }
    }
    let alone = parts.iter().find(|part| digits(part) && RUN_DIGITS.contains(&part.len()));
    alone.and_then(|part| part.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_chunks_are_found_in_the_names_that_experts_have() {
        for (path, run, chunk) in [
            ("Bad/Run080464/CDC_occupancy_0037.png", Some(80464), Some(37)),
            ("Bad/CDC_occupancy_Run080464_0037.png", Some(80464), Some(37)),
            ("Good/CDC_occupancy_run_80464_0001.png", Some(80464), Some(1)),
            ("Good/080464_CDC_occupancy_0002.png", Some(80464), Some(2)),
            ("Good/CDC_occupancy_80464.png", Some(80464), None),
            ("Good/r131024/BCAL_0003.png", Some(131_024), Some(3)),
            ("Good/clas12mon_18777_06-13-2023_10.41.01_PM/DC_occupancy.png", Some(18777), None),
            ("Good/image 12.png", None, None),
            ("Good/20230613/plot.png", Some(20_230_613), None),
            ("Good/plot_20230613.png", None, Some(20_230_613)),
        ] {
            let found = place(Path::new(path));
            assert_eq!((found.run, found.chunk), (run, chunk), "{path}");
        }
    }
}
