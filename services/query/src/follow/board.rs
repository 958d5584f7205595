//! The present state of the hall, in memory: what cards, incidents and the head of a page show.
//!
//! A [`Board`] never changes. The follower makes the next one from it and swaps it in, so that
//! whoever reads sees one moment, and no request for the present touches the database.

use super::card;
use crate::api;
use hydra_store::{
    PlotTypeState,
    read::{
        BuriedMark, Declared, Fresh, ModelRow, PlotTypeRow, Progress, RunRow, Seen, SequenceRow,
    },
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Verdicts in the strip of a card.
pub const STRIP: usize = 20;

/// One plot type now.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What was declared of it.
    pub row: Arc<PlotTypeRow>,
    /// Its newest images, oldest first.
    pub strip: Vec<Arc<Seen>>,
    /// Its open sequence of Bad.
    pub incident: Option<SequenceRow>,
    /// The newest message about it that was given up.
    pub buried: Option<BuriedMark>,
}

impl Cell {
    /// Its newest image.
    pub fn latest(&self) -> Option<&Arc<Seen>> {
        self.strip.last()
    }

    /// Puts an image at its place in time; whether the strip is another now.
    fn add(&mut self, seen: Seen) -> bool {
        let place = (seen.taken_us, seen.id);
        let at = self.strip.partition_point(|other| (other.taken_us, other.id) < place);
        if self.strip.get(at).is_some_and(|other| other.id == seen.id) {
            return false;
        }
        if self.strip.len() == STRIP && at == 0 {
            return false;
        }
        self.strip.insert(at, Arc::new(seen));
        if self.strip.len() > STRIP {
            self.strip.remove(0);
        }
        true
    }
}

/// The hall at one moment.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// How far of the database it holds.
    pub progress: Progress,
    /// What people declared.
    pub declared: Arc<Declared>,
    /// In the order of the pages.
    pub cells: Vec<Arc<Cell>>,
    by_name: Arc<HashMap<String, usize>>,
    by_id: Arc<HashMap<i32, usize>>,
    /// The run whose newest image is the newest.
    pub run: Option<Arc<RunRow>>,
    /// The newest image of all, by arrival.
    pub last: Option<Arc<Seen>>,
    /// The newest image that carries a beam reading.
    pub beam: Option<Arc<Seen>>,
    /// What waits inside Hydra.
    pub pipeline: api::Pipeline,
}

/// What is not as it was.
#[derive(Debug, Default)]
pub struct Changes {
    /// Places of cards, with the images that are new in their strips.
    pub cells: HashMap<usize, HashSet<hydra_proto::ImageId>>,
    /// Incidents.
    pub incidents: Vec<SequenceRow>,
}

impl Changes {
    /// Whether anything is.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.incidents.is_empty()
    }
}

impl Board {
    /// An empty hall with these plot types.
    pub fn new(declared: Declared) -> Self {
        let cells = declared.plot_types.iter().map(|row| {
            Arc::new(Cell {
                row: Arc::new(row.clone()),
                strip: Vec::new(),
                incident: None,
                buried: None,
            })
        });
        let cells = cells.collect();
        let mut board = Self { cells, declared: Arc::new(declared), ..Self::default() };
        board.index();
        board
    }

    /// The same hall after people changed what they declare.
    pub fn redeclare(&mut self, declared: Declared) {
        let mut fresh = Self::new(declared);
        for cell in &mut fresh.cells {
            if let Some(known) = self.by_id(cell.row.id) {
                let cell = Arc::make_mut(cell);
                cell.strip.clone_from(&known.strip);
                cell.incident.clone_from(&known.incident);
                cell.buried.clone_from(&known.buried);
            }
        }
        self.cells = fresh.cells;
        self.declared = fresh.declared;
        self.index();
    }

    fn index(&mut self) {
        let cells = self.cells.iter().enumerate();
        self.by_name = Arc::new(cells.clone().map(|(i, c)| (c.row.name.to_string(), i)).collect());
        self.by_id = Arc::new(cells.map(|(i, c)| (c.row.id, i)).collect());
    }

    /// A plot type by its name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Cell>> {
        self.by_name.get(name).and_then(|at| self.cells.get(*at))
    }

    /// A plot type by its row id.
    pub fn by_id(&self, id: i32) -> Option<&Arc<Cell>> {
        self.by_id.get(&id).and_then(|at| self.cells.get(*at))
    }

    /// A model by its row id.
    pub fn model(&self, id: i32) -> Option<&ModelRow> {
        self.declared.models.get(&id)
    }

    /// Name of a plot type's detector; empty where it has none.
    pub fn detector_of(&self, row: &PlotTypeRow) -> &str {
        let detector = self.declared.detectors.iter().find(|d| Some(d.id) == row.detector_id);
        detector.map_or("", |d| d.name.as_str())
    }

    /// Whether images of a plot type came that is not declared or discovered here yet.
    pub fn is_strange(&self, fresh: &Fresh) -> bool {
        let images = fresh.images.iter().map(|seen| seen.plot_type_id);
        let incidents = fresh.incidents.iter().map(|row| row.plot_type_id);
        let models = fresh.images.iter().filter_map(|seen| seen.said.as_ref());
        images.chain(incidents).any(|id| !self.by_id.contains_key(&id))
            || models.into_iter().any(|said| !self.declared.models.contains_key(&said.model_id))
    }

    /// Takes in what came after its commit.
    pub fn apply(&mut self, fresh: Fresh, changes: &mut Changes) {
        for seen in fresh.images {
            self.note(&seen);
            let id = seen.id;
            if let Some(at) = self.by_id.get(&seen.plot_type_id).copied()
                && let Some(cell) = self.cells.get_mut(at)
                && Arc::make_mut(cell).add(seen)
            {
                changes.cells.entry(at).or_default().insert(id);
            }
        }
        for mark in fresh.heatmaps {
            self.heat(&mark, changes);
        }
        for row in fresh.incidents {
            self.set_incident(row, changes);
        }
        self.progress.commits = fresh.upto;
    }

    /// Newest of all, newest with a beam reading.
    fn note(&mut self, seen: &Seen) {
        if self.last.as_ref().is_none_or(|last| last.arrived_us <= seen.arrived_us) {
            self.last = Some(Arc::new(seen.clone()));
        }
        let newer = self.beam.as_ref().is_none_or(|beam| beam.taken_us <= seen.taken_us);
        if seen.beam.is_some() && newer {
            self.beam = Some(Arc::new(seen.clone()));
        }
    }

    fn heat(&mut self, mark: &hydra_store::read::HeatmapMark, changes: &mut Changes) {
        for (at, cell) in self.cells.iter_mut().enumerate() {
            let Some(place) = cell.strip.iter().position(|seen| seen.id == mark.image) else {
                continue;
            };
            let explains = cell
                .strip
                .get(place)
                .and_then(|seen| seen.said.as_ref())
                .is_some_and(|said| said.model_id == mark.model_id && said.label == mark.label);
            if explains && let Some(seen) = Arc::make_mut(cell).strip.get_mut(place) {
                Arc::make_mut(seen).heatmap = Some(mark.map);
                changes.cells.entry(at).or_default();
            }
            return;
        }
    }

    /// Notes that an incident was raised, went on or was cleared.
    pub fn set_incident(&mut self, row: SequenceRow, changes: &mut Changes) {
        let Some(at) = self.by_id.get(&row.plot_type_id).copied() else { return };
        let Some(cell) = self.cells.get_mut(at) else { return };
        let is_known = cell.incident.as_ref().is_some_and(|known| known.id == row.id);
        if row.open || is_known {
            Arc::make_mut(cell).incident = row.open.then(|| row.clone());
            changes.cells.entry(at).or_default();
        }
        changes.incidents.push(row);
    }

    /// Notes which messages were given up and not dealt with; `marks` are newest first.
    pub fn set_buried(&mut self, marks: &[BuriedMark], changes: &mut Changes) {
        let mut newest: HashMap<i32, &BuriedMark> = HashMap::new();
        for mark in marks {
            newest.entry(mark.plot_type_id).or_insert(mark);
        }
        for (at, cell) in self.cells.iter_mut().enumerate() {
            let mark = newest.get(&cell.row.id).copied();
            // A verdict that came after it has healed it.
            let mark = mark.filter(|mark| {
                cell.latest().is_none_or(|seen| seen.arrived_us < mark.buried_us)
                    && !cell.strip.iter().any(|seen| Some(seen.id) == mark.image)
            });
            if cell.buried.as_ref() != mark {
                Arc::make_mut(cell).buried = mark.cloned();
                changes.cells.entry(at).or_default();
            }
        }
    }

    /// The cards of `changes` as pages take them.
    pub fn change(&self, changes: &Changes) -> api::Change {
        let mut places: Vec<usize> = changes.cells.keys().copied().collect();
        places.sort_unstable();
        let cards = places.into_iter().filter_map(|at| {
            let mut card = card::plot_type(self, self.cells.get(at)?);
            let fresh = changes.cells.get(&at)?;
            card.strip.retain(|item| fresh.iter().any(|id| id.to_string() == item.image));
            Some(card)
        });
        api::Change {
            version_of_state: self.version(),
            plot_types: cards.collect(),
            incidents: changes.incidents.iter().map(|row| card::incident(self, row)).collect(),
        }
    }

    /// Number of this state. It comes from the database, so that all replicas count alike.
    pub fn version(&self) -> u64 {
        u64::try_from(self.progress.commits).unwrap_or(0)
    }

    /// Plot types that came in by themselves stand apart.
    pub fn is_discovered(row: &PlotTypeRow) -> bool {
        row.state == PlotTypeState::Discovered
    }
}
