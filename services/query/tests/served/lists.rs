//! Lists, page by page: everything once, in order, whatever the size of a page and whatever is
//! written meanwhile.

use crate::hall::{Fact, LABELS, Served, on_each};
use hydra_store::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

fn images(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["image"].as_str().unwrap().to_owned()).collect()
}

fn ids<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<String> {
    facts.into_iter().map(|fact| fact.id.to_string()).collect()
}

fn by_run(served: &Served, run: u32) -> Vec<String> {
    let mut of_run: Vec<&Fact> =
        served.written.facts.iter().filter(|fact| fact.run == run).collect();
    of_run.sort_by_key(|fact| fact.id);
    ids(of_run)
}

#[tokio::test]
async fn images_of_a_plot_type_come_by_time_from_either_end() {
    on_each(async |served| {
        let mut wanted = ids(served.written.of("DC_tdc"));
        for limit in [1, 7, 50, 1_000] {
            let path = "/images?plot_type=DC_tdc&order=oldest";
            assert_eq!(images(&served.all(path, limit).await), wanted, "oldest, {limit}");
        }
        wanted.reverse();
        for limit in [3, 100] {
            let newest = served.all("/images?plot_type=DC_tdc", limit).await;
            assert_eq!(images(&newest), wanted, "newest, {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn images_of_a_range_are_those_drawn_in_it_and_no_others() {
    on_each(async |served| {
        let all = served.written.of("DC_tdc");
        let (from_us, to_us) = (all[10].taken_us, all[60].taken_us);
        let in_range = all.iter().filter(|fact| (from_us..to_us).contains(&fact.taken_us));
        let wanted = ids(in_range.copied());
        let path = format!("/images?plot_type=DC_tdc&from_us={from_us}&to_us={to_us}&order=oldest");
        assert_eq!(images(&served.all(&path, 9).await), wanted);
    })
    .await;
}

#[tokio::test]
async fn images_of_a_run_come_by_chunk_and_all_images_by_commit() {
    on_each(async |served| {
        for run in [80_001, 80_003] {
            let found = served.all(&format!("/images?run={run}"), 13).await;
            assert_eq!(images(&found), by_run(served, run));
        }
        let all = images(&served.all("/images", 17).await);
        assert_eq!(all.len(), served.written.facts.len());
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "one came twice");
        // batches of 37 were written one after the other; inside a batch the order is free
        let newest: HashSet<_> = all[..served.written.facts.len() % 37].iter().cloned().collect();
        let last = served.written.facts.chunks(37).next_back().unwrap();
        assert_eq!(newest, ids(last).into_iter().collect());
        assert!(served.all("/images?run=1", 10).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn predictions_and_trend_agree_with_each_other_and_with_the_facts() {
    on_each(async |served| {
        let written = &served.written;
        for (plot, role) in [("DC_occupancy", "active"), ("DC_tdc", "candidate")] {
            let path = format!("/plot-types/{plot}/predictions?role={role}");
            let found = served.all(&path, 11).await;
            let mut facts = written.of(plot);
            facts.reverse();
            assert_eq!(images(&found), ids(facts.iter().copied()));
            for (item, fact) in found.iter().zip(&facts) {
                let said = if role == "active" { &fact.verdict } else { &fact.shadow };
                let said = said.as_ref().unwrap();
                assert_eq!(item["label"], said.label);
                assert_eq!(item["model"], said.model.to_string());
                assert_eq!(item["role"], role);
                assert_eq!(item["taken_at_us"], fact.taken_us);
                let scores: Vec<f32> = item["scores"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|score| score["probability"].as_f64().unwrap() as f32)
                    .collect();
                assert_eq!(scores, said.scores);
                let of_label = item["scores"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|score| score["label"] == said.label)
                    .unwrap();
                assert_eq!(of_label["threshold"].as_f64().unwrap() as f32, said.threshold);
            }
        }
        // a past range shows what the model of that time said, whichever is active now
        let facts = written.of("DC_occupancy");
        let models: HashSet<_> = facts.iter().map(|f| f.verdict.as_ref().unwrap().model).collect();
        assert_eq!(models.len(), 2);
        for model in models {
            let by = |f: &&&Fact| f.verdict.as_ref().unwrap().model == model;
            let its: Vec<&Fact> = facts.iter().filter(by).copied().collect();
            let (from, to) = (its[0].taken_us, its[its.len() - 1].taken_us + 1);
            let path =
                format!("/plot-types/DC_occupancy/trend?limit=5000&from_us={from}&to_us={to}");
            let trend = served.get(&path).await;
            let drawn: Vec<&str> =
                trend["images"].as_array().unwrap().iter().map(|i| i.as_str().unwrap()).collect();
            assert_eq!(drawn, ids(its.iter().copied()));
            for (column, label) in trend["labels"].as_array().unwrap().iter().enumerate() {
                let place = LABELS.iter().position(|known| label == known).unwrap();
                for (row, fact) in its.iter().enumerate() {
                    let said = fact.verdict.as_ref().unwrap().scores[place];
                    let drawn = trend["probabilities"][column][row].as_f64().unwrap() as f32;
                    assert_eq!(drawn, said, "{label} of image {row}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_label_has_a_threshold_named_by_the_release_or_not() {
    on_each(async |served| {
        // the releases name Good and Bad
        let trend = served.get("/plot-types/DC_occupancy/trend").await;
        let releases = trend["releases"].as_array().unwrap();
        assert!(!releases.is_empty());
        for release in releases {
            for (label, at) in [("Good", 0.7), ("Bad", 0.7), ("NoData", 0.5)] {
                assert_eq!(release["thresholds"][label].as_f64().unwrap() as f32, at, "{label}");
            }
        }
        let found = served.get("/plot-types/DC_occupancy/predictions?limit=1").await;
        let scores = found["items"][0]["scores"].as_array().unwrap();
        assert_eq!(scores.len(), LABELS.len());
        assert!(scores.iter().all(|score| score["threshold"].is_f64()), "{scores:?}");
    })
    .await;
}

#[tokio::test]
async fn a_trend_in_pieces_is_the_trend_in_one() {
    on_each(async |served| {
        let facts = served.written.of("DC_occupancy");
        let whole = served.get("/plot-types/DC_occupancy/trend").await;
        assert_eq!(whole["next"], Value::Null);
        let column = |trend: &Value, name: &str| trend[name].as_array().unwrap().clone();
        assert_eq!(
            column(&whole, "images"),
            facts.iter().map(|f| f.id.to_string()).collect::<Vec<_>>()
        );
        let taken: Vec<i64> = facts.iter().map(|f| f.taken_us).collect();
        assert_eq!(column(&whole, "taken_at_us"), taken);
        assert_eq!(column(&whole, "runs"), facts.iter().map(|f| f.run).collect::<Vec<_>>());
        assert_eq!(
            column(&whole, "chunks"),
            facts.iter().map(|f| f.chunk.unwrap()).collect::<Vec<_>>()
        );
        for (at, label) in column(&whole, "labels").iter().enumerate() {
            let place = ["Good", "Bad", "NoData"].iter().position(|name| label == name).unwrap();
            let said = facts.iter().map(|f| f.verdict.as_ref().unwrap().scores[place]);
            let found = whole["probabilities"][at].as_array().unwrap().iter();
            let found: Vec<f32> = found.map(|p| p.as_f64().unwrap() as f32).collect();
            assert_eq!(found, said.collect::<Vec<_>>(), "{label}");
        }
        let (mut pieces, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/plot-types/DC_occupancy/trend?limit=20{cursor}");
            let piece = served.get(&path).await;
            pieces.push(column(&piece, "images"));
            let Some(next) = piece["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        pieces.reverse(); // the newest piece comes first
        assert_eq!(pieces.concat(), column(&whole, "images"));
    })
    .await;
}

#[tokio::test]
async fn the_log_has_each_sequence_once_with_its_begin_end_and_count() {
    on_each(async |served| {
        let found = served.all("/log", 2).await;
        let entry = |item: &Value| {
            let text = |key: &str| item[key].as_str().unwrap().to_owned();
            let mark = |end: &str| item[end]["chunk"].as_u64().map_or(0, |chunk| chunk as u32);
            let run = item["first"]["run"].as_u64().unwrap() as u32;
            let (first, last) = (mark("first"), mark("last"));
            let open = item["ended_at_us"].is_null();
            (
                text("plot_type"),
                text("kind"),
                run,
                first,
                last,
                item["count"].as_u64().unwrap(),
                open,
            )
        };
        let mut told: Vec<_> = found.iter().map(entry).collect();
        let dc = || "DC_occupancy".to_owned();
        let mut wanted = vec![
            (dc(), "bad".to_owned(), 80_003, 18, 20, 3, true),
            ("Faraday Cup".to_owned(), "bad".to_owned(), 80_002, 0, 0, 1, false),
            (dc(), "novel".to_owned(), 80_001, 30, 31, 2, false),
            (dc(), "unconfirmed".to_owned(), 80_001, 20, 20, 1, false),
            (dc(), "bad".to_owned(), 80_001, 10, 14, 5, false),
        ];
        assert_eq!(told, wanted, "newest first");
        // when it ended is when the first image came that was otherwise
        let bad = found.last().unwrap();
        let after = served.written.fact("DC_occupancy", 80_001, Some(15));
        assert_eq!(bad["ended_at_us"], after.taken_us);
        assert_eq!(bad["detector"], "DC");
        told = served.all("/log?kind=bad,novel&detector=DC", 1).await.iter().map(entry).collect();
        wanted.retain(|entry| entry.0 == dc() && entry.1 != "unconfirmed");
        assert_eq!(told, wanted);
        let of_run = served.all("/log?run=80002", 10).await;
        assert_eq!(of_run.len(), 1, "{of_run:?}");
        assert!(served.all("/log?plot_type=CDC_occupancy", 10).await.is_empty());
        // over a wide range some plot types or kinds are read another way, and are the same
        let begun = bad["first"]["at_us"].as_i64().unwrap();
        for filter in
            ["detector=DC", "plot_type=DC_occupancy", "kind=bad", "detector=DC&kind=bad,novel"]
        {
            // before all, into the middle of the oldest sequence, after it
            for from_us in [begun - 3_600_000_000, begun + 90_000_000, begun + 600_000_000] {
                let near = served.all(&format!("/log?{filter}&from_us={from_us}"), 100).await;
                assert!(!near.is_empty(), "{filter}");
                let wide = format!("/log?{filter}&from_us={from_us}&to_us=7258118400000000");
                for limit in [1, 2, 100] {
                    assert_eq!(served.all(&wide, limit).await, near, "{wide}, {limit}");
                }
            }
        }
        let ids: HashSet<_> = found.iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), found.len());
    })
    .await;
}

#[tokio::test]
async fn incidents_open_and_past_are_the_sequences_of_bad() {
    on_each(async |served| {
        let open = served.all("/incidents", 1).await;
        assert_eq!(open.len(), 1);
        assert_eq!(open[0]["plot_type"], "DC_occupancy");
        assert_eq!(open[0]["count"], 3);
        assert_eq!(open[0]["cleared_at_us"], Value::Null);
        let id = open[0]["id"].as_str().unwrap();
        assert_eq!(served.get(&format!("/incidents/{id}")).await, open[0]);
        let past = served.all("/incidents?open=false", 2).await;
        let bad = served.all("/log?kind=bad", 100).await;
        let ids =
            |items: &[Value]| -> Vec<Value> { items.iter().map(|i| i["id"].clone()).collect() };
        assert_eq!(ids(&past), ids(&bad));
        assert_eq!(past.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn short_lists_are_whole_at_any_size_of_a_page() {
    on_each(async |served| {
        let names = |items: Vec<Value>, key: &str| -> Vec<String> {
            items.iter().map(|item| item[key].to_string().replace('"', "")).collect()
        };
        for limit in [1, 2, 100] {
            let plots = names(served.all("/plot-types", limit).await, "name");
            let wanted = [
                "DC_occupancy",
                "DC_tdc",
                "CDC_occupancy",
                "Faraday Cup",
                "Off_adc",
                "Stray plot-01",
            ];
            assert_eq!(plots, wanted);
            assert_eq!(names(served.all("/detectors", limit).await, "name"), ["DC", "CDC", "Idle"]);
            assert_eq!(names(served.all("/groups", limit).await, "name"), ["tracking", "central"]);
            assert_eq!(names(served.all("/runs", limit).await, "run"), ["80003", "80002", "80001"]);
            let latency = served.all("/status/latency", limit).await;
            assert_eq!(names(latency, "run"), ["80003", "80002", "80001"]);
            let models = names(served.all("/models", limit).await, "digest");
            let written = ["shadow", "second", "first"].map(|name| {
                hydra_proto::ModelDigest::of(format!("{{\"name\":\"{name}\"}}").as_bytes())
                    .to_string()
            });
            assert_eq!(models, written);
            let dead = names(served.all("/dead-letters", limit).await, "error");
            assert_eq!(dead, ["not a PNG: 0", "not a PNG: 1", "not a PNG: 3"]);
            assert_eq!(names(served.all("/labels", limit).await, "plot_type"), ["DC_occupancy"]);
            assert!(!served.all("/status/calendar", limit).await.is_empty());
        }
        let tracking = served.all("/plot-types?group=tracking", 1).await;
        assert_eq!(names(tracking, "name"), ["DC_occupancy", "DC_tdc"]);
        let cdc = served.all("/plot-types?detector=CDC", 100).await;
        assert_eq!(names(cdc, "name"), ["CDC_occupancy", "Faraday Cup"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_written_while_somebody_reads_moves_nothing() {
    on_each(async |served| {
        let written = &served.written;
        let mut wanted = ids(written.of("DC_tdc"));
        wanted.reverse();
        let first = served.get("/images?plot_type=DC_tdc&limit=10").await;
        let mut read = images(first["items"].as_array().unwrap());
        let mut cursor = first["next"].as_str().map(str::to_owned);
        let mut chunk = 1_000;
        while let Some(next) = cursor {
            // a newer one each time
            let mut newer = written.fact("DC_tdc", 80_003, Some(20)).clone();
            chunk += 1;
            newer.chunk = Some(chunk);
            newer.taken_us += i64::from(chunk);
            newer.id =
                hydra_proto::ImageId::of(&newer.plot, newer.run, newer.chunk, &newer.content);
            written.add(&served.db, &served.blobs, &[newer]).await;
            let path = format!("/images?plot_type=DC_tdc&limit=10&cursor={next}");
            let page = served.get(&path).await;
            read.extend(images(page["items"].as_array().unwrap()));
            cursor = page["next"].as_str().map(str::to_owned);
        }
        assert_eq!(read, wanted);
    })
    .await;
}

#[tokio::test]
async fn counts_of_a_run_are_the_facts_counted() {
    on_each(async |served| {
        for run in [80_001_u32, 80_002, 80_003] {
            let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
            let facts = served.written.facts.iter().filter(|fact| fact.run == run);
            for fact in facts.clone() {
                let outcome = match &fact.verdict {
                    None => "NoModel",
                    Some(said) if said.kind == Kind::Unconfirmed => "Unconfirmed",
                    Some(said) if said.kind == Kind::Novel => "Novel",
                    Some(said) => said.label,
                };
                *wanted.entry(outcome.to_owned()).or_default() += 1;
            }
            let told = served.get(&format!("/runs/{run}")).await;
            let verdicts: BTreeMap<String, u64> =
                serde_json::from_value(told["verdicts"].clone()).unwrap();
            assert_eq!(verdicts, wanted, "run {run}");
            assert_eq!(told["images"], facts.clone().count());
            assert_eq!(told["first_at_us"], facts.clone().map(|f| f.taken_us).min().unwrap());
            assert_eq!(told["last_at_us"], facts.clone().map(|f| f.taken_us).max().unwrap());
            assert_eq!(told["conditions"]["target"], "LH2");
            assert_eq!(told["run_period"], "RunPeriod-2026-11");
        }
    })
    .await;
}
