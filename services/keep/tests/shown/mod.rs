//! What one image cannot show: stuck plots, and conditions that move all plots together.

use crate::plots::*;
use hydra_keep::Keep;
use hydra_store::{
    Database, Kind,
    entity::{image, prediction, sequence, shown},
};

/// A chunk whose data are `data`.
fn chunk(plot_type: &str, n: u32, data: u8, says: &[Says]) -> Plot {
    Plot { data: vec![data; 8], ..Plot::new(plot_type, n, says) }
}

/// Notes and kinds of the verdicts, in the order of the chunks.
async fn notes(db: &Database) -> Vec<(String, i16)> {
    let mut said = rows::<prediction::Entity>(db).await;
    said.sort_by_key(|row| (row.taken_us, row.image_id.clone()));
    said.into_iter().map(|row| (row.note, row.kind)).collect()
}

const FINE: i16 = Kind::Fine as i16;
const NOVEL_KIND: i16 = Kind::Novel as i16;

#[tokio::test]
async fn a_plot_with_the_data_of_the_chunk_before_is_stuck() {
    on_each(async |db| {
        let shows = [1, 2, 3, 3, 3, 4];
        let plots: Vec<Plot> =
            shows.iter().zip(1..).map(|(data, n)| chunk("CDC", n, *data, &[GOOD])).collect();
        // one by one, by a keep that begins anew each time: nothing is remembered but by rows
        for plot in &plots {
            write(&Keep::new(db.clone()), vec![plot.message()]).await;
        }
        let stuck = ("stuck: the same data as chunk 3".to_owned(), NOVEL_KIND);
        let fine = (String::new(), FINE);
        let wanted = [&fine, &fine, &fine, &stuck, &stuck, &fine].map(Clone::clone);
        assert_eq!(notes(db).await, wanted);
        let found = rows::<sequence::Entity>(db).await;
        assert_eq!((found.len(), found[0].images, found[0].open), (1, 2, false));
        let once = everything(db).await;
        // repeated, all together and backwards: nothing changes
        write(&Keep::new(db.clone()), plots.iter().rev().map(Plot::message).collect()).await;
        assert_eq!(everything(db).await, once);
        assert_sums_agree(db).await;
    })
    .await;
}

#[tokio::test]
async fn one_batch_in_any_order_tells_the_same() {
    let (_scratch, db) = fresh(hydra_testkit::Engine::Sqlite).await;
    let plots: Vec<Plot> =
        [1, 2, 3, 3].iter().zip(1..).map(|(d, n)| chunk("CDC", n, *d, &[GOOD])).collect();
    write(&Keep::new(db.clone()), plots.iter().rev().map(Plot::message).collect()).await;
    let kinds: Vec<i16> = notes(&db).await.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [FINE, FINE, FINE, NOVEL_KIND]);
    assert!(rows::<image::Entity>(&db).await.iter().all(|row| row.kept));
}

#[tokio::test]
async fn empty_plots_plots_that_never_change_and_plots_without_beam_are_not_stuck() {
    let (_scratch, db) = fresh(hydra_testkit::Engine::Sqlite).await;
    declare(&db, "[hall.beam]\ncondition = 'I'\nmin = 5.0\n[[plot_type]]\nname = 'Constant'\nmay_repeat = true").await;
    let keep = Keep::new(db.clone());
    let beam =
        |plot: Plot, current: &str| Plot { conditions: format!(r#"{{"I": {current}}}"#), ..plot };
    for n in 1..=8 {
        let empty = Plot::new("Empty", n, &[GOOD]);
        let same = chunk("Same", n, 7, &[GOOD]);
        let declared = chunk("Constant", n, if n < 5 { n as u8 } else { 5 }, &[GOOD]);
        let off = chunk("Off", n, if n < 5 { n as u8 } else { 5 }, &[GOOD]);
        // the same chunk drawn anew: other bytes, the same data
        let again = Plot {
            content: format!("{n} anew"),
            ..chunk("Anew", n / 2 * 2, (n / 2 * 2) as u8, &[GOOD])
        };
        let all = [empty, same, declared, beam(off, "0.1"), again];
        write(&keep, all.iter().map(Plot::message).collect()).await;
    }
    assert!(notes(&db).await.iter().all(|(note, kind)| note.is_empty() && *kind == FINE));
    assert_eq!(rows::<shown::Entity>(&db).await.len(), 4);
}

#[tokio::test]
async fn a_fault_keeps_its_name_and_without_a_model_the_reason_says_it() {
    let (_scratch, db) = fresh(hydra_testkit::Engine::Sqlite).await;
    let keep = Keep::new(db.clone());
    for (n, data) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        let plots = [chunk("Bad", n, data, &[BAD]), chunk("None", n, data, &[])];
        write(&keep, plots.iter().map(Plot::message).collect()).await;
    }
    let stuck = "stuck: the same data as chunk 3";
    assert_eq!(notes(&db).await[3], (stuck.to_owned(), Kind::Bad as i16));
    let images = rows::<image::Entity>(&db).await;
    let told: Vec<String> = images.into_iter().filter_map(|row| row.no_verdict_reason).collect();
    assert!(told.contains(&format!("no model; {stuck}")), "{told:?}");
}

/// A hall of eight plot types in a run of its own; those below `novel` are unlike training.
fn run_of(run: u32, n: u32, novel: usize, unfamiliar: &'static str) -> Vec<Plot> {
    (0..8)
        .map(|index| {
            let says = if index < novel { NOVEL } else { GOOD };
            let at = run * 10 + n;
            let plot = chunk(&format!("T{index}"), n, at as u8, &[says]);
            let taken_us = plot.taken_us + i64::from(at) * 1_000_000;
            Plot { run, unfamiliar, taken_us, ..plot }
        })
        .collect()
}

#[tokio::test]
async fn conditions_that_move_all_plots_raise_no_alarm_and_one_plot_alone_does() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        for n in 1..=3 {
            write(&keep, run_of(7, n, 0, "").iter().map(Plot::message).collect()).await;
        }
        // another target: six of eight plots look otherwise from the first chunk on
        for n in 1..=2 {
            for plot in run_of(8, n, 6, "target C12") {
                write(&keep, vec![plot.message()]).await;
            }
        }
        assert!(rows::<sequence::Entity>(db).await.is_empty());
        let told = notes(db).await;
        assert!(told.iter().any(|(note, kind)| note
            == "new conditions: target C12; 6 of 8 plot types moved together"
            && *kind == Kind::Neutral as i16));
        // yet another target, and one plot of eight: that is no matter of the target
        for n in 1..=3 {
            for plot in run_of(9, n, 1, "target Pb") {
                write(&keep, vec![plot.message()]).await;
            }
        }
        let found = rows::<sequence::Entity>(db).await;
        assert_eq!((found.len(), found[0].images), (1, 2), "from the second chunk on");
        // and under conditions that training had, at once
        for plot in run_of(10, 1, 1, "") {
            write(&keep, vec![plot.message()]).await;
        }
        assert_eq!(rows::<sequence::Entity>(db).await[0].images, 3);
    })
    .await;
}
