//! Quality intervals on a real run: with a gap, a person's word, a beam that was off.

use crate::hall::{Served, on_each};
use hydra_proto::{ImageId, Label};
use hydra_store::{
    entity::{image, prediction},
    label,
    orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr},
    release::By,
};
use serde_json::Value;

/// From and to in seconds since the begin of the run, verdict, source, plot types.
type Line = (f64, f64, String, String, Vec<String>);

fn lines(intervals: &[Value], detector: &str, begin_us: i64) -> Vec<Line> {
    let of = intervals.iter().filter(|i| i["detector"] == detector);
    let seconds = |us: &Value| (us.as_i64().unwrap() - begin_us) as f64 / 1e6;
    of.map(|i| {
        let text = |key: &str| i[key].as_str().unwrap().to_owned();
        let plots = serde_json::from_value(i["plot_types"].clone()).unwrap();
        (seconds(&i["from_us"]), seconds(&i["to_us"]), text("verdict"), text("source"), plots)
    })
    .collect()
}

fn line(from: f64, to: f64, verdict: &str, source: &str, plots: &[&str]) -> Line {
    let plots = plots.iter().map(|plot| (*plot).to_owned()).collect();
    // times are counted in chunks, of which the first is number 1
    ((from - 1.0) * 60.0, (to - 1.0) * 60.0, verdict.into(), source.into(), plots)
}

async fn begin_us(served: &Served, run: u32) -> i64 {
    served.get(&format!("/runs/{run}")).await["first_at_us"].as_i64().unwrap()
}

#[tokio::test]
async fn intervals_say_what_is_good_bad_and_unknown_and_by_whom() {
    on_each(async |served| {
        let begin = begin_us(served, 80_001).await;
        let told = served.all("/quality?run=80001", 1_000).await;
        let dc = "DC_occupancy";
        let wanted = [
            line(1.0, 2.0, "bad", "person", &[dc]),
            // chunk 3 of the other plot has the time of chunk 2: nothing shows the half minute
            line(2.0, 2.5, "unknown", "none", &["DC_tdc"]),
            line(2.5, 3.0, "good", "person", &[]),
            line(3.0, 9.0, "good", "model", &[]),
            line(9.0, 11.0, "bad", "model", &[dc]),
            line(11.0, 12.0, "good", "person", &[]),
            line(12.0, 14.0, "bad", "model", &[dc]),
            line(14.0, 19.0, "good", "model", &[]),
            line(19.0, 20.0, "unknown", "model", &[dc]), // not sure
            line(20.0, 21.0, "good", "model", &[]),
            line(21.0, 22.0, "unknown", "model", &[dc]), // no beam
            line(22.0, 24.0, "good", "model", &[]),
            line(24.0, 27.5, "unknown", "none", &[dc]), // not drawn
            line(27.5, 29.0, "good", "model", &[]),
            line(29.0, 31.0, "unknown", "model", &[dc]), // novel
            line(31.0, 39.0, "good", "model", &[]),
            line(39.0, 40.0, "good", "person", &[]),
        ];
        assert_eq!(lines(&told, "DC", begin), wanted);
        let idle = lines(&told, "Idle", begin);
        assert_eq!(idle, [line(1.0, 40.0, "unknown", "none", &[])]);
    })
    .await;
}

#[tokio::test]
async fn one_set_a_run_speaks_for_all_of_it() {
    on_each(async |served| {
        let begin = begin_us(served, 80_002).await;
        let told = served.all("/quality?run=80002&detector=CDC", 1_000).await;
        let cup = [line(1.0, 40.0, "bad", "model", &["Faraday Cup"])];
        assert_eq!(lines(&told, "CDC", begin), cup);
        assert_eq!(told.len(), 1, "only the detector that was asked for");
    })
    .await;
}

#[tokio::test]
async fn the_table_says_the_same_as_the_list() {
    on_each(async |served| {
        let told = served.all("/quality?run=80001", 1_000).await;
        let answer = served.raw("/api/v1/quality?run=80001&format=csv").await;
        assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
        let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert_eq!(name, "attachment; filename=\"quality_80001.csv\"");
        let text = answer.text().await.unwrap();
        let mut rows = text.split("\r\n");
        assert_eq!(rows.next(), Some("detector,run,from_us,to_us,verdict,source,plot_types"));
        for interval in &told {
            let plots: Vec<String> =
                serde_json::from_value(interval["plot_types"].clone()).unwrap();
            let text = |key: &str| interval[key].as_str().unwrap().to_owned();
            let wanted = format!(
                "\"{}\",{},{},{},{},{},\"{}\"",
                text("detector"),
                interval["run"],
                interval["from_us"],
                interval["to_us"],
                text("verdict"),
                text("source"),
                plots.join(";")
            );
            assert_eq!(rows.next(), Some(wanted.as_str()));
        }
        assert_eq!((rows.next(), rows.next()), (Some(""), None));
    })
    .await;
}

#[tokio::test]
async fn pages_of_the_intervals_are_the_whole_however_small_they_are() {
    on_each(async |served| {
        let whole = served.all("/quality?run=80001", 1_000).await;
        assert!(whole.len() > 15, "{}", whole.len());
        for limit in [1, 4, whole.len()] {
            assert_eq!(served.all("/quality?run=80001", limit).await, whole, "pages of {limit}");
        }
        // the table as pages: the next one is in the header, and the rows are the same
        let file = served.raw("/api/v1/quality?run=80001&format=csv").await;
        assert!(file.headers().get("link").is_none(), "a file is whole");
        let file = file.text().await.unwrap();
        let mut rows: Vec<String> = Vec::new();
        let mut path = "/api/v1/quality?run=80001&format=csv&limit=7".to_owned();
        loop {
            let page = served.raw(&path).await;
            let link = page.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            let text = page.text().await.unwrap();
            rows.extend(text.split("\r\n").skip(1).filter(|row| !row.is_empty()).map(String::from));
            let Some(link) = link else { break };
            let (next, rel) = link.split_once(">; ").unwrap();
            assert_eq!(rel, "rel=\"next\"");
            path = next.trim_start_matches('<').to_owned();
        }
        let wanted: Vec<&str> = file.split("\r\n").skip(1).filter(|row| !row.is_empty()).collect();
        assert_eq!(rows, wanted);
    })
    .await;
}

#[tokio::test]
async fn a_watched_plot_type_that_did_not_come_makes_its_run_unknown() {
    on_each(async |served| {
        // a run after the releases of both plot types of the detector, in which one comes
        let (mut fresh, now_us) = (Vec::new(), hydra_store::now_us());
        for chunk in 1..=5_u32 {
            let mut fact = served.written.fact("DC_occupancy", 80_001, Some(1)).clone();
            (fact.run, fact.chunk) = (80_010, Some(chunk));
            fact.taken_us = now_us + i64::from(chunk) * 60_000_000;
            fact.id = ImageId::of(&fact.plot, fact.run, fact.chunk, &fact.content);
            fresh.push(fact);
        }
        served.written.add(&served.db, &served.blobs, &fresh).await;
        let told = served.all("/quality?run=80010&detector=DC", 100).await;
        let begin = begin_us(served, 80_010).await;
        let missing = [line(1.0, 5.0, "unknown", "none", &["DC_tdc"])];
        assert_eq!(lines(&told, "DC", begin), missing);
    })
    .await;
}

async fn say(served: &Served, image: ImageId, says: Option<&str>) {
    let says = says.map(|text| text.parse::<Label>().unwrap());
    let by = By { who: "naomi".into(), why: "looked again".into() };
    label::set(&served.db, vec![(image, says)], by).await.unwrap();
}

#[tokio::test]
async fn a_walk_over_a_run_computes_it_once_and_anew_when_anything_is_said_of_it() {
    on_each(async |served| {
        let path = "/quality?run=80001&detector=DC";
        let begin = begin_us(served, 80_001).await;
        let walk = async || lines(&served.all(path, 5).await, "DC", begin);
        let of = |chunk| served.written.fact("DC_occupancy", 80_001, Some(chunk)).id;
        let first = walk().await;

        // a verdict is changed by nobody who could: only who computes anew can know of it
        use prediction::Column as P;
        let changed = prediction::Entity::update_many()
            .col_expr(P::Label, Expr::value("Bad"))
            .filter(P::ImageId.eq(of(16).as_bytes().to_vec()));
        served.db.run(|pool| async move { changed.exec(&pool).await }).await.unwrap();
        let hidden = line(15.0, 16.0, "bad", "model", &["DC_occupancy"]);
        assert_eq!(walk().await, first, "it was computed anew");
        assert!(!first.contains(&hidden));

        say(served, of(35), Some("Bad")).await;
        let labelled = walk().await;
        let own = line(34.0, 35.0, "bad", "person", &["DC_occupancy"]);
        assert!(labelled.contains(&own) && labelled.contains(&hidden), "{labelled:?}");
        say(served, of(35), Some("Good")).await;
        let own = line(34.0, 35.0, "good", "person", &[]);
        assert!(walk().await.contains(&own), "another word about the same image");
        say(served, of(35), None).await;
        let taken_back = walk().await;
        assert!(taken_back.iter().all(|one| one.0 != own.0 || one.3 != "person"));

        // an image of the run that came late fills a part of the gap
        let mut late = served.written.fact("DC_occupancy", 80_001, Some(24)).clone();
        (late.chunk, late.taken_us) = (Some(26), late.taken_us + 120_000_000);
        late.id = ImageId::of(&late.plot, late.run, late.chunk, &late.content);
        served.written.add(&served.db, &served.blobs, std::slice::from_ref(&late)).await;
        let filled = walk().await;
        assert_ne!(filled, taken_back);
        // retention takes rows
        let gone = image::Entity::delete_by_id(late.id.as_bytes().to_vec());
        served.db.run(|pool| async move { gone.exec(&pool).await }).await.unwrap();
        assert_eq!(walk().await, taken_back);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_goes_on_is_told_as_it_is_now() {
    on_each(async |served| {
        let path = "/quality?run=80003&detector=DC";
        let end = |told: &[Value]| told.last().unwrap()["to_us"].as_i64().unwrap();
        let before = end(&served.all(path, 5).await);
        let mut fact = served.written.of("DC_tdc").last().map(|f| (*f).clone()).unwrap();
        (fact.chunk, fact.taken_us) = (Some(21), fact.taken_us + 60_000_000);
        fact.id = ImageId::of(&fact.plot, fact.run, fact.chunk, &fact.content);
        served.written.add(&served.db, &served.blobs, std::slice::from_ref(&fact)).await;
        assert!(end(&served.all(path, 5).await) > before);
    })
    .await;
}
