//! Follows the rows that `keep` commits, as the pages do, and keeps the newest of each plot type.

use crate::demo::{
    table::Row,
    truth::{Tally, Truths},
};
use hydra_proto::events::VerdictState;
use hydra_store::{
    Database, StoreError, now_us,
    read::{self, Seen},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Rows read at once.
const PIECE: u64 = 500;

/// What was seen since the beginning.
pub struct Follower {
    database: Database,
    names: HashMap<i32, String>,
    commits: i64,
    newest: BTreeMap<i32, Seen>,
    /// Images with a row.
    pub images: u64,
    /// Images with a verdict of an active model.
    pub verdicts: u64,
    /// Verdicts that ask for attention.
    pub notable: u64,
    /// Heat maps.
    pub heatmaps: u64,
    /// Verdicts against what the plots are.
    pub tally: Tally,
    truths: Arc<Truths>,
}

impl Follower {
    /// Begins at what is committed now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(database: Database, truths: Arc<Truths>) -> Result<Self, StoreError> {
        let commits = read::progress(&database).await?.commits;
        let declared = read::declared(&database).await?;
        let names = declared.plot_types.iter().map(|row| (row.id, row.name.to_string())).collect();
        let (images, verdicts, notable, heatmaps) = (0, 0, 0, 0);
        let newest = BTreeMap::new();
        let tally = Tally::default();
        Ok(Self {
            database,
            names,
            commits,
            newest,
            images,
            verdicts,
            notable,
            heatmaps,
            tally,
            truths,
        })
    }

    /// Reads what was committed since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn catch_up(&mut self) -> Result<(), StoreError> {
        let target = read::progress(&self.database).await?.commits;
        while self.commits < target {
            let fresh = read::fresh(&self.database, self.commits, target, PIECE).await?;
            self.commits = fresh.upto;
            self.heatmaps += fresh.heatmaps.len() as u64;
            for seen in fresh.images {
                self.images += 1;
                self.verdicts += u64::from(seen.said.is_some());
                self.notable += u64::from(is_notable(&seen));
                self.count(&seen);
                self.newest.insert(seen.plot_type_id, seen);
            }
        }
        Ok(())
    }

    fn count(&mut self, seen: &Seen) {
        let name = self.names.get(&seen.plot_type_id).cloned().unwrap_or_default();
        if let (Some(_), Some(chunk)) = (&seen.said, seen.chunk)
            && let Some(fault) = self.truths.of(&(name, seen.run, chunk))
        {
            self.tally.add(fault, is_notable(seen));
        }
    }

    /// A row for every plot type that was seen.
    pub fn rows(&self) -> Vec<Row> {
        let now = now_us();
        self.newest.values().map(|seen| self.row(seen, now)).collect()
    }

    fn row(&self, seen: &Seen, now_us: i64) -> Row {
        let name = self.names.get(&seen.plot_type_id);
        Row {
            plot_type: name.cloned().unwrap_or_else(|| format!("#{}", seen.plot_type_id)),
            verdict: verdict(seen),
            confidence: seen.said.as_ref().map(|said| said.confidence),
            run_chunk: match seen.chunk {
                Some(chunk) => format!("{}.{chunk}", seen.run),
                None => seen.run.to_string(),
            },
            age_s: Some((now_us - seen.arrived_us).max(0) as f64 / 1e6),
            notable: is_notable(seen),
        }
    }
}

fn is_notable(seen: &Seen) -> bool {
    seen.said
        .as_ref()
        .is_some_and(|said| said.label != "Good" || said.state != VerdictState::Confirmed)
}

fn verdict(seen: &Seen) -> String {
    match &seen.said {
        None if seen.reason.is_empty() => "No model".to_owned(),
        None => seen.reason.clone(),
        Some(said) => match said.state {
            VerdictState::Confirmed => said.label.clone(),
            VerdictState::Unconfirmed => format!("{}, unconfirmed", said.label),
            VerdictState::Novel if said.note.is_empty() => "Novel".to_owned(),
            VerdictState::Novel => format!("Novel: {}", said.note),
        },
    }
}
