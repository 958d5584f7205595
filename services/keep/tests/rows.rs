//! What becomes of a message, once and however often it comes, on three databases.
#![allow(clippy::unwrap_used)]

mod plots;
mod policies;
mod shown;

use hydra_keep::{Keep, KeepIn};
use hydra_proto::events::{MessageBuried, ModelRole};
use hydra_store::orm::{EntityTrait, IntoActiveModel};
use hydra_store::{
    Database, Kind,
    entity::{
        daily, dead_letter, heatmap, image, latest, outbox, prediction, run_outcome, sequence,
    },
};
use plots::*;
use std::collections::BTreeMap;

fn mixed(plot_type: &str, count: u32) -> Vec<Plot> {
    let cycle: [&[Says]; 8] = [&[GOOD], &[BAD], &[BAD], &[UNSURE], &[GOOD], &[NOVEL], &[], &[BAD]];
    (0..count).map(|n| Plot::new(plot_type, n, cycle[n as usize % cycle.len()])).collect()
}

async fn outcomes(db: &Database) -> BTreeMap<String, i64> {
    let rows = rows::<run_outcome::Entity>(db).await;
    rows.into_iter().map(|row| (row.outcome, row.images)).collect()
}

#[tokio::test]
async fn there_is_one_row_an_image_and_model() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        let shadow = Says { role: ModelRole::Candidate, model: "second", ..BAD };
        let plots: Vec<Plot> = (0..20).map(|n| Plot::new("CDC", n, &[GOOD, shadow])).collect();
        write(&keep, plots.iter().map(Plot::message).collect()).await;
        assert_eq!(rows::<image::Entity>(db).await.len(), 20);
        let said = rows::<prediction::Entity>(db).await;
        assert_eq!(said.len(), 40);
        assert!(said.iter().filter(|p| p.role == 1).all(|p| p.kind == Kind::Neutral as i16));
        assert_eq!(outcomes(db).await, BTreeMap::from([("Good".into(), 20)]));
        assert!(rows::<sequence::Entity>(db).await.is_empty(), "the shadow raises no alarm");
        let newest = rows::<latest::Entity>(db).await;
        assert_eq!(newest[0].image_id, plots[19].id().as_bytes());
    })
    .await;
}

/// F23: every message ten times, in one batch and in many, beside others and again later.
#[tokio::test]
async fn f23_duplicate_storm_changes_nothing() {
    on_each(async |db| {
        let plots = mixed("CDC", 40);
        let all = || -> Vec<KeepIn> {
            plots.iter().flat_map(|plot| [plot.message(), plot.heatmap()]).collect()
        };
        let keep = Keep::new(db.clone());
        write(&keep, all()).await;
        let once = everything(db).await;
        assert_eq!(rows::<image::Entity>(db).await.len(), 40);
        assert_eq!(rows::<heatmap::Entity>(db).await.len(), 40);
        // nine times more: all at once, one by one backwards, and by a keep that knows nothing
        let storm: Vec<KeepIn> = (0..6).flat_map(|_| all()).collect();
        let done = write(&keep, storm).await;
        assert!(done.iter().step_by(2).all(|done| done.duplicate), "told apart in the metrics");
        for message in all().into_iter().rev() {
            write(&keep, vec![message]).await;
        }
        let other = Keep::new(db.clone());
        write(&other, all().into_iter().chain(all()).collect()).await;
        assert_eq!(everything(db).await, once, "not a column of a row has changed");
        assert_sums_agree(db).await;
    })
    .await;
}

/// F42: the same image twice is one row; other bytes under the same name are another image.
#[tokio::test]
async fn f42_the_same_image_twice_is_one_row_and_other_bytes_are_two() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        let plot = Plot::new("CDC", 1, &[GOOD]);
        let other = Plot { content: "other bytes".into(), ..plot.clone() };
        // the second sending was drawn, says its producer, a little later
        let again = Plot { taken_us: plot.taken_us + 5_000_000, ..plot.clone() };
        write(&keep, vec![plot.message(), again.message()]).await;
        write(&keep, vec![again.message()]).await;
        let images = rows::<image::Entity>(db).await;
        assert_eq!((images.len(), images[0].taken_us), (1, plot.taken_us), "the first one counts");
        write(&keep, vec![other.message()]).await;
        assert_eq!(rows::<image::Entity>(db).await.len(), 2);
        assert_eq!(rows::<prediction::Entity>(db).await.len(), 2);
        assert_sums_agree(db).await;
    })
    .await;
}

/// A verdict that comes after `no model` takes its place, in rows, sums and sequences alike, and
/// at the time when the plot was first said to be drawn.
#[tokio::test]
async fn a_verdict_that_comes_later_takes_the_place_of_none() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        let silent = Plot::new("CDC", 3, &[]);
        write(&keep, vec![silent.message(), Plot::new("CDC", 4, &[GOOD]).message()]).await;
        assert_eq!(
            rows::<image::Entity>(db).await[0].no_verdict_reason.as_deref(),
            Some("no model")
        );
        assert_eq!(outcomes(db).await, BTreeMap::from([("Good".into(), 1), ("NoModel".into(), 1)]));
        let judged =
            Plot { says: vec![BAD], taken_us: silent.taken_us + 10_000_000, ..silent.clone() };
        write(&keep, vec![judged.message(), judged.message()]).await;
        write(&keep, vec![silent.message()]).await;
        let counted =
            BTreeMap::from([("Bad".into(), 1), ("Good".into(), 1), ("NoModel".into(), 0)]);
        assert_eq!(outcomes(db).await, counted);
        let days: i64 = rows::<daily::Entity>(db).await.iter().map(|row| row.images).sum();
        assert_eq!(days, 2);
        assert_eq!(rows::<image::Entity>(db).await[0].no_verdict_reason, None);
        let found = rows::<sequence::Entity>(db).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].first_us, silent.taken_us);
        assert!(!found[0].open, "the Good plot after it ended it");
        // what another model says of it now is kept beside the verdict and does not replace it
        let second = Plot { says: vec![Says { model: "second", ..GOOD }], ..silent };
        write(&keep, vec![second.message()]).await;
        assert_eq!(outcomes(db).await, counted);
        let mut roles: Vec<i16> = rows::<prediction::Entity>(db)
            .await
            .iter()
            .filter(|p| p.image_id == second.id().as_bytes())
            .map(|p| p.role)
            .collect();
        roles.sort_unstable();
        assert_eq!(roles, [0, 1]);
    })
    .await;
}

#[tokio::test]
async fn originals_without_trouble_are_collected_by_fraction_and_trouble_always() {
    on_each(async |db| {
        let catalog = "[hall.beam]\ncondition='beam_current_na'\nmin=5.0\n\
            [[plot_type]]\nname='Never'\ncollect_fraction=0.0\n\
            [[plot_type]]\nname='Some'\ncollect_fraction=0.5\n\
            [[plot_type]]\nname='All'\n";
        declare(db, catalog).await;
        let keep = Keep::new(db.clone());
        let mut plots = Vec::new();
        for plot_type in ["Never", "Some", "All"] {
            let says = |n: u32| [GOOD, BAD, UNSURE_GOOD, NOVEL][n as usize % 4];
            plots.extend((0..160).map(|n| Plot::new(plot_type, n, &[says(n)])));
        }
        // without beam a Bad plot raises nothing, and is kept all the same
        for plot in plots.iter_mut().filter(|plot| plot.chunk >= 80) {
            plot.conditions = r#"{"beam_current_na": 0.0}"#.into();
        }
        let messages: Vec<KeepIn> = plots.iter().map(Plot::message).collect();
        write(&keep, messages.clone()).await;
        let images = rows::<image::Entity>(db).await;
        let kept: BTreeMap<Vec<u8>, bool> =
            images.into_iter().map(|row| (row.id, row.kept)).collect();
        let of = |plot: &Plot| kept[plot.id().as_bytes().as_slice()];
        let count = |plot_type: &str, says: Says| {
            plots.iter().filter(|p| p.plot_type == plot_type && p.says[0] == says && of(p)).count()
        };
        for plot_type in ["Never", "Some", "All"] {
            for trouble in [BAD, UNSURE_GOOD, NOVEL] {
                assert_eq!(count(plot_type, trouble), 40, "{plot_type} {trouble:?}");
            }
        }
        assert_eq!((count("Never", GOOD), count("All", GOOD)), (0, 40));
        assert!((8..=32).contains(&count("Some", GOOD)), "{} of 40", count("Some", GOOD));
    })
    .await;
}

#[tokio::test]
async fn bad_without_beam_is_no_incident() {
    on_each(async |db| {
        let catalog = "[hall.beam]\ncondition='beam_current_na'\nmin=5.0\n\
            [[plot_type]]\nname='Gated'\n[[plot_type]]\nname='Open'\ngate={off=true}\n\
            [[plot_type]]\nname='Own'\ngate={beam_min=50.0}\n";
        declare(db, catalog).await;
        let keep = Keep::new(db.clone());
        let at = |plot_type: &str, chunk, says: &[Says], beam: &str| Plot {
            conditions: format!(r#"{{"beam_current_na": {beam}}}"#),
            ..Plot::new(plot_type, chunk, says)
        };
        let mut messages = Vec::new();
        for plot_type in ["Gated", "Open", "Own"] {
            messages.push(at(plot_type, 1, &[BAD], "0.1").message());
            messages.push(at(plot_type, 2, &[BAD], "20").message());
            // the beam is away: this neither continues the incident nor ends it
            messages.push(at(plot_type, 3, &[BAD], "0.1").message());
            messages.push(at(plot_type, 4, &[UNSURE], "0.1").message());
            messages.push(at(plot_type, 5, &[BAD], "60").message());
            messages.push(at(plot_type, 6, &[GOOD], "60").message());
        }
        write(&keep, messages).await;
        let names: BTreeMap<i32, String> = rows::<hydra_store::entity::plot_type::Entity>(db)
            .await
            .into_iter()
            .map(|row| (row.id, row.name))
            .collect();
        let found = rows::<sequence::Entity>(db).await;
        let of = |plot_type: &str, kind: Kind| -> Vec<(i64, bool)> {
            let found = found.iter().filter(|s| names[&s.plot_type_id] == plot_type);
            found.filter(|s| s.kind == kind as i16).map(|s| (s.images, s.open)).collect()
        };
        assert_eq!(of("Gated", Kind::Bad), [(2, false)]);
        assert_eq!(of("Open", Kind::Bad), [(4, false)]);
        assert_eq!(of("Own", Kind::Bad), [(1, false)]);
        for plot_type in ["Gated", "Open", "Own"] {
            assert_eq!(of(plot_type, Kind::Unconfirmed), [(1, false)], "beam or not");
        }
    })
    .await;
}

/// Begin, go on, end: what is promised to the outside, in this order, once each.
#[tokio::test]
async fn an_incident_is_raised_once_goes_on_and_is_cleared_once() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        for (chunk, says) in [GOOD, BAD, BAD, UNSURE, BAD, GOOD, GOOD, BAD].into_iter().enumerate()
        {
            let message = Plot::new("CDC", chunk as u32, &[says]).message();
            write(&keep, vec![message.clone()]).await;
            write(&keep, vec![message]).await;
        }
        let promised = rows::<outbox::Entity>(db).await;
        let alarms: Vec<hydra_proto::events::AlarmChanged> = promised
            .into_iter()
            .map(|row| hydra_proto::event::decode(&row.type_name, row.body.into()).unwrap())
            .collect();
        let states: Vec<&str> =
            alarms.iter().map(|alarm| alarm.state().as_str_name()).map(|s| &s[12..]).collect();
        assert_eq!(states, ["RAISED", "CONTINUES", "CONTINUES", "CLEARED", "RAISED"]);
        assert_eq!(alarms.iter().map(|a| a.count).collect::<Vec<_>>(), [1, 2, 3, 3, 1]);
        assert!(alarms[..4].iter().all(|alarm| alarm.incident_id == alarms[0].incident_id));
        assert_ne!(alarms[4].incident_id, alarms[0].incident_id);
    })
    .await;
}

/// What the database cannot take costs its own message and no other of the batch.
#[tokio::test]
async fn a_message_that_cannot_be_written_does_not_sink_its_batch() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        let mut messages: Vec<KeepIn> = mixed("CDC", 10).iter().map(Plot::message).collect();
        let mut forged = Plot::new("CDC", 99, &[GOOD]).event();
        forged.image.as_mut().unwrap().run = 8;
        messages.insert(5, KeepIn::Inferred(Box::new(forged)));
        let results = try_write(&keep, messages).await;
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
        assert!(results[5].is_err());
        assert_eq!(rows::<image::Entity>(db).await.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_burial_is_shown_once_and_waits_again_only_when_it_is_buried_again() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        let buried = |at| MessageBuried {
            message_id: "a/infer".into(),
            stage: "infer".into(),
            event: "hydra.events.v1.ImageResized".into(),
            reason: "attempts".into(),
            error: "no\0 model".into(),
            attempts: 4,
            buried_at_us: at,
            image: Some(Plot::new("CDC", 1, &[]).image()),
            ..Default::default()
        };
        let message = |at| KeepIn::Buried(Box::new(buried(at)));
        write(&keep, vec![message(1_000), message(1_000)]).await;
        write(&keep, vec![message(1_000)]).await;
        let letters = rows::<dead_letter::Entity>(db).await;
        assert_eq!((letters.len(), letters[0].run), (1, Some(7)));
        write(&keep, vec![message(2_000)]).await;
        let letters = rows::<dead_letter::Entity>(db).await;
        assert_eq!((letters.len(), letters[0].buried_us), (1, 2_000));
        assert!(rows::<image::Entity>(db).await.is_empty(), "a burial is no image");
    })
    .await;
}

/// Behind all care in keep the database itself takes no second row.
#[tokio::test]
async fn the_key_of_the_database_refuses_a_second_row() {
    on_each(async |db| {
        let keep = Keep::new(db.clone());
        write(&keep, vec![Plot::new("CDC", 1, &[GOOD]).message()]).await;
        let again = rows::<image::Entity>(db).await.remove(0);
        let said = rows::<prediction::Entity>(db).await.remove(0);
        let insert = db.run(|pool| async move {
            image::Entity::insert(again.into_active_model()).exec_without_returning(&pool).await
        });
        assert!(insert.await.is_err(), "a second row of an image");
        let insert = db.run(|pool| async move {
            prediction::Entity::insert(said.into_active_model()).exec_without_returning(&pool).await
        });
        assert!(insert.await.is_err(), "a second row of an image and model");
    })
    .await;
}
