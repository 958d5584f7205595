//! The hall itself: plot type, run, chunk and fault -> picture, counts and truth.

use crate::{
    catalog::{self, PlotType},
    conditions::{self, Conditions},
    counts,
    error::HallError,
    fault::{Effect, Fault, FaultKind, Moment, Strength},
    physics::Tweak,
    render::{Header, Look, Painter, Sheet},
    schedule::Schedule,
    seed, strike,
    truth::Truth,
};
use rand::RngExt;
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// What a channel that is known to be dead still counts, relative to a living one.
const DEAD_REMAINDER: f64 = 0.002;
/// How often a plot type has one more dead channel during a group of runs.
const NEWLY_DEAD: f64 = 0.06;

/// A simulated hall: everything in it follows from its seed. Cheap to share between threads.
#[derive(Clone, Debug)]
pub struct Hall {
    seed: u64,
    schedule: Schedule,
    plot_types: Vec<PlotType>,
}

/// A plot with all that is known of it.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The image file.
    pub png: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What is true of it.
    pub truth: Truth,
    /// The counts that it shows, by panel and bin (2-D: row by row from below; asymmetries: all
    /// bins at +, then all at -).
    pub counts: Vec<Vec<u32>>,
}

/// What a plot shows on average, by panel and bin.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Without the fault.
    pub nominal: Vec<Vec<f64>>,
    /// With it; the same where the fault leaves the counts alone.
    pub faulty: Vec<Vec<f64>>,
}

/// A plot before it is painted.
pub(crate) struct Data {
    pub look: Look,
    pub header: Header,
    pub counts: Vec<Vec<u32>>,
    pub truth: Truth,
}

impl Hall {
    /// The hall of this seed: its detectors' fixed patterns, conditions, schedule.
    pub fn new(seed: u64) -> Self {
        Self { seed, schedule: Schedule::new(seed), plot_types: catalog::plot_types(seed) }
    }

    /// Moves the hall's clock: `first_run` starts at `at`, and one run follows every two hours.
    /// Without, run 80,001 starts on 2026-01-05.
    pub fn starting(mut self, first_run: u32, at: OffsetDateTime) -> Self {
        self.schedule = self.schedule.starting(first_run, at);
        self
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The run that starts first.
    pub fn first_run(&self) -> u32 {
        self.schedule.first_run()
    }

    /// Every plot type, in an order that never changes.
    pub fn plot_types(&self) -> &[PlotType] {
        &self.plot_types
    }

    /// One plot type.
    ///
    /// # Errors
    /// [`HallError::UnknownPlotType`].
    pub fn plot_type(&self, name: &str) -> Result<&PlotType, HallError> {
        let found = self.plot_types.iter().find(|plot_type| plot_type.name.as_str() == name);
        found.ok_or_else(|| HallError::UnknownPlotType { name: name.to_owned() })
    }

    /// The conditions of a run.
    pub fn conditions(&self, run: u32) -> Conditions {
        let mut detectors: Vec<&str> = self.plot_types.iter().map(|p| p.detector).collect();
        detectors.sort_unstable();
        detectors.dedup();
        let group = conditions::group_of(self.seed, run);
        let mut conditions = conditions::of_group(self.seed, group, &detectors);
        for plot_type in &self.plot_types {
            let dead = self.known_dead(plot_type, group);
            if !dead.is_empty() {
                let text = |(panel, channel): (usize, u32)| {
                    format!("panel {}, channel {}", panel + 1, channel + 1)
                };
                let dead = dead.into_iter().map(text).collect();
                conditions.known_dead.insert(plot_type.name.to_string(), dead);
            }
        }
        conditions
    }

    /// Chunks of a run, numbered from 1.
    pub fn chunks(&self, run: u32) -> u32 {
        self.schedule.chunks(run)
    }

    /// When the plots of a chunk are drawn.
    pub fn taken_at(&self, at: Moment) -> OffsetDateTime {
        self.schedule.taken_at(at)
    }

    /// Name of the run period, e.g. `RunPeriod-2026-01`.
    pub fn run_period(&self) -> String {
        self.schedule.run_period()
    }

    /// Whether a fault of this kind and strength can be drawn on plots of this type.
    pub fn applies(&self, plot_type: &PlotType, kind: FaultKind, strength: Strength) -> bool {
        let onset = Moment { run: self.first_run(), chunk: 2 };
        self.placed(plot_type, &Fault { kind, strength, onset, seed: 0 }).is_ok()
    }

    /// Every kind of fault that can be drawn this strong on plots of this type.
    pub fn applicable(&self, plot_type: &PlotType, strength: Strength) -> Vec<FaultKind> {
        let kinds = FaultKind::ALL.into_iter();
        kinds.filter(|&kind| self.applies(plot_type, kind, strength)).collect()
    }

    /// Whether exactly this fault can be drawn: its seed finds a part of the detector that can be
    /// as visible under the conditions of its onset.
    pub fn can_draw(&self, plot_type: &PlotType, fault: &Fault) -> bool {
        self.placed(plot_type, fault).is_ok()
    }

    /// Draws one plot, with or without a fault.
    ///
    /// # Errors
    /// [`HallError::OutOfRange`], [`HallError::NotApplicable`], [`HallError::Encode`].
    pub fn draw(
        &self,
        plot_type: &PlotType,
        at: Moment,
        fault: Option<&Fault>,
    ) -> Result<Drawn, HallError> {
        self.draw_with(&mut Painter::new(), plot_type, at, fault)
    }

    /// As [`Hall::draw`], with the memory of `painter`: faster for many plots.
    ///
    /// # Errors
    /// As [`Hall::draw`].
    pub fn draw_with(
        &self,
        painter: &mut Painter,
        plot_type: &PlotType,
        at: Moment,
        fault: Option<&Fault>,
    ) -> Result<Drawn, HallError> {
        let (truth, counts) = self.paint(painter, plot_type, at, fault)?;
        let png = painter.png()?;
        Ok(Drawn { png, width: truth.width, height: truth.height, truth, counts })
    }

    /// Paints one plot without encoding it: its pixels are in [`Painter::rgb`].
    ///
    /// # Errors
    /// [`HallError::OutOfRange`], [`HallError::NotApplicable`].
    pub fn paint(
        &self,
        painter: &mut Painter,
        plot_type: &PlotType,
        at: Moment,
        fault: Option<&Fault>,
    ) -> Result<(Truth, Vec<Vec<u32>>), HallError> {
        let Data { look, header, counts, truth } = self.data(plot_type, at, fault)?;
        painter.paint(&Sheet {
            plot_type,
            look: &look,
            header: &header,
            counts: &counts,
            scale: &counts,
        });
        Ok((truth, counts))
    }

    /// Draws the same chunk without and with a fault: counts differ only where the fault is.
    ///
    /// # Errors
    /// As [`Hall::draw`].
    pub fn draw_pair(
        &self,
        painter: &mut Painter,
        plot_type: &PlotType,
        at: Moment,
        fault: &Fault,
    ) -> Result<(Drawn, Drawn), HallError> {
        let good = self.draw_with(painter, plot_type, at, None)?;
        let bad = self.draw_with(painter, plot_type, at, Some(fault))?;
        Ok((good, bad))
    }

    /// What a plot shows on average, without and with a fault.
    ///
    /// # Errors
    /// [`HallError::NotApplicable`].
    pub fn expected(
        &self,
        plot_type: &PlotType,
        at: Moment,
        fault: &Fault,
    ) -> Result<Expected, HallError> {
        let conditions = self.conditions(at.run);
        let nominal = self.nominal(plot_type, &conditions, self.events(at, &conditions));
        let (faulty, _) = self.strike(plot_type, at, fault, &conditions, &nominal)?;
        Ok(Expected { nominal, faulty })
    }

    /// Counts, look and truth of one plot.
    pub(crate) fn data(
        &self,
        plot_type: &PlotType,
        at: Moment,
        fault: Option<&Fault>,
    ) -> Result<Data, HallError> {
        self.schedule.check(at)?;
        let conditions = self.conditions(at.run);
        let nominal = self.nominal(plot_type, &conditions, self.events(at, &conditions));
        let mut counts = self.good_counts(plot_type, at, &nominal);
        let (mut look, mut fault_truth) = (Look::new(plot_type, None), None);
        if let Some(fault) = fault {
            let (faulty, struck) = self.strike(plot_type, at, fault, &conditions, &nominal)?;
            match &struck.placed.effect {
                Effect::Stuck => counts = self.counts_before(plot_type, fault.onset),
                Effect::Layout(fault) => look = Look::new(plot_type, Some(fault)),
                _ => self.change(plot_type, at, fault, &mut counts, (&nominal, &faulty)),
            }
            fault_truth =
                Some(strike::fault_truth_of(plot_type, fault, &struck, &look, &nominal, &faulty));
        }
        let header = self.header(at, &conditions);
        let truth = Truth {
            plot_type: plot_type.name.to_string(),
            detector: plot_type.detector.to_owned(),
            run: at.run,
            chunk: at.chunk,
            taken_at: self.taken_at(at).format(&Rfc3339).unwrap_or_default(),
            width: look.width,
            height: look.height,
            label: strike::label(plot_type, fault).to_owned(),
            fault: fault_truth,
            conditions,
            seed: self.seed,
        };
        Ok(Data { look, header, counts, truth })
    }

    /// Expected counts of a chunk with `events` events, without any fault.
    pub(crate) fn nominal(
        &self,
        plot_type: &PlotType,
        conditions: &Conditions,
        events: f64,
    ) -> Vec<Vec<f64>> {
        let setting = conditions.setting(plot_type.detector, events);
        let of = |panel: &crate::panel::Panel| panel.expected(&setting, &Tweak::NONE);
        let mut nominal: Vec<Vec<f64>> = plot_type.panels.iter().map(of).collect();
        for (panel, channel) in self.known_dead(plot_type, conditions.group) {
            for bin in plot_type.panels[panel].wiring.bins(&[channel]) {
                nominal[panel][bin as usize] *= DEAD_REMAINDER;
            }
        }
        nominal
    }

    /// Panel and channel of what is known to be dead: some for ever, rarely one more in a group.
    fn known_dead(&self, plot_type: &PlotType, group: u32) -> Vec<(usize, u32)> {
        if !plot_type.shows_channels() {
            return Vec::new();
        }
        let name = seed::text(plot_type.name.as_str());
        let pick = |random: &mut rand_chacha::ChaCha8Rng| {
            let panel = random.random_range(0..plot_type.panels.len());
            let channels = plot_type.panels[panel].wiring.channels.len() as u32;
            (channels > 0).then(|| (panel, random.random_range(0..channels)))
        };
        let mut random = seed::stream(self.seed, "dead for ever", &[name]);
        let count = random.random_range(0..=2);
        let mut dead: Vec<_> = (0..count).filter_map(|_| pick(&mut random)).collect();
        let mut random = seed::stream(self.seed, "dead", &[name, group.into()]);
        if random.random_bool(NEWLY_DEAD) {
            dead.extend(pick(&mut random));
        }
        dead
    }

    pub(crate) fn events(&self, at: Moment, conditions: &Conditions) -> f64 {
        self.schedule.events(at, conditions.events_per_chunk)
    }

    fn good_counts(&self, plot_type: &PlotType, at: Moment, nominal: &[Vec<f64>]) -> Vec<Vec<u32>> {
        let of = |(panel, means): (usize, &Vec<f64>)| {
            counts::draw(means, &mut self.chunk_stream("counts", plot_type, at, panel, 0))
        };
        nominal.iter().enumerate().map(of).collect()
    }

    /// The counts of the chunk before this moment, which need not have been drawn (chunk 0).
    fn counts_before(&self, plot_type: &PlotType, onset: Moment) -> Vec<Vec<u32>> {
        let at = Moment { run: onset.run, chunk: onset.chunk.saturating_sub(1) };
        let conditions = self.conditions(at.run);
        let nominal = self.nominal(plot_type, &conditions, self.events(at, &conditions));
        self.good_counts(plot_type, at, &nominal)
    }

    fn change(
        &self,
        plot_type: &PlotType,
        at: Moment,
        fault: &Fault,
        counts: &mut [Vec<u32>],
        means: (&[Vec<f64>], &[Vec<f64>]),
    ) {
        for (panel, counts) in counts.iter_mut().enumerate() {
            let mut random = self.chunk_stream("fault counts", plot_type, at, panel, fault.seed);
            counts::change(counts, &means.0[panel], &means.1[panel], &mut random);
        }
    }

    fn chunk_stream(
        &self,
        purpose: &str,
        plot_type: &PlotType,
        at: Moment,
        panel: usize,
        fault_seed: u64,
    ) -> rand_chacha::ChaCha8Rng {
        let name = seed::text(plot_type.name.as_str());
        let numbers = [name, at.run.into(), at.chunk.into(), panel as u64, fault_seed];
        seed::stream(self.seed, purpose, &numbers)
    }

    fn header(&self, at: Moment, conditions: &Conditions) -> Header {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let time = self.taken_at(at).format(&format).unwrap_or_default();
        let event = self.schedule.last_event(at, conditions.events_per_chunk);
        Header { text: format!("Run {}    {time}    event {event}", at.run) }
    }
}
