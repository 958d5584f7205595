//! The loop itself.

use super::batch::{self, Batch, FitItem, Frame, Images, balanced, mixed, order};
use super::checkpoint::{Checkpoint, State};
use super::optimiser::Optimising;
use super::progress::{EpochFigures, Progress};
use super::{FitSettings, TrainError};
use crate::graph::Graph;
use crate::net::{Net, Value};
use crate::weights::Weights;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};
use hydra_proto::ContentHash;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Told how far a training is.
pub type Report = Arc<dyn Fn(&Progress) + Send + Sync>;

/// What the outside may see and do while a training runs.
#[derive(Clone, Default)]
pub struct Control {
    /// Set to end the training after the step under way.
    pub cancel: Option<Arc<AtomicBool>>,
    /// Told after every step.
    pub report: Option<Report>,
    /// Where the training is kept, and taken up again; nowhere if absent.
    pub checkpoint: Option<PathBuf>,
    /// How often at most, beside the ends of epochs; a minute if absent.
    pub checkpoint_every: Option<Duration>,
    /// Folder in which embeddings by a parent's trunk are kept from one training to the next;
    /// nowhere if absent.
    pub embeddings: Option<PathBuf>,
    /// Goes into the identity of the training, beside settings, network and items: what the
    /// images are.
    pub images: String,
}

/// What came of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The weights of the best epoch.
    pub weights: Weights,
    /// Every epoch in order.
    pub epochs: Vec<EpochFigures>,
    /// Index of the best.
    pub best_epoch: usize,
    /// Training images a second, since start or resumption; 0 where nothing was left to do.
    pub images_per_s: f64,
}

/// Trains from `start`, watching `validation` to know when to stop. The best weights by
/// validation loss are the result.
///
/// # Errors
/// See [`TrainError`].
pub fn train(
    graph: &Graph,
    start: &Weights,
    images: &dyn Images,
    (training, validation): (&[FitItem], &[FitItem]),
    settings: &FitSettings,
    device: &Device,
    control: &Control,
) -> Result<Trained, TrainError> {
    settings.check()?;
    if training.len() < 2 || validation.is_empty() {
        return Err(TrainError::NoImages {
            training: training.len(),
            validation: validation.len(),
        });
    }
    let tracked = device.clone().autodiff();
    let mut run = Run {
        graph,
        images,
        training,
        validation,
        weights: balanced(training, settings.class_balance),
        validation_weights: balanced(validation, settings.class_balance),
        settings,
        tracked: &tracked,
        plain: device,
        control,
        net: Net::new(graph, start, &tracked)?,
        optimiser: Optimising::new(settings.optimiser, settings.weight_decay),
        state: State::default(),
        best: None,
        pace: Pace::default(),
        saved: Instant::now(),
    };
    run.state.training = run.identity(start);
    run.resume()?;
    run.epochs()
}

struct Run<'a> {
    graph: &'a Graph,
    images: &'a dyn Images,
    training: &'a [FitItem],
    validation: &'a [FitItem],
    weights: Vec<f32>,
    validation_weights: Vec<f32>,
    settings: &'a FitSettings,
    tracked: &'a Device,
    plain: &'a Device,
    control: &'a Control,
    net: Net,
    optimiser: Optimising,
    state: State,
    best: Option<Weights>,
    pace: Pace,
    saved: Instant,
}

impl Run<'_> {
    /// Hash over all that decides the result.
    fn identity(&self, start: &Weights) -> String {
        let mut text = format!(
            "{:?} {:?} {} {}",
            self.settings,
            self.graph.input,
            self.graph.planes(),
            self.control.images
        );
        for (name, array) in start.iter() {
            let sum: f64 = array.data.iter().map(|v| f64::from(*v)).sum();
            text.push_str(&format!(" {name}{:?}{sum:e}", array.shape));
        }
        text.push_str(&format!("{:?}{:?}", self.training, self.validation));
        ContentHash::of(text.as_bytes()).to_string()
    }

    fn resume(&mut self) -> Result<(), TrainError> {
        let Some(path) = &self.control.checkpoint else { return Ok(()) };
        let Some(found) = Checkpoint::load(path, &self.state.training)? else { return Ok(()) };
        self.net = Net::new(self.graph, &found.weights, self.tracked)?;
        self.optimiser.restore(found.state.optimiser_steps, &found.moments, self.plain);
        tracing::info!(epoch = found.state.epochs.len() + 1, step = found.state.step, "resumed");
        self.state = found.state;
        self.best = found.best;
        Ok(())
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let Some(path) = &self.control.checkpoint else { return Ok(()) };
        let (steps, moments) = self.optimiser.state();
        self.state.optimiser_steps = steps;
        let checkpoint = Checkpoint {
            state: self.state.clone(),
            weights: self.net.weights(),
            best: self.best.clone(),
            moments,
        };
        checkpoint.save(path)?;
        self.saved = Instant::now();
        Ok(())
    }

    fn epochs(mut self) -> Result<Trained, TrainError> {
        while self.state.epochs.len() < self.settings.epochs && !self.exhausted() {
            let training_loss = self.epoch()?;
            let figures = self.validated(training_loss)?;
            let best = self.state.best_epoch.map(|at| self.state.epochs[at].validation_loss);
            let better = best.is_none_or(|best| figures.validation_loss < best);
            if better || !self.settings.early_stopping {
                self.state.best_epoch = Some(self.state.epochs.len());
                self.best = Some(self.net.weights());
            }
            self.state.epochs.push(figures);
            (self.state.step, self.state.loss_sum) = (0, 0.0);
            tracing::info!(epoch = self.state.epochs.len(), ?figures, "epoch ended");
            self.save()?;
        }
        let best_epoch = self.state.best_epoch.unwrap_or(0);
        Ok(Trained {
            weights: self.best.unwrap_or_else(|| self.net.weights()),
            epochs: self.state.epochs,
            best_epoch,
            images_per_s: self.pace.overall(),
        })
    }

    /// Whether the best epoch lies too far back.
    fn exhausted(&self) -> bool {
        let best = self.state.best_epoch.unwrap_or(0);
        let since = self.state.epochs.len().saturating_sub(best + 1);
        self.settings.early_stopping
            && !self.state.epochs.is_empty()
            && since >= self.settings.patience.max(1)
    }

    /// One pass over the training images; gives the mean loss.
    fn epoch(&mut self) -> Result<f64, TrainError> {
        let epoch = self.state.epochs.len();
        let batches = order(self.training.len(), self.settings.batch, self.settings.seed, epoch);
        while self.state.step < batches.len() {
            let step = self.state.step;
            let done = epoch as f64 + step as f64 / batches.len() as f64;
            let largest = self.settings.learning_rate;
            let rate = self.settings.schedule.rate(largest, done, self.settings.epochs);
            let started = Instant::now();
            let loss = self.step(&batches[step], epoch, rate)?;
            if !loss.is_finite() {
                let (epoch, step) = (epoch + 1, step + 1);
                return Err(TrainError::NotANumber { epoch, step, learning_rate: rate });
            }
            self.state.step += 1;
            self.state.loss_sum += loss;
            self.pace.took(batches[step].len(), started.elapsed());
            self.report(epoch, &batches);
            if self.control.cancel.as_ref().is_some_and(|c| c.load(Ordering::Relaxed)) {
                self.save()?;
                return Err(TrainError::Cancelled { epoch: epoch + 1 });
            }
            let every = self.control.checkpoint_every.unwrap_or(Duration::from_secs(60));
            if self.saved.elapsed() >= every {
                self.save()?;
            }
        }
        Ok(self.state.loss_sum / batches.len() as f64)
    }

    fn step(&mut self, which: &[usize], epoch: usize, rate: f64) -> Result<f64, TrainError> {
        let chance = mixed(&[self.settings.seed, 2, epoch as u64]);
        let frame = self.frame(self.tracked);
        let batch =
            batch::load(self.images, self.training, &self.weights, which, &frame, Some(chance))?;
        let step = self.state.step as u64;
        let mut dropout = ChaCha8Rng::seed_from_u64(mixed(&[chance, 3, step]));
        let mut wanted = vec![self.graph.logits];
        wanted.extend(self.graph.auxiliary);
        let outputs = self.net.forward(batch.input, &wanted, Some(&mut dropout));
        let losses = outputs.into_iter().map(|o| loss(o, &batch.targets, &batch.mask));
        let total = losses
            .zip([1.0, self.settings.auxiliary])
            .map(|(loss, weight)| loss.mul_scalar(weight))
            .reduce(|a, b| a + b)
            .expect("a graph has logits");
        let value = f64::from(scalar(&total));
        if value.is_finite() {
            let mut gradients = total.backward();
            self.optimiser.step(&mut self.net, &mut gradients, rate);
        }
        Ok(value)
    }

    fn validated(&self, training_loss: f64) -> Result<EpochFigures, TrainError> {
        let net = Net::new(self.graph, &self.net.weights(), self.plain).map_err(|error| {
            tracing::warn!(%error, "weights are no numbers");
            TrainError::NotANumber {
                epoch: self.state.epochs.len() + 1,
                step: self.state.step,
                learning_rate: self.settings.learning_rate,
            }
        })?;
        let frame = self.frame(self.plain);
        let all: Vec<usize> = (0..self.validation.len()).collect();
        let (mut sum, mut right) = (0.0, 0usize);
        for which in all.chunks(self.settings.batch) {
            let Batch { input, targets, mask, classes, .. } = batch::load(
                self.images,
                self.validation,
                &self.validation_weights,
                which,
                &frame,
                None,
            )?;
            let logits = net.forward::<ChaCha8Rng>(input, &[self.graph.logits], None).remove(0);
            let values: Vec<f32> =
                logits.clone().flat().try_into_vec_as().expect("logits are float32");
            sum += f64::from(scalar(&loss(logits, &targets, &mask))) * which.len() as f64;
            right += classes
                .iter()
                .zip(values.chunks_exact(self.graph.outputs()))
                .filter(|((first, count, class), row)| {
                    let own = &row[*first..first + count];
                    (0..*count).max_by(|a, b| own[*a].total_cmp(&own[*b])) == Some(*class)
                })
                .count();
        }
        let count = self.validation.len() as f64;
        let figures = EpochFigures {
            training_loss,
            validation_loss: sum / count,
            validation_accuracy: right as f64 / count,
        };
        if figures.validation_loss.is_finite() {
            return Ok(figures);
        }
        Err(TrainError::NotANumber {
            epoch: self.state.epochs.len() + 1,
            step: self.state.step,
            learning_rate: self.settings.learning_rate,
        })
    }

    fn frame<'d>(&'d self, device: &'d Device) -> Frame<'d> {
        let (settings, outputs) = (self.settings, self.graph.outputs());
        Frame { input: &self.graph.input, planes: self.graph.planes(), outputs, settings, device }
    }

    fn report(&self, epoch: usize, batches: &[Vec<usize>]) {
        let Some(report) = &self.control.report else { return };
        let an_epoch: usize = batches.iter().map(Vec::len).sum();
        let now: usize = batches[..self.state.step].iter().map(Vec::len).sum();
        let images = (epoch * an_epoch + now) as u64;
        let images_wanted = (self.settings.epochs * an_epoch) as u64;
        let images_per_s = self.pace.lately();
        report(&Progress {
            epoch: epoch + 1,
            epochs: self.settings.epochs,
            images,
            images_wanted,
            images_per_s,
            left_s: (images_wanted - images) as f64 / images_per_s.max(1e-9),
            training_loss: self.state.loss_sum / self.state.step.max(1) as f64,
            validation_loss: self.state.epochs.last().map(|e| e.validation_loss),
        });
    }
}

/// Mean cross-entropy with the targets, over the labels that the mask leaves.
fn loss(logits: Value, targets: &Tensor<2>, mask: &Tensor<2>) -> Tensor<1> {
    let log_p = log_softmax(logits.flat() + mask.clone(), 1);
    let images = targets.dims()[0] as f64;
    (log_p * targets.clone()).sum().mul_scalar(-1.0 / images)
}

fn scalar(tensor: &Tensor<1>) -> f32 {
    let values: Vec<f32> = tensor.clone().inner().try_into_vec_as().expect("a loss is float32");
    values.first().copied().unwrap_or(f32::NAN)
}

/// How fast it goes.
#[derive(Default)]
struct Pace {
    recent: VecDeque<(usize, Duration)>,
    images: usize,
    took: Duration,
}

impl Pace {
    fn took(&mut self, images: usize, took: Duration) {
        self.recent.push_back((images, took));
        if self.recent.len() > 20 {
            self.recent.pop_front();
        }
        self.images += images;
        self.took += took;
    }

    fn lately(&self) -> f64 {
        let (images, took) =
            self.recent.iter().fold((0, Duration::ZERO), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        images as f64 / took.as_secs_f64().max(1e-9)
    }

    fn overall(&self) -> f64 {
        if self.images == 0 { 0.0 } else { self.images as f64 / self.took.as_secs_f64().max(1e-9) }
    }
}
