//! The stage: questions out, verdicts back.

use crate::{
    InferConfig, Serving,
    chunk::{self, Bench, Raw, Trouble},
    questions::{self, Asked, Question, chunks},
    verdict::{self, Strange},
};
use hydra_blobs::Blobs;
use hydra_model::{Library, Models, ModelsConfig, Purpose, Runtime, WorkLost, Workers};
use hydra_proto::{
    events::{HeatmapWanted, ImageInferred, ImageResized, ModelRole, Pixels, Prediction},
    registry::Registry,
};
use hydra_stage::{Done, Failure, Health, Outgoing, Policy, Stage};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// The stage.
pub struct Infer {
    serving: Arc<Serving>,
    registry: watch::Receiver<Arc<Registry>>,
    workers: Workers<Bench>,
    blobs: Blobs,
    config: InferConfig,
}

impl Infer {
    /// A stage with `threads` networks running at once (0 is one a core). Troubles with models
    /// are told to `health`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(
        library: Library,
        runtime: &Runtime,
        registry: watch::Receiver<Arc<Registry>>,
        threads: usize,
        health: Health,
    ) -> std::io::Result<Self> {
        let config = InferConfig { threads, ..InferConfig::default() };
        Self::with_config(library, runtime, registry, config, health)
    }

    /// [`Self::new`] with everything that can be set.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn with_config(
        library: Library,
        runtime: &Runtime,
        registry: watch::Receiver<Arc<Registry>>,
        config: InferConfig,
        health: Health,
    ) -> std::io::Result<Self> {
        let workers = Workers::start(config.workers(), runtime)?;
        let blobs = library.blobs().clone();
        let models = Models::new(
            library,
            runtime.clone(),
            ModelsConfig {
                purpose: Purpose::Judge,
                sessions: config.threads(),
                budget_bytes: config.models_memory_mb << 20,
                retry_after: Duration::from_secs(config.model_retry_s),
            },
        );
        let now = registry.borrow().clone();
        let serving = Arc::new(Serving::new(Arc::new(models), now, config.preload_models, health));
        Ok(Self { serving, registry, workers, blobs, config })
    }

    /// Comes back when so many threads hang that only a new process helps; with how many.
    pub fn gave_up(&self) -> impl Future<Output = u32> + Send + use<> {
        self.workers.gave_up()
    }

    /// Loads the first models, then keeps up with the registry. Run it beside the stage; without
    /// it, the stage serves what the registry said at its start.
    pub fn keep_up(&self) -> impl Future<Output = ()> + Send + use<> {
        let (serving, registry) = (self.serving.clone(), self.registry.clone());
        async move { serving.follow(registry).await }
    }

    /// What serves now.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// The models in memory.
    pub fn models(&self) -> Arc<Models> {
        self.serving.shared_models()
    }

    /// Runs all questions; an answer for each, in their order.
    async fn answers(&self, questions: &[Question]) -> Vec<Result<Raw, Trouble>> {
        let lost = || Trouble::Network("the network gave no answer".into());
        let mut answers: Vec<Result<Raw, Trouble>> =
            questions.iter().map(|_| Err(lost())).collect();
        let jobs = chunks(questions, self.config.batch, self.workers.threads()).into_iter();
        let jobs = jobs.map(|chunk| {
            let asked: Vec<usize> =
                chunk.pictures.iter().flat_map(|p| p.askers.iter().map(|(n, _)| *n)).collect();
            let work = self.workers.run(move |worker| chunk::run(worker, chunk));
            async move { (asked, work.await) }
        });
        for (asked, found) in futures::future::join_all(jobs).await {
            match found {
                Ok(found) => found.into_iter().for_each(|(number, raw)| answers[number] = raw),
                Err(lost) => {
                    for number in asked {
                        answers[number] = Err(trouble(&lost));
                    }
                }
            }
        }
        self.forget_lost(questions, &answers);
        answers
    }

    /// Models whose sessions went with hanging threads are loaded again by the next image.
    fn forget_lost(&self, questions: &[Question], answers: &[Result<Raw, Trouble>]) {
        for (question, answer) in questions.iter().zip(answers) {
            if let Err(Trouble::Lost(_)) = answer {
                self.serving.models().forget(&question.model.digest);
            }
        }
    }
}

fn trouble(lost: &WorkLost) -> Trouble {
    Trouble::Network(lost.to_string())
}

impl Stage for Infer {
    const NAME: &'static str = "infer";
    type In = ImageResized;

    fn policy(&self) -> Policy {
        Policy {
            batch: self.config.batch.max(1),
            // one more than threads: while its verdicts are being confirmed, networks run
            concurrency: self.workers.threads() + 1,
            timeout: self.config.workers().hang * 6,
            ..Policy::default()
        }
    }

    async fn handle(&self, batch: Vec<ImageResized>) -> Vec<Result<Done, Failure>> {
        let mut questions = Vec::with_capacity(batch.len());
        let mut asked = Vec::with_capacity(batch.len());
        for (index, event) in batch.iter().enumerate() {
            let ask = questions::ask(event, index, &self.serving, &self.blobs, &mut questions);
            asked.push(ask.await);
        }
        let answers = self.answers(&questions).await;
        let mut answered = questions.into_iter().zip(answers);
        let mut results = Vec::with_capacity(batch.len());
        for (event, asked) in batch.into_iter().zip(asked) {
            results.push(match asked {
                Ok(Asked::Models(count)) => {
                    let own: Vec<_> = answered.by_ref().take(count).collect();
                    judged(event, own, self.config.embeddings)
                }
                Ok(Asked::Nobody(reason)) => Ok(done(event, Vec::new(), None, reason)),
                Err(failure) => Err(failure),
            });
        }
        results
    }
}

/// The events that follow from what the models gave for one image.
fn judged(
    event: ImageResized,
    answers: Vec<(Question, Result<Raw, Trouble>)>,
    embeddings: bool,
) -> Result<Done, Failure> {
    let mut predictions = Vec::with_capacity(answers.len());
    let (mut wanted, mut bad) = (None, false);
    for (question, answer) in answers {
        let Question { role, release, bad_labels, model, source, .. } = question;
        let manifest = &model.manifest;
        let predicted = answer.map_err(failure).and_then(|raw| {
            let strange = Strange::to(manifest, &event);
            let prediction = verdict::of(manifest, &release, role, &raw, strange, embeddings);
            prediction.map_err(|error| Failure::Failed(error.into()))
        });
        let prediction = match predicted {
            Ok(prediction) => prediction,
            // a candidate in trouble must not cost the shift its verdict
            Err(failure) if role == ModelRole::Candidate => {
                let reason = failure.chain();
                tracing::warn!(model = %release.model, reason, "the candidate failed");
                metrics::counter!("hydra_candidates_skipped_total").increment(1);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        count(&prediction);
        let alarms = verdict::alarms(&prediction, &bad_labels);
        if verdict::wants_a_map(manifest, &prediction, alarms) {
            wanted = Some(map_wanted(&event, &prediction, source));
        }
        bad |= alarms;
        predictions.push(prediction);
    }
    let done = done(event, predictions, wanted, "");
    Ok(if bad { done.notable() } else { done })
}

/// What is wrong with the message is refused; what is wrong with the network may go better.
fn failure(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Pixels(_) => Failure::Refused(trouble.into()),
        Trouble::Network(_) | Trouble::Lost(_) => Failure::Failed(trouble.into()),
    }
}

fn map_wanted(
    event: &ImageResized,
    prediction: &Prediction,
    source: chunk::Source,
) -> HeatmapWanted {
    let pixels: Option<Pixels> = match source {
        chunk::Source::Packed(pixels) => Some(pixels),
        chunk::Source::Original(_) => None,
    };
    HeatmapWanted {
        image: event.image.clone(),
        model: prediction.model.clone(),
        label: prediction.label.clone(),
        pixels,
    }
}

fn done(
    event: ImageResized,
    predictions: Vec<Prediction>,
    wanted: Option<HeatmapWanted>,
    reason: &str,
) -> Done {
    let inferred = ImageInferred {
        image: event.image,
        width: event.width,
        height: event.height,
        thumbnail: event.thumbnail,
        predictions,
        no_verdict_reason: reason.to_owned(),
        data: event.sight.map(|sight| sight.data).unwrap_or_default(),
    };
    let mut outgoing = vec![Outgoing::of(&inferred)];
    outgoing.extend(wanted.as_ref().map(Outgoing::of));
    Done::with(outgoing)
}

fn count(prediction: &Prediction) {
    if prediction.role() == ModelRole::Active {
        let state = prediction.state().as_str_name();
        metrics::counter!("hydra_verdicts_total", "state" => state).increment(1);
    }
}
