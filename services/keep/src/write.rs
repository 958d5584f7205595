//! A batch of messages -> a result each. One that the database refuses does not sink the rest.

use crate::{Keep, KeepIn, fact::Fact, rows};
use hydra_stage::{Done, Failure};
use hydra_store::{
    StoreError,
    entity::{dead_letter, heatmap},
    keeping::{Batch, Committed, NewImage, commit},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// After this time no further transaction is begun for a batch; what is left of it waits, so that
/// a slow database is not taken for a hang of ours.
const ENOUGH: Duration = Duration::from_secs(45);

/// A message as rows.
#[derive(Clone)]
enum Item {
    Image(Box<NewImage>),
    Heatmap(heatmap::Model),
    Dead(dead_letter::Model),
}

/// What came of a message. Messages of one transaction share its error.
#[derive(Clone)]
enum Outcome {
    New,
    Repeated,
    Failed(Arc<StoreError>),
}

/// Writes `messages`, in as few transactions as can be.
pub(crate) async fn all(keep: &Keep, messages: Vec<KeepIn>) -> Vec<Result<Done, Failure>> {
    let facts: Vec<Result<Fact, Failure>> = messages.into_iter().map(Fact::read).collect();
    let readable = || facts.iter().flatten();
    let names = readable().filter_map(Fact::plot_type).collect();
    let mut models = HashMap::new();
    for (digest, labels) in readable().flat_map(Fact::models) {
        // a heat map names no labels
        let known: &mut Vec<String> = models.entry(digest).or_default();
        if known.is_empty() {
            *known = labels;
        }
    }
    let known = match keep.cache.look_up(&keep.database, names, models).await {
        Ok(known) => known,
        Err(error) => {
            let error = Outcome::Failed(Arc::new(error));
            let all = facts.into_iter().map(|fact| fact.and_then(|_| result(error.clone())));
            return all.collect();
        }
    };
    let items: Vec<Result<Item, Failure>> = facts
        .into_iter()
        .map(|fact| {
            let item = match &fact? {
                Fact::Image(seen) => {
                    rows::image(seen, &known).map(|new| Item::Image(Box::new(new)))
                }
                Fact::Heatmap(map) => rows::heatmap(map, &known).map(Item::Heatmap),
                Fact::Buried(buried) => Ok(Item::Dead(rows::dead_letter(buried, &known))),
            };
            item.map_err(|error| failure(Arc::new(error)))
        })
        .collect();
    let outcomes = Writer::new(keep, &items).run().await;
    items
        .into_iter()
        .zip(outcomes)
        .map(|(item, outcome)| {
            item?;
            outcome.map_or_else(|| Ok(Done::nothing()), result)
        })
        .collect()
}

fn result(outcome: Outcome) -> Result<Done, Failure> {
    match outcome {
        Outcome::New => Ok(Done::nothing()),
        Outcome::Repeated => Ok(Done::duplicate()),
        Outcome::Failed(error) => Err(failure(error)),
    }
}

/// What must happen with a message that met this error.
fn failure(error: Arc<StoreError>) -> Failure {
    match *error {
        ref error_kind if error_kind.is_transient() => Failure::Unavailable(error.into()),
        StoreError::Value(_) | StoreError::Refused(_) => Failure::Refused(error.into()),
        _ => Failure::Failed(error.into()),
    }
}

/// Writes the items of a batch, part by part where they cannot be written together.
struct Writer<'a> {
    keep: &'a Keep,
    items: Vec<Option<&'a Item>>,
    outcomes: Vec<Option<Outcome>>,
}

impl<'a> Writer<'a> {
    fn new(keep: &'a Keep, items: &'a [Result<Item, Failure>]) -> Self {
        let items: Vec<_> = items.iter().map(|item| item.as_ref().ok()).collect();
        let outcomes = vec![None; items.len()];
        Self { keep, items, outcomes }
    }

    async fn run(mut self) -> Vec<Option<Outcome>> {
        let (rounds, copies) = self.rounds();
        let pace = &self.keep.pace;
        let most = pace.now();
        let parts = rounds.iter().flat_map(|round| round.chunks(most)).map(<[usize]>::to_vec);
        let mut parts: Vec<Vec<usize>> = parts.rev().collect();
        let begun = Instant::now();
        while let Some(part) = parts.pop() {
            if begun.elapsed() > ENOUGH {
                let error = Outcome::Failed(Arc::new(StoreError::Deadline(ENOUGH.as_secs())));
                self.set(&part, &error);
                continue;
            }
            let at = Instant::now();
            match commit(&self.keep.database, Arc::new(self.batch(&part))).await {
                Ok(done) => {
                    pace.committed(part.len(), at.elapsed());
                    self.written(&part, &done);
                }
                // one of them: halves, down to the one
                Err(StoreError::Value(_)) if part.len() > 1 => {
                    let (a, b) = part.split_at(part.len() / 2);
                    parts.extend([b.to_vec(), a.to_vec()]);
                }
                Err(error) => {
                    pace.failed(part.len(), &error);
                    let stop = error.is_transient();
                    let error = Outcome::Failed(Arc::new(error));
                    self.set(&part, &error);
                    if stop {
                        // the others would only wait for the same
                        parts.drain(..).for_each(|part| self.set(&part, &error));
                    }
                }
            }
        }
        for (copy, original) in copies {
            self.outcomes[copy] = match &self.outcomes[original] {
                Some(Outcome::Failed(error)) => Some(Outcome::Failed(error.clone())),
                _ => Some(Outcome::Repeated),
            };
        }
        self.outcomes
    }

    /// Parts in which each image is there once, and the copies that say nothing more (copy,
    /// original).
    fn rounds(&self) -> (Vec<Vec<usize>>, Vec<(usize, usize)>) {
        let (mut rounds, mut copies) = (Vec::<Vec<usize>>::new(), Vec::new());
        let mut seen = HashMap::<&[u8], (usize, usize, HashSet<i32>)>::new();
        for (index, item) in self.items.iter().enumerate() {
            let Some(item) = item else { continue };
            let mut round = 0;
            if let Item::Image(new) = item {
                let models: HashSet<i32> = new.predictions.iter().map(|p| p.model_id).collect();
                match seen.get_mut(new.image.id.as_slice()) {
                    Some((original, _, known)) if models.is_subset(known) => {
                        copies.push((index, *original));
                        continue;
                    }
                    Some((_, last, known)) => {
                        *last += 1;
                        round = *last;
                        known.extend(models);
                    }
                    None => {
                        seen.insert(&new.image.id, (index, 0, models));
                    }
                }
            }
            if rounds.len() <= round {
                rounds.resize(round + 1, Vec::new());
            }
            rounds[round].push(index);
        }
        (rounds, copies)
    }

    fn batch(&self, part: &[usize]) -> Batch {
        let mut batch = Batch::default();
        for item in part.iter().filter_map(|index| self.items[*index]) {
            match item {
                Item::Image(new) => batch.images.push((**new).clone()),
                Item::Heatmap(row) => batch.heatmaps.push(row.clone()),
                Item::Dead(row) => batch.dead_letters.push(row.clone()),
            }
        }
        batch
    }

    fn written(&mut self, part: &[usize], done: &Committed) {
        for index in part {
            let repeated = matches!(self.items[*index],
                Some(Item::Image(new)) if !done.changed.contains(&new.image.id));
            self.outcomes[*index] = Some(if repeated { Outcome::Repeated } else { Outcome::New });
        }
        for (outcome, images) in &done.outcomes {
            metrics::counter!("hydra_verdicts_total", "outcome" => outcome.clone())
                .increment(*images);
        }
        if done.alarms {
            self.keep.promised.notify_one();
        }
    }

    fn set(&mut self, part: &[usize], outcome: &Outcome) {
        part.iter().for_each(|index| self.outcomes[*index] = Some(outcome.clone()));
    }
}
