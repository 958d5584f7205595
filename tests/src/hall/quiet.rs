//! What waits in a hall, and its balance once nothing does.

use super::{Hall, RSS_MAX_BYTES, STAGES};
use hydra_proto::ImageId;
use hydra_testkit::{Balance, eventually, eventually_within};
use std::time::Duration;

impl Hall {
    /// Messages of all stages, waiting or in hand, as the broker counts them (up to a second old).
    pub async fn in_queues(&self) -> Option<u64> {
        let queues = self.api().get("queues/{vhost}").await.ok()?;
        let mut sum = 0;
        for queue in queues.as_array()? {
            if !queue["name"].as_str()?.ends_with(".dead") {
                sum += queue["messages"].as_u64()?;
            }
        }
        Some(sum)
    }

    /// Dead letters of all stages.
    pub async fn dead(&self) -> u64 {
        let mut dead = 0;
        for stage in STAGES {
            dead += self.producer.depth(stage).await.map_or(0, |(_, dead)| dead);
        }
        dead
    }

    /// How often the broker delivered again what it had delivered to a stage.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn redelivered(&self) -> u64 {
        let mut sum = 0;
        for stage in STAGES {
            let queue = self.api().queue(stage).await.expect("a queue");
            sum += queue["message_stats"]["redeliver"].as_u64().unwrap_or(0);
        }
        sum
    }

    /// Waits until every confirmed image has its row, with `dead` given up, and the queues are
    /// empty; then asserts that nothing is lost, unexpected, doubled or counted twice, that no
    /// process panicked and none grew.
    ///
    /// # Panics
    /// When any of this is not so.
    pub async fn settle(&mut self, patience: Duration, dead: u64) -> Balance<ImageId> {
        let wanted = self.producer.ledger.confirmed();
        let found = tokio::time::timeout(patience, async {
            while self.count_rows().await as u64 + dead < wanted as u64
                || self.in_queues().await != Some(0)
            {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        if found.await.is_err() {
            let mut waiting = Vec::new();
            for stage in STAGES {
                waiting.push((stage, self.producer.depth(stage).await));
            }
            let rows = self.count_rows().await;
            panic!(
                "not quiet after {patience:?}: {rows} rows of {wanted}, waiting and dead {waiting:?}\n{}",
                self.last_words()
            );
        }
        let sums = self.sums().await;
        assert_eq!(sums.counted, [sums.images; 3], "runs, outcomes, days");
        assert_eq!(self.dead().await, dead, "given up\n{}", self.last_words());
        let rows = self.rows().await;
        let balance = self.producer.ledger.balance(rows);
        if dead == 0 {
            balance.assert_clean();
        } else {
            assert!(balance.unexpected.is_empty() && balance.duplicate.is_empty());
            assert_eq!(balance.lost.len() as u64, dead);
        }
        self.assert_sound();
        balance
    }

    /// No process panicked, and none uses more memory than it may.
    ///
    /// # Panics
    /// Otherwise.
    pub fn assert_sound(&self) {
        let living = self.running.iter().map(|running| running.process.output());
        for log in living.chain(self.logs.iter().cloned()) {
            assert!(!log.contains("panicked"), "{log}");
        }
        for running in &self.running {
            let usage = running.process.usage();
            let most = usage.peak_rss_bytes;
            assert!(most < RSS_MAX_BYTES, "{:?} used {} MiB", running.roles, most >> 20);
        }
    }

    /// The last lines of every process, for messages.
    pub fn last_words(&self) -> String {
        let living = self.running.iter().map(|r| (format!("{:?}", r.roles), r.process.output()));
        let last = living.map(|(roles, log)| {
            let lines: Vec<&str> = log.lines().collect();
            format!("{roles}\n{}", lines[lines.len().saturating_sub(12)..].join("\n"))
        });
        last.collect::<Vec<_>>().join("\n")
    }

    /// Waits until at least so many images have rows.
    ///
    /// # Panics
    /// After a minute.
    pub async fn has_rows(&self, count: usize) {
        let what = format!("{count} rows");
        eventually_within(Duration::from_secs(60), &what, async || {
            self.count_rows().await >= count
        })
        .await;
    }

    /// Waits until the queue of `stage` has so many waiting messages.
    ///
    /// # Panics
    /// After half a minute.
    pub async fn waits(&self, stage: &str, count: u64) {
        eventually(&format!("{count} messages wait for {stage}"), async || {
            self.producer.depth(stage).await.is_some_and(|(ready, _)| ready >= count)
        })
        .await;
    }
}
