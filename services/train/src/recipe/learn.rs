//! The recipes themselves.

use super::deviations;
use super::embed::embed;
use super::embeddings::Embeddings;
use super::finish::{Figures, judge};
use super::guard::guards;
use super::images::{Feed, PlotSet, Prepared, STRIDE};
use super::said::Said;
use super::taught::Taught;
use super::{Kind, LearnError, Parent, Recipe};
use crate::align::Shown;
use crate::export;
use crate::fit::{Control, EpochFigures, FitItem, train};
use crate::graph::{Architecture, Graph, GraphError};
use crate::head::{Head, fit_head};
use crate::weights::Weights;
use burn::tensor::Device;
use hydra_model::Runtime;
use hydra_model::manifest::{PlotLayout, Seen};
use hydra_normality::NormalityModel;
use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label, PlotTypeName};
use ndarray::Array2;
use std::sync::Arc;

/// A trained network without what is a plot type's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Which graph.
    pub architecture: Architecture,
    /// What it reads.
    pub input: InputShape,
    /// What it is shown of a plot.
    pub shown: Shown,
    /// Outputs of its last layer.
    pub outputs: usize,
    /// Its numbers.
    pub weights: Weights,
}

impl Network {
    /// Its graph.
    ///
    /// # Errors
    /// Where the image is too small for it.
    pub fn graph(&self) -> Result<Graph, GraphError> {
        let graph = self.architecture.graph(self.input, self.outputs)?;
        Ok(graph.reading(self.shown.planes(self.input.channels)))
    }
}

/// The files of a model.
#[derive(Debug, Clone, PartialEq)]
pub enum Files {
    /// One file of the plot type's own.
    Network(Vec<u8>),
    /// A trunk that plot types share, and a head.
    TrunkAndHead {
        /// Pixels to features.
        trunk: Arc<Vec<u8>>,
        /// Features to logits.
        head: Vec<u8>,
    },
}

/// A model of one plot type, with all that is said of it.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// Its plot type.
    pub plot_type: PlotTypeName,
    /// In the order of its outputs.
    pub labels: Vec<Label>,
    /// What is served.
    pub files: Files,
    /// What it reads.
    pub input: InputShape,
    /// Kind of network, for people.
    pub architecture: &'static str,
    /// What others can go on from, where there is a network.
    pub network: Option<Arc<Network>>,
    /// The last layer.
    pub head: Head,
    /// The evaluation.
    pub figures: Figures,
    /// The model that it was made from.
    pub parent: Option<Parent>,
    /// What was trained on, from now on never to be tested on.
    pub trained: Vec<ImageId>,
    /// What judged, from now on never to be trained on.
    pub test: Vec<ImageId>,
    /// Share of Goods that its guard may call novel, where it has one (see `guard`).
    pub guard_rate: Option<f64>,
    /// How its plots were laid out, where the caller knows.
    pub layouts: Vec<PlotLayout>,
    /// The conditions that it was trained under, where the caller knows.
    pub conditions: Seen,
    /// Training images as the finished model sees them.
    pub taught: Vec<Taught>,
}

/// Makes a model for each of the plot types.
///
/// # Errors
/// See [`LearnError`]; there is no model then.
pub fn learn(
    sets: &[PlotSet<'_>],
    recipe: &Recipe,
    parent: Option<&Parent>,
    runtime: &Runtime,
    device: &Device,
    control: &Control,
) -> Result<Vec<Learnt>, LearnError> {
    let recipe = &with_parents_input(recipe, parent)?;
    if sets.is_empty() {
        return Err(LearnError::Recipe("no plot type to train for".into()));
    }
    let ready = sets.iter().map(|set| Prepared::new(set, recipe)).collect::<Result<Vec<_>, _>>()?;
    match (recipe.kind, parent) {
        (Kind::Transfer | Kind::Deviations, _) if recipe.synthetic > 0 => {
            let why = "synthetic images are for recipes that train a network (full or trunk)";
            Err(LearnError::Recipe(why.into()))
        }
        (Kind::Deviations, Some(_)) => {
            Err(LearnError::Recipe("what is normal is learnt from Goods, not from a parent".into()))
        }
        (Kind::Deviations, None) => {
            ready.iter().map(|set| deviations::learnt(set, recipe, runtime)).collect()
        }
        (Kind::Transfer, Some(parent)) => {
            let network = Arc::new(parent.network.clone());
            let folder = control.embeddings.as_deref();
            let mut kept =
                folder.map(|folder| Embeddings::of(&network, folder)).transpose()?.flatten();
            each(&ready, recipe, &network, Some(parent), runtime, |set, graph| {
                fitted(set, recipe, &network, graph, runtime, kept.as_mut())
            })
        }
        (Kind::Transfer, None) => {
            Err(LearnError::Recipe("a transfer needs a parent, whose trunk it takes".into()))
        }
        (Kind::Full | Kind::Trunk, _) => {
            let (network, places, epochs) = trained(&ready, recipe, parent, device, control)?;
            let network = Arc::new(network);
            let mut learnt = each(&ready, recipe, &network, parent, runtime, |set, graph| {
                let (first, count) =
                    places[ready.iter().position(|r| r.name == set.name).unwrap_or(0)];
                Ok((Head::of(graph, &network.weights, first..first + count)?, None))
            })?;
            learnt.iter_mut().for_each(|one| one.figures.epochs.clone_from(&epochs));
            Ok(learnt)
        }
    }
}

/// A child reads what its parent reads, where the parent's trunk stays as it is or goes on.
fn with_parents_input(recipe: &Recipe, parent: Option<&Parent>) -> Result<Recipe, LearnError> {
    let mut recipe = recipe.clone();
    if let Some(Parent { network, .. }) = parent {
        recipe.architecture = network.architecture;
        recipe.input = network.input;
        recipe.shown = network.shown;
    }
    if recipe.input.size_bytes() > 4096 * 4096 * 3 {
        return Err(LearnError::Recipe("an input of more than 4096x4096 pixels".into()));
    }
    Ok(recipe)
}

/// Where each plot type's outputs begin, and how many it has.
type Places = Vec<(usize, usize)>;

/// Siblings share their outputs; the plot types of a hall have their own.
fn places(ready: &[Prepared<'_>], kind: Kind) -> Result<(Places, usize), LearnError> {
    let count = |set: &Prepared<'_>| set.labels.labels().len();
    if kind == Kind::Trunk {
        let mut next = 0;
        let own = |set| {
            next += count(set);
            (next - count(set), count(set))
        };
        let places: Places = ready.iter().map(own).collect();
        return Ok((places, next));
    }
    let first = &ready[0];
    if let Some(other) = ready.iter().find(|set| set.labels != first.labels) {
        let listed = |set: &Prepared<'_>| {
            let names: Vec<&str> = set.labels.labels().iter().map(Label::as_str).collect();
            names.join(", ")
        };
        return Err(LearnError::Siblings {
            first: first.name.to_string(),
            second: other.name.to_string(),
            what: format!("{}; {}", listed(first), listed(other)),
        });
    }
    Ok((vec![(0, count(first)); ready.len()], count(first)))
}

/// Runs the loop.
fn trained(
    ready: &[Prepared<'_>],
    recipe: &Recipe,
    parent: Option<&Parent>,
    device: &Device,
    control: &Control,
) -> Result<(Network, Places, Vec<EpochFigures>), LearnError> {
    let (places, outputs) = places(ready, recipe.kind)?;
    let graph = recipe.architecture.graph(recipe.input, outputs)?;
    let graph = graph.reading(recipe.shown.planes(recipe.input.channels));
    let mut start = Weights::random(&graph, recipe.fit.seed);
    if let Some(parent) = parent {
        let same = parent.network.outputs == outputs && recipe.kind == Kind::Full;
        start.adopt(&graph, &parent.network.weights, same)?;
    }
    let items = |part: &dyn Fn(&Prepared<'_>) -> Vec<usize>| -> Vec<FitItem> {
        let of_set = |(at, set): (usize, &Prepared<'_>)| {
            let item = |i: &usize| {
                let one = &set.labelled[*i];
                let image = at * STRIDE + one.example;
                FitItem { image, outputs: places[at], class: one.class, weight: one.weight }
            };
            part(set).iter().map(item).collect::<Vec<_>>()
        };
        ready.iter().enumerate().flat_map(of_set).collect()
    };
    let mut training = items(&|set| set.split.train.clone());
    for (at, set) in ready.iter().enumerate() {
        let (real, outputs) = (set.data.examples().len(), places[at]);
        let (class, weight) = (set.synthetic.class, set.synthetic.weight);
        training.extend((0..set.synthetic.count()).map(|k| {
            let image = at * STRIDE + real + k;
            FitItem { image, outputs, class, weight }
        }));
    }
    let validation = items(&|set| set.split.validation.clone());
    let control = Control { images: identity(ready), ..control.clone() };
    let feed = Feed { graph: &graph, shown: recipe.shown, sets: ready };
    let sides = (training.as_slice(), validation.as_slice());
    let mut settings = recipe.fit.clone();
    // a loss on some of the classes does not tell which epoch is best
    settings.early_stopping &= ready.iter().all(Prepared::validates_all);
    let trained = train(&graph, &start, &feed, sides, &settings, device, &control)?;
    let network = Network {
        architecture: recipe.architecture,
        input: recipe.input,
        shown: recipe.shown,
        outputs,
        weights: trained.weights,
    };
    Ok((network, places, trained.epochs))
}

/// Hash over which images they are.
fn identity(ready: &[Prepared<'_>]) -> String {
    let mut text = String::new();
    for set in ready {
        text.push_str(set.name.as_str());
        for one in &set.labelled {
            text.push_str(&set.data.examples()[one.example].content.to_string());
        }
    }
    ContentHash::of(text.as_bytes()).to_string()
}

/// A head, and where it was fitted to embeddings those of each labelled image.
type Headed = (Head, Option<Vec<Vec<f32>>>);

/// A head by L-BFGS on the embeddings of the training part.
fn fitted(
    set: &Prepared<'_>,
    recipe: &Recipe,
    network: &Network,
    graph: &Graph,
    runtime: &Runtime,
    kept: Option<&mut Embeddings>,
) -> Result<Headed, LearnError> {
    let (count, features) = (set.labels.labels().len(), graph.feature_count());
    let file = match &set.reference {
        None => export::trunk(graph, &network.weights, &[])?,
        Some(reference) => {
            let zero = Head { weight: vec![0.0; count * features], bias: vec![0.0; count] };
            let reference = Some((reference, network.shown));
            export::aligned_classifier(graph, &network.weights, &zero, reference, &[])?
        }
    };
    let embedded = embed(runtime, &file, network.input, set, kept)?;
    let train = &set.split.train;
    let rows: Vec<f32> = train.iter().flat_map(|i| &embedded[*i]).copied().collect();
    let rows = Array2::from_shape_vec((train.len(), features), rows)
        .expect("every image has as many features");
    let classes: Vec<usize> = train.iter().map(|i| set.labelled[*i].class).collect();
    let weights: Vec<f32> = train.iter().map(|i| set.labelled[*i].weight).collect();
    let head = fit_head(rows.view(), &classes, &weights, count, recipe.head)?;
    Ok((head, Some(embedded)))
}

/// Judges and writes each plot type's model.
fn each(
    ready: &[Prepared<'_>],
    recipe: &Recipe,
    network: &Arc<Network>,
    parent: Option<&Parent>,
    runtime: &Runtime,
    mut head_of: impl FnMut(&Prepared<'_>, &Graph) -> Result<Headed, LearnError>,
) -> Result<Vec<Learnt>, LearnError> {
    let graph = network.graph()?;
    let shared = match (recipe.kind, network.shown.aligns()) {
        (Kind::Full, _) | (_, true) => None,
        _ => Some(Arc::new(export::trunk(&graph, &network.weights, &[])?)),
    };
    let weights = ContentHash::of(&network.to_bytes()).to_string();
    let guards = match &shared {
        None => guards(ready, recipe.kind, network.input)?,
        // a head sees no pixels
        Some(_) => vec![None; ready.len()],
    };
    let one =
        |(set, guard): (&Prepared<'_>, Option<NormalityModel>)| -> Result<Learnt, LearnError> {
            let (head, embedded) = head_of(set, &graph)?;
            let reference = set.reference.as_ref().map(|r| (r, network.shown));
            let whole =
                export::aligned_classifier(&graph, &network.weights, &head, reference, &[])?;
            let said = match embedded {
                Some(embedded) => Said::by_head(&head, &embedded, set),
                None => Said::by_file(runtime, &whole, network.input, set, head.features())?,
            };
            let mut one = concluded(set, said, head, recipe, network.input);
            one.figures.weights = Some(weights.clone());
            one.architecture = network.architecture.name();
            one.files = match &shared {
                None => Files::Network(match &guard {
                    None => whole,
                    Some(guard) => guard.guard(&whole)?,
                }),
                Some(trunk) => Files::TrunkAndHead {
                    trunk: trunk.clone(),
                    head: export::head_alone(&one.head, graph.feature_count(), &[])?,
                },
            };
            one.network = Some(network.clone());
            one.parent = parent.cloned();
            one.guard_rate = guard.map(|guard| guard.false_alarm_rate);
            Ok(one)
        };
    ready.iter().zip(guards).map(one).collect()
}

/// How good is what a model says of validation and test.
pub(super) fn concluded(
    set: &Prepared<'_>,
    said: Said,
    head: Head,
    recipe: &Recipe,
    input: InputShape,
) -> Learnt {
    let mut figures = judge(set, &said.validation, &said.test, recipe.thresholds, recipe.fit.seed);
    figures.recipe = serde_json::to_value(recipe).unwrap_or_default();
    let ids = |which: &[usize]| {
        let of = |i: &usize| set.data.examples()[set.labelled[*i].example].image;
        which.iter().map(of).collect::<Vec<_>>()
    };
    Learnt {
        plot_type: set.name.clone(),
        labels: set.labels.labels().to_vec(),
        files: Files::Network(Vec::new()),
        input,
        architecture: "",
        network: None,
        head,
        figures,
        parent: None,
        trained: [ids(&set.split.train), ids(&set.split.validation)].concat(),
        test: ids(&set.split.test),
        guard_rate: None,
        layouts: Vec::new(),
        conditions: Seen::default(),
        taught: said.taught,
    }
}
