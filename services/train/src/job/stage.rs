//! The stage: TrainingWanted -> a candidate in the library.

use super::{Job, JobError, NormalRecipe, Trainer, material};
use crate::fit::{Control, Progress, Report};
use crate::recipe::{Kind, Recipe};
use hydra_proto::PlotTypeName;
use hydra_proto::events::TrainingWanted;
use hydra_stage::{Done, Failure, Policy, Stage};
use hydra_store::release::By;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest job; a longer one is tried again and goes on from its checkpoint. Below the broker's
/// limit for an acknowledgement of half an hour, so that the message never comes back meanwhile.
const TURN: Duration = Duration::from_secs(25 * 60);

/// Trains one job at a time. A job that is interrupted goes on from its checkpoint.
pub struct Train {
    trainer: Trainer,
}

impl Train {
    /// A stage that writes candidates.
    pub fn new(trainer: Trainer) -> Self {
        Self { trainer }
    }

    async fn made(&self, event: TrainingWanted) -> Result<Done, Failure> {
        if let Ok(recipe) = serde_json::from_str::<NormalRecipe>(&event.recipe_json) {
            return self.normal(event, &recipe).await;
        }
        let mut event = event;
        if serde_json::from_str::<Suited>(&event.recipe_json).is_ok() {
            let names = names(&event).map_err(Failure::Refused)?;
            let material = material(&self.trainer.database, &names).await.map_err(failure)?;
            if material.others() < FEWEST_BADS {
                return self.normal(event, &NormalRecipe::default()).await;
            }
            let recipe = Recipe::suited(Kind::suited(&material), &material, 0);
            event.recipe_json = serde_json::to_string(&recipe).unwrap_or_default();
        }
        let job = job(&event).map_err(Failure::Refused)?;
        let cancel = Arc::new(AtomicBool::new(false));
        // the runner drops this future at the end of its time: the loop must then stop, too
        let _stop = StopOnDrop(cancel.clone());
        let id = job.id.clone();
        let report: Report = Arc::new(move |progress: &Progress| {
            tracing::debug!(job = id, epoch = progress.epoch, left_s = progress.left_s, "training");
        });
        let control = Control { cancel: Some(cancel), report: Some(report), ..Control::default() };
        let made = self.trainer.run(&job, control).await.map_err(failure)?;
        for one in &made {
            tracing::info!(job = job.id, model = %one.digest, plot_type = %one.learnt.plot_type,
                left_out = one.left_out.len(), "trained; it is a candidate");
        }
        Ok(Done::nothing())
    }

    async fn normal(&self, event: TrainingWanted, recipe: &NormalRecipe) -> Result<Done, Failure> {
        let names = names(&event).map_err(Failure::Refused)?;
        let by = By { who: event.who, why: event.why };
        let made = self.trainer.normal(&event.job_id, &names, recipe, true, &by).await;
        for one in &made.map_err(failure)? {
            tracing::info!(job = event.job_id, model = %one.digest, plot_type = %one.plot_type,
                "made; it is a candidate");
        }
        Ok(Done::nothing())
    }
}

struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Fewest plots that are not Good from which more is learnt than what is normal.
const FEWEST_BADS: usize = 10;

/// `{"kind":"suited"}`: whatever suits the labels.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suited {
    #[serde(rename = "kind")]
    _kind: SuitedKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SuitedKind {
    Suited,
}

fn names(event: &TrainingWanted) -> anyhow::Result<Vec<PlotTypeName>> {
    anyhow::ensure!(!event.plot_types.is_empty(), "the message names no plot type");
    Ok(event.plot_types.iter().map(|name| name.parse()).collect::<Result<_, _>>()?)
}

fn job(event: &TrainingWanted) -> anyhow::Result<Job> {
    let recipe: Recipe = serde_json::from_str(&event.recipe_json)?;
    anyhow::ensure!(!event.job_id.is_empty(), "the message has no job id");
    Ok(Job {
        id: event.job_id.clone(),
        plot_types: names(event)?,
        recipe,
        start: None,
        candidate: true,
        by: By { who: event.who.clone(), why: event.why.clone() },
    })
}

/// What cannot be trained will not get better by trying again.
fn failure(error: JobError) -> Failure {
    let unavailable = match &error {
        JobError::Blob(source) => source.is_transient(),
        JobError::Store(source) => source.is_transient(),
        _ => false,
    };
    match error.goes_on() {
        true if unavailable => Failure::Unavailable(error.into()),
        true => Failure::Failed(error.into()),
        false => Failure::Refused(error.into()),
    }
}

impl Stage for Train {
    const NAME: &'static str = "train";
    type In = TrainingWanted;

    fn policy(&self) -> Policy {
        Policy {
            timeout: TURN,
            attempts: 100,
            retry_delays: vec![Duration::from_secs(10)],
            ..Policy::default()
        }
    }

    async fn handle(&self, batch: Vec<TrainingWanted>) -> Vec<Result<Done, Failure>> {
        let mut settled = Vec::with_capacity(batch.len());
        for event in batch {
            settled.push(self.made(event).await);
        }
        settled
    }
}
