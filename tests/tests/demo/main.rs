//! `make demo`, as a new user runs it and looks at it, only shorter.
#![allow(clippy::unwrap_used)]

mod expert;

use hydra_store::{Database, DatabaseConfig, entity::image, orm::EntityTrait};
use hydra_testkit::{Hydra, eventually_within, hydra_binary};
use std::{path::Path, process::Command, time::Duration};

/// How long the hall draws: long enough for a fault to come and to go again.
const SECONDS: &str = "40";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_is_watched_in_a_browser_and_counts_as_many_verdicts_as_images() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = demo_in(folder.path(), &["--seconds", SECONDS, "--stay"]);
    // before that it learns what is normal, which is a minute of work for one core
    eventually_within(Duration::from_secs(400), "the demo has learnt", async || {
        demo.output().contains("pages: http://")
    })
    .await;
    let url = format!("http://{}", demo.address("pages: ").await);

    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
    assert!(pages.join("node_modules").is_dir(), "playwright is missing: scripts/pages.sh test");
    let output = tokio::process::Command::new("node")
        .args(["--test", "--test-concurrency=1", "demo/"])
        .current_dir(&pages)
        .env("HYDRA_URL", &url)
        .env("HYDRA_PID", demo.pid().to_string())
        .output()
        .await
        .expect("Node.js is installed");
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "see above; the demo said:\n{}", demo.output());
    assert!(told.contains("# fail 0") && !told.contains("# pass 0"), "nothing was tried");

    // the last test has asked it to end
    let status = demo.wait(Duration::from_secs(60)).await;
    assert!(status.success(), "{}", demo.output());
    eventually_within(Duration::from_secs(5), "it has counted", async || {
        demo.output().lines().any(|line| counts(line).is_some())
    })
    .await;
    let said = demo.output();
    let (images, verdicts) = said.lines().find_map(counts).unwrap();
    assert_eq!(images, verdicts);
    assert!(images >= 19 * 5, "several chunks of the hall: {images}");
    // the live table named plot types with a verdict
    assert!(
        said.lines().any(|line| line.contains("DC_occupancy") && line.contains(" %")),
        "{said}"
    );
    assert!(folder.path().join("demo/hydra.db").is_file());

    // a second demo in the same folder has learnt already, and goes on with the next run
    let mut again = demo_in(folder.path(), &["--seconds", "3"]);
    let status = again.wait(Duration::from_secs(120)).await;
    assert!(status.success(), "{}", again.output());
}

fn demo_in(folder: &Path, arguments: &[&str]) -> Hydra {
    hydra_in(folder, &[&["demo", "--dir", "demo"], arguments].concat())
}

fn hydra_in(folder: &Path, arguments: &[&str]) -> Hydra {
    let mut command = tokio::process::Command::new(hydra_binary());
    command.current_dir(folder).args(arguments);
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        // the demo runs in a folder of its own, far from the one that `make` fills
        let library =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/onnxruntime/libonnxruntime.so");
        command.env("ORT_DYLIB_PATH", library);
    }
    for door in ["INGEST", "QUERY", "HEALTH"] {
        command.env(format!("HYDRA_{door}__ADDRESS"), "127.0.0.1:0");
    }
    Hydra::spawn(command)
}

/// What the demo's last line says.
fn counts(line: &str) -> Option<(u32, u32)> {
    let words: Vec<&str> = line.split(' ').collect();
    let ["demo:", images, "images", "in,", verdicts, "verdicts", "out"] = words[..] else {
        return None;
    };
    Some((images.parse().ok()?, verdicts.parse().ok()?))
}

/// `hydra up` has memory instead of a broker. What it confirmed is judged all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_up_confirmed_is_judged_although_it_was_killed_at_once() {
    const PLOTS: u8 = 40;
    let folder = tempfile::tempdir().unwrap();
    let up = hydra_in(folder.path(), &["up"]);
    let door = up.address("ingest: http://").await;
    let client = reqwest::Client::new();
    let send = |n: u8| {
        let png = hydra_vision::write_rgb_png(640, 480, &vec![n; 640 * 480 * 3]);
        let request = client.post(format!("http://{door}/v1/images")).body(png);
        let request = request.header("hydra-plot-type", "CDC").header("hydra-run", "7");
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let answers = futures::future::join_all((0..PLOTS).map(send)).await;
    assert!(answers.iter().all(|status| *status == 201), "{answers:?}");
    up.kill9();
    drop(up);
    let url = format!("sqlite:{}", folder.path().join(".hydra/hydra.db").display());
    let database = Database::connect(&DatabaseConfig::at(&url)).await.unwrap();
    let rows = async || {
        let all = database.run(|pool| async move {
            Ok::<_, hydra_store::StoreError>(image::Entity::find().all(&pool).await?.len())
        });
        all.await.unwrap()
    };
    let before = rows().await;
    println!("{before} of {PLOTS} had a row when it was killed");
    assert!(before < usize::from(PLOTS), "nothing was on its way: the test shows nothing");
    let _up = hydra_in(folder.path(), &["up"]);
    eventually_within(Duration::from_secs(60), "every plot has its row", async || {
        rows().await == usize::from(PLOTS)
    })
    .await;
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
