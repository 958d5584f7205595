//! Any path -> no plot, a refusal on one line, or a plot whose name is safe.
#![no_main]

use hydra_ingest::folder::Grammar;
use hydra_proto::{Label, PlotTypeName};
use libfuzzer_sys::fuzz_target;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new(OsStr::from_bytes(bytes));
    for grammar in [Grammar::Rsai, Grammar::Mon12, Grammar::Panguin] {
        match grammar.read(path) {
            Ok(None) => {}
            Ok(Some(place)) => check(place.plot_type.as_str()),
            Err(refusal) => {
                let text = refusal.to_string();
                assert!(!text.contains(char::is_control), "{text:?}");
            }
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = text.parse::<PlotTypeName>() {
        check(name.as_str());
    }
    if let Ok(label) = text.parse::<Label>() {
        check(label.as_str());
    }
});

fn check(name: &str) {
    assert!(!name.is_empty() && name.len() <= 128);
    assert!(!name.contains(|c: char| c.is_control() || "/\\<>'\"`;|$%".contains(c)), "{name:?}");
    assert!(!name.starts_with('.') && !name.ends_with('.'));
}
