//! How far behind arrival each stage is, and how many images a second it takes: heartbeats add up
//! since a process started, so the last minute is the difference of two of them.

use hydra_store::read::Heard;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Looked back so far.
const WINDOW_US: i64 = 60_000_000;

/// Instances report every five seconds; one that did not for so long is silent.
pub const SILENT_US: i64 = 20_000_000;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sum {
    beat_us: i64,
    /// Images whose lag is known: those that another stage took before.
    count: u64,
    /// Of their lags.
    sum_us: u64,
    /// Images that were worked on.
    worked: u64,
    /// Images that waited in the queue of the stage.
    ready: u64,
}

/// Sums of lag over the last minute, by instance and stage.
#[derive(Clone, Debug, Default)]
pub struct Lags {
    sums: HashMap<(String, String), VecDeque<Sum>>,
}

impl Lags {
    /// Takes in what was heard at `now_us`.
    pub fn note(&mut self, heard: &[Heard], now_us: i64) {
        for one in heard {
            let body = &one.beat.body;
            // one that has never worked says of its queue only
            for stage in body.stages.keys().chain(body.queues.keys()).collect::<BTreeSet<_>>() {
                let vitals = body.stages.get(stage).cloned().unwrap_or_default();
                let count = vitals.lag.counts.iter().sum();
                let worked = vitals.work.counts.iter().sum();
                let sum_us = vitals.lag.sum_us;
                let ready = body.queues.get(stage).map_or(0, |queue| queue.ready);
                let sum = Sum { beat_us: one.beat_us, count, sum_us, worked, ready };
                let key = (one.beat.instance.clone(), stage.clone());
                let sums = self.sums.entry(key).or_default();
                if sums.back().is_some_and(|last| last.count > count || last.worked > worked) {
                    sums.clear(); // the process began anew
                }
                if sums.back().is_none_or(|last| last.beat_us < one.beat_us) {
                    sums.push_back(sum);
                }
            }
        }
        self.sums.retain(|_, sums| {
            // One older than the window stays: the window begins there.
            while sums.get(1).is_some_and(|second| second.beat_us < now_us - WINDOW_US) {
                sums.pop_front();
            }
            sums.back().is_some_and(|last| last.beat_us >= now_us - 10 * WINDOW_US)
        });
    }

    /// Mean lag by stage in seconds; stages that took nothing in the last minute are left out.
    pub fn seconds(&self) -> BTreeMap<&str, f64> {
        let mut totals: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for ((_, stage), sums) in &self.sums {
            if let (Some(first), Some(last)) = (sums.front(), sums.back()) {
                let total = totals.entry(stage).or_default();
                total.0 += last.count - first.count;
                total.1 += last.sum_us.saturating_sub(first.sum_us);
            }
        }
        totals
            .into_iter()
            .filter(|(_, (count, _))| *count > 0)
            .map(|(stage, (count, sum_us))| (stage, sum_us as f64 / 1e6 / count as f64))
            .collect()
    }

    /// Images a second by stage over the last minute, all instances together; stages that have
    /// reported only once are left out.
    pub fn rates(&self) -> BTreeMap<&str, f64> {
        let mut rates: BTreeMap<&str, f64> = BTreeMap::new();
        for ((_, stage), sums) in &self.sums {
            if let (Some(first), Some(last)) = (sums.front(), sums.back())
                && last.beat_us > first.beat_us
            {
                let seconds = (last.beat_us - first.beat_us) as f64 / 1e6;
                *rates.entry(stage).or_default() += (last.worked - first.worked) as f64 / seconds;
            }
        }
        rates
    }

    /// Seconds for which images have waited for a stage of which none of its instances took one;
    /// stages that take some, or have nothing to take, are left out.
    pub fn standing(&self, now_us: i64) -> BTreeMap<&str, f64> {
        let mut standing: BTreeMap<&str, f64> = BTreeMap::new();
        for ((_, stage), sums) in &self.sums {
            let Some(last) = sums.back().filter(|last| now_us - last.beat_us <= SILENT_US) else {
                continue;
            };
            let stood = |sum: &&Sum| sum.worked == last.worked && sum.ready > 0;
            let first_us = sums.iter().rev().take_while(stood).last().map(|first| first.beat_us);
            let seconds = first_us.map_or(0.0, |first_us| (last.beat_us - first_us) as f64 / 1e6);
            standing
                .entry(stage)
                .and_modify(|least| *least = least.min(seconds))
                .or_insert(seconds);
        }
        standing.retain(|_, seconds| *seconds > 0.0);
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_store::heartbeat::{Beat, Body, Histogram, Queue, Vitals};

    fn heard(beat_us: i64, count: u64, sum_us: u64) -> Heard {
        let lag = Histogram { counts: vec![count], sum_us };
        // the first stage works on images that have no lag yet
        let work = Histogram { counts: vec![count], sum_us: 0 };
        let vitals = Vitals { lag, work, ..Default::default() };
        let body = Body { stages: [("infer".to_owned(), vitals)].into(), ..Default::default() };
        Heard {
            beat: Beat { instance: "a".into(), role: "infer".into(), body, ..Default::default() },
            beat_us,
        }
    }

    #[test]
    fn the_lag_is_that_of_the_last_minute_and_not_since_the_start() {
        let mut lags = Lags::default();
        lags.note(&[heard(0, 1_000, 1_000 * 9_000_000)], 0);
        assert!(lags.seconds().is_empty(), "one heartbeat says nothing about now");
        lags.note(&[heard(5_000_000, 1_010, 1_000 * 9_000_000 + 10 * 500_000)], 5_000_000);
        assert_eq!(lags.seconds()["infer"], 0.5);
        assert_eq!(lags.rates()["infer"], 2.0, "ten images in five seconds");
        for second in (10..200).step_by(5) {
            lags.note(&[heard(second * 1_000_000, 1_010, 9_005_000_000)], second * 1_000_000);
        }
        assert!(lags.seconds().is_empty(), "nothing came in the last minute");
        assert_eq!(lags.rates()["infer"], 0.0);
    }

    #[test]
    fn the_door_has_a_rate_although_nothing_lags_there() {
        let mut lags = Lags::default();
        for (beat_us, count) in [(0, 10), (5_000_000, 60)] {
            let mut one = heard(beat_us, count, 0);
            if let Some(vitals) = one.beat.body.stages.get_mut("infer") {
                vitals.lag = Histogram::default();
            }
            lags.note(&[one], beat_us);
        }
        assert_eq!(lags.rates()["infer"], 10.0);
        assert!(lags.seconds().is_empty());
    }

    #[test]
    fn a_stage_stands_where_images_wait_and_no_instance_takes_one() {
        let beat = |instance: &str, second: i64, worked, ready| {
            let mut one = heard(second * 1_000_000, worked, 0);
            one.beat.instance = instance.into();
            let queue = Queue { ready, ..Default::default() };
            one.beat.body.queues.insert("infer".into(), queue);
            one
        };
        let mut lags = Lags::default();
        for second in (0..=30).step_by(5) {
            // one hangs; the other takes them until second 10, when the queue has begun to fill
            let other = 100 + u64::try_from(second.min(10)).unwrap();
            let both = [beat("a", second, 100, 7), beat("b", second, other, 7)];
            lags.note(&both, second * 1_000_000);
        }
        assert_eq!(lags.standing(30_000_000).get("infer"), Some(&20.0));
        lags.note(&[beat("b", 35, 111, 6)], 35_000_000);
        assert!(lags.standing(35_000_000).is_empty(), "one of two takes some");
        lags.note(&[beat("a", 60, 100, 7)], 60_000_000);
        let stood = lags.standing(60_000_000);
        assert!(stood["infer"] > 20.0, "the one that took some is gone: {stood:?}");
        lags.note(&[beat("a", 65, 100, 0)], 65_000_000);
        assert!(lags.standing(65_000_000).is_empty(), "nothing waits");
    }

    #[test]
    fn a_stage_that_never_took_one_stands_too() {
        let mut lags = Lags::default();
        for beat_us in [0, 25_000_000] {
            let mut one = heard(beat_us, 0, 0);
            one.beat.body.stages.clear();
            one.beat.body.queues.insert("keep".into(), Queue { ready: 1, ..Default::default() });
            lags.note(&[one], beat_us);
        }
        assert_eq!(lags.standing(25_000_000)["keep"], 25.0);
    }

    #[test]
    fn a_process_that_began_anew_is_no_negative_lag() {
        let mut lags = Lags::default();
        lags.note(&[heard(1, 100, 100_000_000)], 1);
        lags.note(&[heard(2, 3, 3_000_000)], 2);
        lags.note(&[heard(3, 5, 7_000_000)], 3);
        assert_eq!(lags.seconds()["infer"], 2.0);
    }

    #[test]
    fn instances_that_are_gone_are_forgotten() {
        let mut lags = Lags::default();
        lags.note(&[heard(0, 1, 1)], 0);
        lags.note(&[], 3_600_000_000);
        assert!(lags.sums.is_empty());
    }
}
