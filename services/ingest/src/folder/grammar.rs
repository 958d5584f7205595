//! A file's path -> what plot it is: the naming habits of the halls, as pure functions.
//!
//! | grammar | path | plot type | run | chunk |
//! |---|---|---|---|---|
//! | `rsai` (Hall D) | `Run080464/CDC_occupancy_0037.png` | `CDC_occupancy` | 80464 | 37 |
//! | | `80464/RF_selftiming-02_0001.png` | `RF_selftiming-02` (with its pad) | 80464 | 1 |
//! | `mon12` (Hall B) | `clas12mon_18777_06-13-2023_10.41.01_PM/Faraday Cup.png` | `Faraday Cup` | 18777 | rank of the time stamp in the run, from 1 |
//! | `panguin` (Halls A, C) | `Run4711/dc_wires.png`, `dc_wires_4711.png` | `dc_wires` | 4711 | none |
//!
//! A part of the path such as `RunPeriod-2021-08` is the run period. What stands nearer to the
//! file counts; a part `Run...` counts before one of digits only.

use crate::{Refusal, facts, refusal::shown};
use hydra_proto::PlotTypeName;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsStr,
    path::{Component, Path},
};

/// How a hall names its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grammar {
    /// Hall D's RSAI: the chunk ends the name, the run is in the path.
    Rsai,
    /// Hall B's mon12: a folder a set, which tells run and time.
    Mon12,
    /// Halls A and C's panguin: one set a run.
    Panguin,
}

/// What a path tells of a plot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which plot.
    pub plot_type: PlotTypeName,
    /// Run number, where the path has one.
    pub run: Option<u32>,
    /// Which set of the run, where the name says it.
    pub chunk: Option<u32>,
    /// The set's time, where chunks follow from it.
    pub set: Option<SetStamp>,
    /// Run period, where the path has one.
    pub run_period: Option<String>,
}

impl Grammar {
    /// Reads `path`. `None` for what is no plot by its name: another ending, or hidden.
    ///
    /// # Errors
    /// A [`Refusal`] that names what cannot be read of a plot's path.
    pub fn read(self, path: &Path) -> Result<Option<Place>, Refusal> {
        let Some(stem) = plot_stem(path) else { return Ok(None) };
        let stem = stem.to_str().ok_or_else(|| Refusal::BadFact {
            fact: "plot-type",
            why: format!("the file name \"{}\" is not UTF-8", shown(&stem.to_string_lossy())),
        })?;
        let folders = folders(path);
        let run_period = folders
            .iter()
            .find(|name| name.starts_with("RunPeriod"))
            .map(|name| (*name).to_owned());
        let (name, run, chunk, set) = match self {
            Self::Rsai => {
                let (name, chunk) = chunk_suffix(stem);
                (name, run_of(&folders)?, chunk, None)
            }
            Self::Mon12 => {
                let set = folders.first().and_then(|name| set_folder(name));
                (stem, set.map(|(run, _)| run), None, set.map(|(_, stamp)| stamp))
            }
            Self::Panguin => {
                let run = run_of(&folders)?;
                match run_suffix(stem) {
                    Some((name, suffix)) if run.is_none_or(|run| run == suffix) => {
                        (name, Some(suffix), None, None)
                    }
                    _ => (stem, run, None, None),
                }
            }
        };
        Ok(Some(Place { plot_type: facts::plot_type(name)?, run, chunk, set, run_period }))
    }
}

/// The name without its ending, if it is a plot's.
fn plot_stem(path: &Path) -> Option<&OsStr> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let stem = path.file_stem()?;
    let hidden = stem.as_encoded_bytes().starts_with(b".");
    (matches!(ending.as_str(), "png" | "jpg" | "jpeg" | "gif") && !hidden).then_some(stem)
}

/// The folders above the file, the nearest first. Names that are not UTF-8 tell nothing.
fn folders(path: &Path) -> Vec<&str> {
    let parts = path.parent().into_iter().flat_map(Path::components).rev();
    parts
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect()
}

/// The run that a folder names: `Run080464` or `Run80464`, else one of digits only.
fn run_of(folders: &[&str]) -> Result<Option<u32>, Refusal> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    for name in folders {
        let rest = name.strip_prefix("Run").or_else(|| name.strip_prefix("run"));
        if let Some(rest) = rest.map(|rest| rest.trim_start_matches(['_', '-']))
            && digits(rest)
        {
            let why = || format!("\"{}\" is not below 2^32", shown(rest));
            let run = rest.parse().map_err(|_| Refusal::BadFact { fact: "run", why: why() })?;
            return Ok(Some(run));
        }
    }
    Ok(folders.iter().filter(|name| digits(name)).find_map(|name| name.parse().ok()))
}

/// `name_0037` -> `name`, 37. A chunk has four digits, more when the counter has run over.
fn chunk_suffix(stem: &str) -> (&str, Option<u32>) {
    match stem.rsplit_once('_') {
        Some((name, digits))
            if !name.is_empty()
                && (4..=9).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (name, digits.parse().ok())
        }
        _ => (stem, None),
    }
}

/// `name_4711`, `name_run4711` or `name_run_4711` -> `name`, 4711.
fn run_suffix(stem: &str) -> Option<(&str, u32)> {
    let (name, last) = stem.rsplit_once(['_', '-'])?;
    let lower = last.to_ascii_lowercase();
    let (digits, named) = match lower.strip_prefix("run") {
        Some(digits) => (digits, true),
        None => (lower.as_str(), false),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let bare = ["_run", "-run", "_Run", "-Run"].iter().find_map(|mark| name.strip_suffix(mark));
    // Digits alone are a run from four on: `panel_2` is the second panel.
    let name = bare.unwrap_or(name);
    (named || bare.is_some() || digits.len() >= 4).then_some(())?;
    (!name.is_empty()).then_some((name, digits.parse().ok()?))
}

/// When a set was drawn, by the producer's clock. Compared with others of its run only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetStamp {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

/// `clas12mon_<run>_<MM-dd-yyyy_hh.mm.ss_AM|PM>`.
pub(super) fn set_folder(name: &str) -> Option<(u32, SetStamp)> {
    let (run, stamp) = name.strip_prefix("clas12mon_")?.split_once('_')?;
    let (date, rest) = stamp.split_once('_')?;
    let (time, half) = rest.split_once('_')?;
    let [month, day, year] = numbers(date, '-')?;
    let [hour12, minute, second] = numbers(time, '.')?;
    let afternoon = match half {
        "AM" => 0,
        "PM" => 12,
        _ => return None,
    };
    let possible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (2000..2100).contains(&year)
        && (1..=12).contains(&hour12)
        && minute < 60
        && second < 61;
    let all_digits = run.bytes().all(|b| b.is_ascii_digit());
    (possible && all_digits).then_some(())?;
    let stamp = SetStamp {
        year,
        month: month as u8,
        day: day as u8,
        hour: (hour12 % 12) as u8 + afternoon,
        minute: minute as u8,
        second: second as u8,
    };
    Some((run.parse().ok()?, stamp))
}

/// Three numbers of digits only.
fn numbers(text: &str, separator: char) -> Option<[u16; 3]> {
    let parts: Vec<u16> = text
        .split(separator)
        .map(|part| part.parse().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit())))
        .collect::<Option<_>>()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::Grammar::{Mon12, Panguin, Rsai};
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    fn read(grammar: Grammar, path: &str) -> (String, Option<u32>, Option<u32>, Option<String>) {
        let place = grammar.read(Path::new(path)).unwrap().unwrap();
        (place.plot_type.into(), place.run, place.chunk, place.run_period)
    }

    #[test]
    fn the_paths_that_halls_write_are_understood() {
        for (grammar, path, plot_type, run, chunk, period) in [
            (Rsai, "Run080464/CDC_occupancy_0001.png", "CDC_occupancy", Some(80464), Some(1), None),
            (Rsai, "Run80464/CDC_occupancy_0001.png", "CDC_occupancy", Some(80464), Some(1), None),
            (
                Rsai,
                "/d/80464/RF_selftiming-02_0037.png",
                "RF_selftiming-02",
                Some(80464),
                Some(37),
                None,
            ),
            (
                Rsai,
                "RunPeriod-2021-08/Run81000/BCAL_0002.PNG",
                "BCAL",
                Some(81000),
                Some(2),
                Some("RunPeriod-2021-08"),
            ),
            (
                Rsai,
                "RunPeriod-2021-08/81000/deep/er/BCAL.png",
                "BCAL",
                Some(81000),
                None,
                Some("RunPeriod-2021-08"),
            ),
            (Rsai, "Run7/80464/X_0001.png", "X", Some(7), Some(1), None),
            (Rsai, "CDC_occupancy_0001.png", "CDC_occupancy", None, Some(1), None),
            (Rsai, "Run1/plot_12345.png", "plot", Some(1), Some(12345), None),
            (Rsai, "Run1/plot_123.png", "plot_123", Some(1), None, None),
            (Rsai, "Run1/plot-0001.png", "plot-0001", Some(1), None, None),
            (Rsai, "20231123101010/X.png", "X", None, None, None),
            (Rsai, "Run1/fcal.jpeg", "fcal", Some(1), None, None),
            (
                Mon12,
                "clas12mon_18777_06-13-2023_10.41.01_PM/DC_occupancy.png",
                "DC_occupancy",
                Some(18777),
                None,
                None,
            ),
            (
                Mon12,
                "/x/clas12mon_18777_06-13-2023_12.00.00_AM/Faraday Cup.png",
                "Faraday Cup",
                Some(18777),
                None,
                None,
            ),
            (Panguin, "Run4711/dc_wires.png", "dc_wires", Some(4711), None, None),
            (Panguin, "Run4711/dc_wires_4711.png", "dc_wires", Some(4711), None, None),
            (Panguin, "Run4711/dc_wires_0001.png", "dc_wires_0001", Some(4711), None, None),
            (Panguin, "out/dc_wires_run4711.png", "dc_wires", Some(4711), None, None),
            (Panguin, "out/dc_wires_run_4711.png", "dc_wires", Some(4711), None, None),
            (Panguin, "out/panel_2.png", "panel_2", None, None, None),
        ] {
            let expected = (plot_type.to_owned(), run, chunk, period.map(str::to_owned));
            assert_eq!(read(grammar, path), expected, "{path}");
        }
    }

    #[test]
    fn other_files_are_no_plots() {
        for path in
            ["Run1/log.txt", "Run1/x.png.tmp", "Run1/.hidden.png", ".png", "png", "", "/", "Run1/x"]
        {
            assert_eq!(Rsai.read(Path::new(path)).unwrap(), None, "{path}");
        }
    }

    #[test]
    fn hostile_names_are_refused_with_their_reason_and_stay_on_one_line() {
        let long = format!("Run1/{}.png", "x".repeat(250));
        let names: [&[u8]; 9] = [
            b"Run1/<script>alert(1)</script>_0001.png",
            b"Run1/a\nb_0001.png",
            b"Run1/a\x1b[31m_0001.png",
            b"Run1/\xff\xfe_0001.png",
            b"Run1/a\\..\\x_0001.png",
            b"Run1/%2e%2e%2fx.png",
            b"Run99999999999/x_0001.png",
            b"Run1/ x.png",
            long.as_bytes(),
        ];
        for name in names {
            let refusal = Rsai.read(Path::new(OsStr::from_bytes(name))).unwrap_err();
            assert_eq!(refusal.kind(), "bad_fact", "{}", name.escape_ascii());
            assert!(!refusal.to_string().contains(char::is_control), "{refusal:?}");
        }
        // Nothing climbs: only the last part names the plot, and `..` is no folder.
        assert_eq!(read(Rsai, "../../Run3/../x_0001.png").0, "x");
    }

    #[test]
    fn sets_of_a_run_are_ordered_by_their_time() {
        let stamps: Vec<SetStamp> = [
            "12-31-2022_11.59.59_PM",
            "01-01-2023_12.00.00_AM",
            "01-01-2023_01.00.00_AM",
            "01-01-2023_11.59.59_AM",
            "01-01-2023_12.00.00_PM",
            "01-01-2023_01.00.00_PM",
        ]
        .map(|text| set_folder(&format!("clas12mon_1_{text}")).unwrap().1)
        .into();
        assert!(stamps.is_sorted());
    }

    #[test]
    fn folders_that_are_no_sets_have_no_stamp() {
        for name in [
            "clas12mon_1",
            "clas12mon_x_06-13-2023_10.41.01_PM",
            "clas12mon_1_06-13-2023_10.41.01",
            "clas12mon_1_13-13-2023_10.41.01_PM",
            "clas12mon_1_06-13-2023_13.41.01_PM",
            "clas12mon_1_+6-13-2023_10.41.01_PM",
            "clas12mon__06-13-2023_10.41.01_PM",
            "mon_1_06-13-2023_10.41.01_PM",
        ] {
            assert_eq!(set_folder(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_no_plot_a_refusal_or_a_safe_name(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            ending in prop_oneof![Just(""), Just(".png"), Just("_0001.png"), Just("_run7.gif")],
        ) {
            let path = [&bytes[..], ending.as_bytes()].concat();
            let path = Path::new(OsStr::from_bytes(&path));
            for grammar in [Rsai, Mon12, Panguin] {
                match grammar.read(path) {
                    Ok(None) => {}
                    Ok(Some(place)) => {
                        let name = place.plot_type.as_str();
                        prop_assert!(!name.contains(['/', '\\', '<', '"', '\0', '\n']), "{name:?}");
                    }
                    Err(refusal) => prop_assert!(!refusal.to_string().contains(char::is_control)),
                }
            }
        }

        #[test]
        fn what_a_hall_writes_comes_back(run: u32, chunk in 0_u32..10_000, pad in 0_u32..100) {
            let path = format!("/data/Run{run:06}/RF_time-{pad:02}_{chunk:04}.png");
            let expected = (format!("RF_time-{pad:02}"), Some(run), Some(chunk), None);
            prop_assert_eq!(read(Rsai, &path), expected);
        }
    }
}
