//! Sequences in whatever order images come: the rows are those that a look at all images gives.
#![allow(clippy::unwrap_used)]

mod plots;

use hydra_keep::{Keep, KeepIn};
use hydra_proto::events::VerdictState;
use hydra_store::{
    Database, Kind,
    entity::{plot_type, sequence, track},
};
use hydra_testkit::Engine;
use plots::*;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::collections::BTreeMap;

/// A sequence without the names that depend on how it came about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Folded {
    kind: i16,
    first: (i64, Vec<u8>),
    last: (i64, Vec<u8>),
    end: Option<(i64, Vec<u8>)>,
    open: bool,
    images: i64,
    label: String,
}

fn kind(says: &Says) -> Kind {
    match (says.state, says.label) {
        (VerdictState::Unconfirmed, _) => Kind::Unconfirmed,
        (VerdictState::Novel, _) => Kind::Novel,
        (VerdictState::Confirmed, "Bad") => Kind::Bad,
        (VerdictState::Confirmed, _) => Kind::Fine,
    }
}

/// The reference: one look at all images, in the order in which they were drawn.
fn folded(plots: &[Plot]) -> Vec<Folded> {
    let mut all: Vec<_> = plots
        .iter()
        .filter_map(|p| Some(((p.taken_us, p.id().as_bytes().to_vec()), p.says.first()?)))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut found: Vec<Folded> = Vec::new();
    for trouble in Kind::TROUBLES {
        let mut now: Option<Folded> = None;
        for (key, says) in &all {
            match (kind(says).counts_for(trouble), now.as_mut()) {
                (Some(true), Some(sequence)) => {
                    sequence.last = key.clone();
                    sequence.images += 1;
                    sequence.label = says.label.into();
                }
                (Some(true), None) => {
                    now = Some(Folded {
                        kind: trouble as i16,
                        first: key.clone(),
                        last: key.clone(),
                        end: None,
                        open: true,
                        images: 1,
                        label: says.label.into(),
                    });
                }
                (Some(false), Some(sequence)) => {
                    sequence.end = Some(key.clone());
                    sequence.open = false;
                    found.extend(now.take());
                }
                _ => {}
            }
        }
        found.extend(now);
    }
    found.sort();
    found
}

async fn stored(db: &Database, plot_type: &str) -> Vec<Folded> {
    let types = rows::<plot_type::Entity>(db).await;
    let id = types.iter().find(|row| row.name == plot_type).unwrap().id;
    let rows = rows::<sequence::Entity>(db).await.into_iter().filter(|row| row.plot_type_id == id);
    let mut found: Vec<Folded> = rows
        .map(|row| Folded {
            kind: row.kind,
            first: (row.first_us, row.first_image),
            last: (row.last_us, row.last_image),
            end: row.end_us.map(|us| (us, row.end_image.unwrap_or_default())),
            open: row.open,
            images: row.images,
            label: row.label,
        })
        .collect();
    found.sort();
    found
}

/// Each track knows the newest image that counts, and the sequence that began last.
async fn assert_tracks_agree(db: &Database, name: &str, plots: &[Plot]) {
    let types = rows::<plot_type::Entity>(db).await;
    let id = types.iter().find(|row| row.name == name).unwrap().id;
    let sequences: BTreeMap<Vec<u8>, sequence::Model> =
        rows::<sequence::Entity>(db).await.into_iter().map(|row| (row.id.clone(), row)).collect();
    let wanted = folded(plots);
    for track in rows::<track::Entity>(db).await.into_iter().filter(|t| t.plot_type_id == id) {
        let trouble = Kind::from_column(track.kind).unwrap();
        let newest = plots
            .iter()
            .filter(|p| p.says.first().is_some_and(|s| kind(s).counts_for(trouble).is_some()))
            .map(|p| (p.taken_us, p.id().as_bytes().to_vec()))
            .max();
        assert_eq!(Some((track.last_us, track.last_image)), newest, "{name} {trouble:?}");
        let begun_last = wanted.iter().filter(|f| f.kind == track.kind).map(|f| &f.first).max();
        let known = track.sequence_id.map(|id| &sequences[&id]);
        let known = known.map(|s| (s.first_us, s.first_image.clone()));
        assert_eq!(known.as_ref(), begun_last, "{name} {trouble:?}");
    }
}

/// A plot type with random verdicts at random times, some at the same moment.
fn random_plots(name: &str, rng: &mut impl Rng) -> Vec<Plot> {
    let count = rng.random_range(2..40_u32);
    let moments = i64::from(count) * rng.random_range(1..3);
    let all = [GOOD, GOOD, BAD, BAD, BAD, UNSURE, UNSURE_GOOD, NOVEL];
    (0..count)
        .map(|n| {
            let says = all[rng.random_range(0..all.len())];
            let says: &[Says] = if rng.random_bool(0.05) { &[] } else { &[says] };
            let taken_us = ARRIVED_US - 1_000_000 + rng.random_range(0..moments);
            Plot { taken_us, ..Plot::new(name, n, says) }
        })
        .collect()
}

/// Messages in an order between that of the drawing and none at all, some of them twice.
fn disordered(plots: &[Plot], rng: &mut impl Rng) -> Vec<Plot> {
    let mut order: Vec<Plot> = plots.to_vec();
    order.sort_by_key(|plot| (plot.taken_us, plot.chunk));
    match rng.random_range(0..3) {
        0 => order.shuffle(rng),
        1 => order.chunks_mut(4).for_each(|near| near.shuffle(rng)),
        _ => {}
    }
    let repeated: Vec<Plot> = order.iter().filter(|_| rng.random_bool(0.2)).cloned().collect();
    for plot in repeated {
        let at = rng.random_range(0..=order.len());
        order.insert(at, plot);
    }
    order
}

async fn check_seed(db: &Database, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let name = format!("P{seed}");
    let plots = random_plots(&name, &mut rng);
    let keeps = [Keep::new(db.clone()), Keep::new(db.clone())];
    let mut left = disordered(&plots, &mut rng);
    while !left.is_empty() {
        let rest = left.split_off(rng.random_range(1..=left.len().min(8)));
        let messages: Vec<KeepIn> = left.iter().map(Plot::message).collect();
        write(&keeps[rng.random_range(0..2)], messages).await;
        left = rest;
    }
    assert_eq!(stored(db, &name).await, folded(&plots), "seed {seed}");
    assert_tracks_agree(db, &name, &plots).await;
}

fn seeds(standard: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("HYDRA_TEST_SEEDS").ok().and_then(|text| text.parse().ok());
    0..wanted.unwrap_or(standard)
}

#[tokio::test]
async fn sequences_do_not_depend_on_the_order_of_arrival_in_sqlite() {
    let (_scratch, db) = fresh(Engine::Sqlite).await;
    for seed in seeds(60) {
        check_seed(&db, seed).await;
    }
    assert_sums_agree(&db).await;
}

#[tokio::test]
async fn sequences_do_not_depend_on_the_order_of_arrival_in_mariadb() {
    let (_scratch, db) = fresh(Engine::MariaDb).await;
    for seed in seeds(40) {
        check_seed(&db, seed).await;
    }
    assert_sums_agree(&db).await;
}

#[tokio::test]
async fn sequences_do_not_depend_on_the_order_of_arrival_in_postgres() {
    let (_scratch, db) = fresh(Engine::Postgres).await;
    for seed in seeds(40) {
        check_seed(&db, seed).await;
    }
    assert_sums_agree(&db).await;
}

/// Two keeps at once, each with the whole stream in an order of its own: as if one had written.
#[tokio::test]
async fn two_keeps_at_once_write_as_one() {
    on_each(async |db| {
        let mut rng = StdRng::seed_from_u64(7);
        let names = ["A", "B", "C", "D"];
        let plots: Vec<Vec<Plot>> = names.iter().map(|name| random_plots(name, &mut rng)).collect();
        let all: Vec<Plot> = plots.concat();
        let streams: Vec<Vec<Plot>> = (0..3).map(|_| disordered(&all, &mut rng)).collect();
        let keeping = streams.into_iter().map(|stream| {
            let keep = Keep::new(db.clone());
            tokio::spawn(async move {
                for batch in stream.chunks(7) {
                    write(&keep, batch.iter().map(Plot::message).collect()).await;
                }
            })
        });
        for kept in keeping.collect::<Vec<_>>() {
            kept.await.unwrap();
        }
        for (name, plots) in names.iter().zip(&plots) {
            assert_eq!(stored(db, name).await, folded(plots), "{name}");
            assert_tracks_agree(db, name, plots).await;
        }
        assert_sums_agree(db).await;
    })
    .await;
}
