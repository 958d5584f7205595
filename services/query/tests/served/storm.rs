//! F29: readers who go away in the middle of their answers.

use crate::hall::Served;
use hydra_testkit::{Engine, eventually};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Duration;

/// As many connections as the service may have.
const POOL: usize = 4;

/// A thousand requests (ten thousand with `HYDRA_FAULTS_FULL=1`), fifty at a time, two of three of
/// which are hung up on at some moment. Whoever stays gets the answer to its own question, the
/// service never has more connections than it may, and afterwards answers as before.
#[tokio::test(flavor = "multi_thread")]
async fn f29_a_storm_of_readers_who_leave_swaps_no_answers_and_costs_no_connection() {
    let full = std::env::var_os("HYDRA_FAULTS_FULL").is_some();
    let requests = if full { 10_000 } else { 1_000 };
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let served = Served::start(engine).await;
        // what only this image's answer says
        let facts = served.written.facts.iter();
        let ids: Vec<(String, i64, usize)> =
            facts.map(|fact| (fact.id.to_string(), fact.taken_us, fact.png.len())).collect();
        assert!(ids.len() > 50, "{} images", ids.len());
        let mut askers = Vec::new();
        for asker in 0..50_u64 {
            let (url, client, ids) = (served.url.clone(), served.client.clone(), ids.clone());
            askers.push(tokio::spawn(async move {
                let mut dice = StdRng::seed_from_u64(asker);
                let (mut left, mut stayed) = (0, 0);
                for request in 0..requests / 50 {
                    let (id, taken_us, size) = &ids[dice.random_range(0..ids.len())];
                    let own = |answer: &serde_json::Value| {
                        assert_eq!(answer["taken_at_us"], *taken_us, "another's answer");
                        assert_eq!(answer["size_bytes"], *size, "another's answer");
                    };
                    let path = format!("{url}/api/v1/images/{id}");
                    let asking = async {
                        let answer = client.get(&path).send().await.unwrap();
                        assert_eq!(answer.status(), 200, "{path}");
                        answer.json::<serde_json::Value>().await.unwrap()
                    };
                    if request % 3 == 0 {
                        own(&asking.await);
                        stayed += 1;
                        continue;
                    }
                    // dropped, a request closes its connection
                    let patience = Duration::from_micros(dice.random_range(0..20_000));
                    match tokio::time::timeout(patience, asking).await {
                        Ok(answer) => own(&answer),
                        Err(_) => left += 1,
                    }
                }
                (left, stayed)
            }));
        }
        let (mut left, mut stayed) = (0, 0);
        for asker in askers {
            let (gone, here) = asker.await.unwrap();
            left += gone;
            stayed += here;
        }
        println!("{engine:?}: {requests} requests, {left} left, {stayed} stayed");
        assert!(left > requests / 10, "only {left} left in the middle");
        // connections of the service, and of those who wrote the hall and look on
        let name = served.scratch.url.rsplit('/').next().unwrap().to_owned();
        let count = match engine {
            Engine::Postgres => {
                format!("select count(*) from pg_stat_activity where datname = '{name}'")
            }
            _ => format!("select count(*) from information_schema.processlist where db = '{name}'"),
        };
        let most = 2 * POOL + 1;
        eventually("no connection is left behind", async || {
            served.scratch.sql(&count).unwrap().parse::<usize>().unwrap() <= most
        })
        .await;
        for (id, taken_us, _) in ids.iter().take(20) {
            assert_eq!(served.get(&format!("/images/{id}")).await["taken_at_us"], *taken_us);
        }
        served.stop().await;
    }
}
