//! Quality intervals on a real run: with a gap, a person's word, a beam that was off.

use crate::hall::{Served, on_each};
use hydra_proto::ImageId;
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
