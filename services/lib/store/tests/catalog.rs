//! The catalog: applied once and again, shown, exported, pruned.

#![allow(clippy::unwrap_used)]

mod common;

use common::on_each;
use hydra_store::{
    Database,
    catalog::{Applied, Catalog, apply, diff, export},
    entity::catalog_event,
    orm::EntityTrait,
    release::By,
};

const HALL: &str = "
[hall.beam]
condition = 'beam_current_na'
min = 5.0

[[news]]
text = 'Target change on Monday'
since = 2026-11-23T08:00:00Z

[[detector]]
name = 'CDC'
contact = 'Naomi, 5678'

[[plot_type]]
name = 'CDC_occupancy'
detector = 'CDC'
labels = ['Good', 'Bad', 'HotChannel']
bad_labels = ['Bad', 'HotChannel']
cadence_s = 300
collect_fraction = 0.1
retention = { originals_days = 90, rows_days = 3650 }

[[plot_type]]
name = 'Faraday Cup'
gate = { off = true }
";

fn by() -> By {
    By { who: "naomi".into(), why: "first light".into() }
}

async fn applied(db: &Database, text: &str, prune: bool) -> Applied {
    apply(db, Catalog::parse(text).unwrap(), prune, by()).await.unwrap()
}

fn subjects(applied: &Applied) -> Vec<&str> {
    applied.changes.iter().map(|change| change.subject.as_str()).collect()
}

#[tokio::test]
async fn applying_twice_changes_nothing_and_the_export_is_the_file() {
    on_each(async |db, _| {
        let first = applied(db, HALL, false).await;
        let all = [
            "hall",
            "news Target change on Monday",
            "detector CDC",
            "plot type CDC_occupancy",
            "plot type Faraday Cup",
        ];
        assert_eq!(subjects(&first), all);
        let second = applied(db, HALL, false).await;
        assert_eq!(second.changes, []);
        assert_eq!(second.generation, first.generation, "nothing changed, nobody reads again");
        let exported = export(db).await.unwrap();
        assert_eq!(exported, Catalog::parse(HALL).unwrap());
        assert_eq!(Catalog::parse(&toml::to_string(&exported).unwrap()).unwrap(), exported);
    })
    .await;
}

#[tokio::test]
async fn a_change_is_shown_before_it_is_made_and_kept_as_an_event() {
    on_each(async |db, _| {
        let first = applied(db, HALL, false).await;
        let text = HALL.replace("cadence_s = 300", "cadence_s = 60");
        let wanted = Catalog::parse(&text).unwrap();
        let shown = diff(db, wanted, false).await.unwrap();
        assert_eq!(
            shown.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["~ plot type CDC_occupancy\n    cadence_s: 300.0 -> 60.0"]
        );
        assert_eq!(shown.generation, first.generation, "showing changes nothing");
        let made = applied(db, &text, false).await;
        assert_eq!(made.changes, shown.changes);
        assert_eq!(made.generation, first.generation + 1);
        let events = db.run(|pool| async move { catalog_event::Entity::find().all(&pool).await });
        let events = events.await.unwrap();
        assert_eq!(events.len(), first.changes.len() + 1);
        let last = events.last().unwrap();
        assert_eq!((last.who.as_str(), last.why.as_str()), ("naomi", "first light"));
        assert!(last.before.as_ref().unwrap().contains("300"));
    })
    .await;
}

#[tokio::test]
async fn what_the_file_does_not_name_stays_unless_it_is_pruned() {
    on_each(async |db, _| {
        applied(db, HALL, false).await;
        let less = HALL.split("[[plot_type]]\nname = 'Faraday").next().unwrap();
        let kept = applied(db, less, false).await;
        assert_eq!(kept.changes, []);
        assert_eq!(kept.not_in_file.len(), 1);
        let pruned = applied(db, less, true).await;
        assert_eq!(subjects(&pruned), ["plot type Faraday Cup"]);
        assert!(export(db).await.unwrap().plot_type[1].disabled);
        assert_eq!(applied(db, less, true).await.changes, []);
    })
    .await;
}

#[tokio::test]
async fn a_plot_type_that_came_in_by_itself_becomes_declared() {
    on_each(async |db, _| {
        let name: hydra_proto::PlotTypeName = "Faraday Cup".parse().unwrap();
        db.run(|pool| async move { hydra_store::plot_type::ids(&pool, &[name]).await })
            .await
            .unwrap();
        assert_eq!(export(db).await.unwrap().plot_type, [], "nobody declared it");
        let first = applied(db, HALL, false).await;
        assert!(subjects(&first).contains(&"plot type Faraday Cup"));
        assert_eq!(first.discovered, []);
        assert_eq!(export(db).await.unwrap().plot_type.len(), 2);
    })
    .await;
}
