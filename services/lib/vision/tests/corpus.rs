//! Every file of the bad-input corpus ends in a typed error or the right picture, in bounded time
//! and memory, without a panic.

#![allow(clippy::unwrap_used)]

use hydra_vision::corpus::{self, Case, Expect, raw};
use hydra_vision::{Refused, Workbench};
use std::time::Duration;
use std::{env, fs, process::Command};

/// For one file, of one slow core.
const LONGEST: Duration = Duration::from_secs(2);
const MOST_MEMORY_KIB: u64 = 256 << 10;

/// How long this thread had a core: other tests and other work do not count.
fn core_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// Says what is wrong, if anything.
fn verdict(case: &Case, bench: &mut Workbench) -> Option<String> {
    let begun = core_time();
    let result = bench.open(&case.bytes);
    let took = core_time() - begun;
    let found = match &result {
        Err(refused) => format!("refused: {refused}"),
        Ok(picture) => format!("a picture of {}x{}", picture.width(), picture.height()),
    };
    let is_right = match (&case.expect, &result) {
        (_, Err(refused)) if !is_readable(refused) => false,
        (Expect::Anything, _) | (Expect::RefusedOr(..), Err(_)) => true,
        (Expect::Refused(kind), Err(refused)) => refused.kind() == *kind,
        (Expect::Size(w, h), Ok(picture)) => (picture.width(), picture.height()) == (*w, *h),
        (Expect::Rgb(w, h, rgb) | Expect::RefusedOr(w, h, rgb), Ok(picture)) => {
            (picture.width(), picture.height()) == (*w, *h) && picture.rgb() == rgb.as_flattened()
        }
        _ => false,
    };
    let problem = match (is_right, took > LONGEST) {
        (true, false) => return None,
        (true, true) => format!("took {took:?}"),
        (false, _) => format!("expected {:.200}", format!("{:?}", case.expect)),
    };
    Some(format!("{}: {problem}; {found:.200}", case.name))
}

fn check(cases: &[Case], bench: &mut Workbench) {
    let problems: Vec<String> = cases.iter().filter_map(|case| verdict(case, bench)).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_file_is_refused_or_decoded_right() {
    let cases = corpus::all();
    assert!(cases.len() > 2000, "{} files", cases.len());
    // One bench for all, as in a worker: nothing of one file may show in the next.
    check(&cases, &mut Workbench::default());
}

/// Whether a refusal names the thing and holds none of its raw bytes.
fn is_readable(refused: &Refused) -> bool {
    let text = refused.to_string();
    let names = ["image", "PNG", "JPEG", "GIF"];
    names.iter().any(|name| text.starts_with(name))
        && text.len() < 300
        && !text.contains(|c: char| c.is_control() || !c.is_ascii())
}

/// Decodes the files of a folder in a process of its own, which reports its peak memory.
/// A no-op when run as a test.
#[test]
fn child_decodes_a_folder() {
    let Ok(folder) = env::var("HYDRA_TEST_DECODE_FOLDER") else { return };
    let mut bench = Workbench::default();
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        if let Ok(mut picture) = bench.open(&bytes) {
            picture.thumbnail();
        }
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    println!("\npeak {}", peak.split_whitespace().nth(1).unwrap());
}

/// Peak resident memory of a process that decodes `cases`, in KiB.
fn peak_kib(cases: &[Case]) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in cases.iter().enumerate() {
        fs::write(folder.path().join(number.to_string()), &case.bytes).unwrap();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_decodes_a_folder", "--nocapture", "--test-threads=1"])
        .env("HYDRA_TEST_DECODE_FOLDER", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("peak ")).unwrap();
    line.parse().unwrap()
}

#[test]
fn the_whole_corpus_needs_less_than_256_mib() {
    let peak = peak_kib(&corpus::all());
    println!("peak of the corpus: {} MiB", peak >> 10);
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB");
}

#[test]
fn the_largest_pictures_decode_in_time_and_less_than_256_mib() {
    let cases = corpus::giants();
    check(&cases, &mut Workbench::default());
    for case in &cases {
        let peak = peak_kib(std::slice::from_ref(case));
        println!("{}: {} MiB", case.name, peak >> 10);
        assert!(peak < MOST_MEMORY_KIB, "{}: {peak} KiB", case.name);
    }
}

#[test]
fn a_giant_does_not_keep_its_memory() {
    let mut bench = Workbench::default();
    let zeros = raw::chunk(b"IDAT", &raw::zlib_zeros(8192 * 4882 * 3 + 4882));
    let giant = raw::png(&[raw::ihdr(8192, 4882, 8, 2, false), zeros]);
    assert_eq!(bench.open(&giant).unwrap().rgb().len(), 8192 * 4882 * 3);
    let small = hydra_vision::write_rgb_png(1, 1, &[1, 2, 3]);
    assert_eq!(bench.open(&small).unwrap().rgb(), [1, 2, 3]);
    assert!(bench.kept_bytes() < 1 << 20, "{} bytes kept", bench.kept_bytes());
}

#[test]
fn a_truncated_file_is_told_from_a_damaged_one() {
    let whole = hydra_vision::write_rgb_png(3, 3, &[9; 27]);
    let limits = hydra_vision::Limits::default();
    for end in 1..whole.len() {
        let refused = hydra_vision::probe(&whole[..end], &limits).unwrap_err();
        assert!(matches!(refused, Refused::Truncated { .. }), "{end}: {refused}");
    }
    assert!(hydra_vision::probe(&whole, &limits).is_ok());
}
