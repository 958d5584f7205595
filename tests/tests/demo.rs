//! `make demo`, as a new user runs it, only shorter.
#![allow(clippy::unwrap_used)]

use hydra_testkit::hydra_binary;
use std::process::Command;

#[test]
fn the_demo_counts_as_many_verdicts_as_images() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(hydra_binary());
    command.current_dir(folder.path()).args(["demo", "--seconds", "10", "--dir", "demo"]);
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        // the demo runs in a folder of its own, far from the one that `make` fills
        let library =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/onnxruntime/libonnxruntime.so");
        command.env("ORT_DYLIB_PATH", library);
    }
    for door in ["INGEST", "QUERY", "HEALTH"] {
        command.env(format!("HYDRA_{door}__ADDRESS"), "127.0.0.1:0");
    }
    let output = command.output().unwrap();
    let (said, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complaints}");
    let last = said.lines().last().unwrap_or_default();
    let words: Vec<&str> = last.split(' ').collect();
    let ["demo:", images, "images", "in,", verdicts, "verdicts", "out"] = words[..] else {
        panic!("the last line is {last:?}");
    };
    assert_eq!(images, verdicts);
    assert!(images.parse::<u32>().unwrap() >= 19, "a chunk of the hall at least: {last}");
    // the live table named plot types with a verdict
    assert!(
        said.lines().any(|line| line.contains("DC_occupancy") && line.contains(" %")),
        "{said}"
    );
    assert!(folder.path().join("demo/hydra.db").is_file());
}

#[test]
fn a_wrong_flag_and_a_taken_address_are_told_in_a_line() {
    let run = |arguments: &[&str], address: &str| {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(hydra_binary())
            .current_dir(folder.path())
            .args(arguments)
            .env("HYDRA_HEALTH__ADDRESS", address)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&["demo", "--secnods", "1"], "127.0.0.1:0");
    assert_eq!(code, Some(2));
    assert!(said.contains("--secnods") && said.contains("--seconds"), "{said}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = run(&["up"], &address);
    assert_eq!(code, Some(1));
    assert!(said.contains("health: cannot listen on") && said.contains(&address), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}
