//! What learnt models say of the test part.

use crate::plots::Plots;
use anyhow::{Context, Result};
use hydra_hall::Strength;
use hydra_model::Runtime;
use hydra_proto::Label;
use hydra_train::eval::report::recall_at;
use hydra_train::eval::split::Part;
use hydra_train::eval::{Scored, calibration::calibration_error};
use hydra_train::quantise::quantise;
use hydra_train::recipe::{Files, Learnt};
use hydra_train::runner::Runner;
use std::collections::BTreeMap;
use std::time::Instant;

/// The false-alarm rate that thresholds are set for.
const RATE: f64 = 0.01;

/// Writes what every plot measures, a line each: part, fault, strength, run, measures.
pub fn measured(
    runtime: &Runtime,
    one: &Learnt,
    data: &Plots,
    folder: &std::path::Path,
) -> Result<()> {
    let Files::Network(file) = &one.files else { return Ok(()) };
    let mut runner = Runner::open(runtime, file, one.input)?;
    let mut text = String::new();
    for (index, example) in data.examples.iter().enumerate() {
        let values = runner.run(&data.pixels[index], &["features"])?.remove(0).values;
        let kind = data.kinds.get(&example.image).map_or("", String::as_str);
        let (strength, part) = (&data.strengths[&example.image], data.parts[index]);
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        text += &format!("{part:?},{kind},{strength},{},{}\n", example.run, values.join(","));
    }
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(folder.join(format!("{}.csv", one.plot_type)), text)?)
}

/// Sums over plot types.
#[derive(Default)]
pub struct Table {
    rows: usize,
    /// Medium and strong recall, subtle recall, false alarms, calibration error, seconds.
    sums: [f64; 4],
    lowest: f64,
    all: Vec<Scored>,
    /// Found and there, by kind and strength.
    kinds: BTreeMap<(String, String), (usize, usize)>,
    /// A kind that was withheld: there, flagged by the classifier, by it or its guard.
    withheld: (usize, usize, usize),
    /// Goods, and those that classifier or guard flags.
    goods: (usize, usize),
    /// Energy of heat maps in the fault's box against its share, medium faults.
    ratios: Vec<f64>,
    /// 32 and 8 bits: right, seconds; and images.
    eight: ([usize; 2], [f64; 2], usize),
}

impl Table {
    /// Names the columns.
    pub fn new() -> Self {
        println!(
            "{:22} {:>24} {:>10} {:>10} {:>8}",
            "recall at 1 % alarms", "medium and strong", "subtle", "alarms", "ece"
        );
        Self { lowest: 1.0, ..Self::default() }
    }

    /// A plot type's row.
    pub fn add(&mut self, one: &Learnt, data: &Plots) -> Result<()> {
        let figures = &one.figures;
        let names = [Strength::MEDIUM.name(), Strength::STRONG.name(), ""];
        let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<Scored> {
            let kept = |s: &&Scored| s.truth == 0 || wanted(&data.strengths[&s.image]);
            figures.test_scores.iter().filter(kept).cloned().collect()
        };
        let validation = &figures.validation_scores;
        let (strong, alarms) = recall_at(validation, &of(&|s| names.contains(&s)), 0, RATE);
        let (subtle, _) = recall_at(validation, &of(&|s| s == Strength::SUBTLE.name()), 0, RATE);
        let (strong, alarms) = (strong.context("no fault")?, alarms.context("no Good")?);
        let subtle = subtle.map_or(f64::NAN, |f| f.value);
        let ece = calibration_error(&figures.test_scores);
        println!(
            "{:22} {:.3} ({:.3} to {:.3}) {subtle:10.3} {:10.3} {ece:8.3}",
            one.plot_type.as_str(),
            strong.value,
            strong.low,
            strong.high,
            alarms.value
        );
        for (sum, value) in self.sums.iter_mut().zip([strong.value, subtle, alarms.value, ece]) {
            *sum += value;
        }
        self.lowest = self.lowest.min(strong.value);
        self.rows += 1;
        self.all.extend(figures.test_scores.iter().cloned());
        for scored in figures.test_scores.iter().filter(|s| s.truth != 0) {
            let found = recall_at(validation, std::slice::from_ref(scored), 0, RATE).0;
            let key = (data.kinds[&scored.image].clone(), data.strengths[&scored.image].clone());
            let (hits, there) = self.kinds.entry(key).or_default();
            *hits += usize::from(found.is_some_and(|f| f.value > 0.5));
            *there += 1;
        }
        Ok(())
    }

    /// How many plots of a kind that was never shown are flagged, and how many Goods.
    pub fn guarded(
        &mut self,
        runtime: &Runtime,
        one: &Learnt,
        data: &Plots,
        kind: &str,
    ) -> Result<()> {
        let (Files::Network(file), Some(rate)) = (&one.files, one.guard_rate) else {
            return Ok(());
        };
        let mut runner = Runner::open(runtime, file, one.input)?;
        let places: std::collections::HashMap<_, usize> =
            data.examples.iter().enumerate().map(|(i, e)| (e.image, i)).collect();
        for scored in &one.figures.test_scores {
            let withheld = data.kinds.get(&scored.image).is_some_and(|k| k == kind);
            if scored.truth != 0 && !withheld {
                continue;
            }
            let said = recall_at(
                &one.figures.validation_scores,
                &[Scored { truth: 1, ..scored.clone() }],
                0,
                RATE,
            );
            let said = said.0.is_some_and(|f| f.value > 0.5);
            let p = runner.run(&data.pixels[places[&scored.image]], &[hydra_normality::GUARD])?;
            let flagged = said || f64::from(p[0].values[0]) < rate;
            if withheld {
                self.withheld.0 += 1;
                self.withheld.1 += usize::from(said);
                self.withheld.2 += usize::from(flagged);
            } else {
                self.goods.0 += 1;
                self.goods.1 += usize::from(flagged);
            }
        }
        Ok(())
    }

    /// How much of a heat map lies where the fault is, against the share of the area.
    pub fn explained(&mut self, runtime: &Runtime, one: &Learnt, data: &Plots) -> Result<()> {
        let Files::Network(file) = &one.files else { return Ok(()) };
        let mut runner = Runner::open(runtime, file, one.input)?;
        for (index, example) in data.examples.iter().enumerate() {
            let medium = data.strengths[&example.image] == Strength::MEDIUM.name();
            let Some(place) = data.boxes.get(&example.image).filter(|_| medium) else { continue };
            if data.parts[index] != Part::Test {
                continue;
            }
            let cam = runner.run(&data.pixels[index], &["cam"])?.remove(0);
            let (h, w) = (cam.shape[2], cam.shape[3]);
            let map = &cam.values[h * w..2 * h * w];
            let (mut inside, mut all) = (0.0, 0.0);
            for (at, value) in map.iter().enumerate() {
                let energy = f64::from(value.max(0.0));
                let (x, y) = ((at % w) as f64, (at / w) as f64);
                let part = |low: f64, high: f64, at: f64, cells: usize| {
                    let cells = cells as f64;
                    ((at + 1.0).min(high * cells) - at.max(low * cells)).max(0.0)
                };
                inside += energy * part(place[0], place[2], x, w) * part(place[1], place[3], y, h);
                all += energy;
            }
            let area = (place[2] - place[0]) * (place[3] - place[1]);
            if all > 0.0 && area > 0.0 {
                self.ratios.push(inside / all / area);
            }
        }
        Ok(())
    }

    /// The same network in 8 bits: accuracy and time.
    pub fn eight_bits(&mut self, runtime: &Runtime, one: &Learnt, data: &Plots) -> Result<()> {
        let Files::Network(file) = &one.files else { return Ok(()) };
        let of = |wanted: Part| (0..data.examples.len()).filter(move |i| data.parts[*i] == wanted);
        let some: Vec<Vec<u8>> =
            of(Part::Validation).take(100).map(|i| data.pixels[i].clone()).collect();
        let small = quantise(file, one.input, &some, runtime)?;
        let open = |file: &[u8]| Runner::open(runtime, file, one.input);
        let mut runners = [open(file)?, open(&small)?];
        let (right, took, images) = &mut self.eight;
        for index in of(Part::Test) {
            *images += 1;
            let truth = usize::from(data.examples[index].label.as_str() != Label::GOOD);
            for (at, runner) in runners.iter_mut().enumerate() {
                let begun = Instant::now();
                let said = runner.run(&data.pixels[index], &["probabilities"])?.remove(0).values;
                took[at] += begun.elapsed().as_secs_f64();
                right[at] += usize::from(usize::from(said[1] > said[0]) == truth);
            }
        }
        Ok(())
    }

    /// The last lines.
    pub fn close(mut self, by_kind: bool) {
        let [strong, subtle, alarms, ece] = self.sums.map(|sum| sum / self.rows.max(1) as f64);
        println!(
            "mean: {strong:.4} medium and strong (lowest {:.3}), {subtle:.4} subtle, {alarms:.4} \
             alarms, ece {ece:.4}, of all plots together {:.4}",
            self.lowest,
            calibration_error(&self.all)
        );
        if by_kind {
            for ((kind, strength), (hits, there)) in &self.kinds {
                let share = *hits as f64 / (*there).max(1) as f64;
                println!("  {kind:20} {strength:8} {share:.3} of {there}");
            }
        }
        let (there, said, flagged) = self.withheld;
        if there > 0 {
            println!(
                "never shown: {said} of {there} found at 1 % false alarms, {flagged} with the guard, \
                 which together flag {} of {} Goods",
                self.goods.1, self.goods.0
            );
        }
        self.ratios.sort_by(f64::total_cmp);
        if let Some(median) = self.ratios.get(self.ratios.len() / 2) {
            println!(
                "heat maps of {} medium faults: {median:.2} times their share",
                self.ratios.len()
            );
        }
        let (right, took, images) = self.eight;
        if images > 0 {
            let [whole, eight] = right.map(|r| r as f64 / images as f64);
            println!(
                "8 bits: accuracy {eight:.4} instead of {whole:.4}, {:.2} times faster ({:.2} to \
                 {:.2} ms)",
                took[0] / took[1],
                1e3 * took[0] / images as f64,
                1e3 * took[1] / images as f64
            );
        }
    }
}
