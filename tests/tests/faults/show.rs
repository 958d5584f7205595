//! What a visitor is shown.

use e2e::{Hall, Place, sized};
use hydra_testkit::eventually_within;
use std::{collections::BTreeSet, path::Path, time::Duration};

fn pngs(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => pngs(&path),
            false => usize::from(path.extension().is_some_and(|ending| ending == "png")),
        })
        .sum()
}

/// A folder of plots, as a hall's monitoring draws them, published through RabbitMQ into MariaDB,
/// with `infer` as three processes of which one is killed on the way: a row and a verdict for each.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_plots_outlives_one_infer_of_three() {
    let drawn = hydra_hall::Hall::new(1);
    let names: Vec<&str> = drawn.plot_types().iter().map(|plot| plot.name.as_str()).collect();
    let mut hall = Hall::open_for(Place::Shared, Place::Shared, &names).await;
    let folder = hall.folder().join("plots");
    let path = folder.display().to_string();
    let chunks = sized(12, 100).to_string();
    hall.command(&["simulate", "--out", &path, "--runs", "1", "--chunks", &chunks]).await;
    let wanted = pngs(&folder);
    assert!(wanted >= 16 * 12, "{wanted} plots");

    hall.start_each(&["ingest", "resize", "infer", "infer", "infer", "gradcam", "keep"]).await;
    let infers = async |hall: &Hall| {
        let queue = hall.api().queue("infer").await.unwrap_or_default();
        queue["consumer_details"].as_array().map_or(0, Vec::len)
    };
    eventually_within(Duration::from_secs(30), "three infers", async || infers(&hall).await == 3)
        .await;
    let mut publishing = hall.begin(&["publish", &path]);
    hall.has_rows(wanted / 4).await;
    hall.kill9("infer").await;
    let before = hall.count_rows().await;
    assert!(before < wanted, "it was killed on the way");
    assert!(publishing.wait(Duration::from_secs(120)).await.success(), "{}", publishing.output());
    publishing.line(&format!("{wanted} plots published, 0 left out")).await;
    let what = format!("{wanted} rows");
    eventually_within(Duration::from_secs(120), &what, async || hall.count_rows().await == wanted)
        .await;
    let sums = hall.sums().await;
    assert_eq!(sums.counted, [sums.images; 3], "runs, outcomes, days");
    let rows = hall.rows().await;
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), wanted, "no row is there twice");
    assert_eq!(hall.dead().await, 0);
    // of all stages, `train` included, which never ran here
    assert!(hall.command(&["dead", "list"]).await.contains("0 dead letters"));
    assert!(hall.command(&["dead", "replay", "--all"]).await.contains("0 dead letters sent again"));
    assert_eq!(hall.judged().await, wanted, "a verdict each");
    hall.assert_sound();
    println!(
        "{wanted} plots published, one infer of three killed after {before} rows, {wanted} rows"
    );
}
