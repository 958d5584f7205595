//! Tables for people, JSON for programs.

use crate::measure::{Measured, Share};
use anyhow::Result;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// What a line tells, and how.
type Row<T> = (&'static str, fn(&Measured) -> T);

/// Wilson's interval of 95 % for a share.
fn interval(share: Share) -> (f64, f64) {
    if share.of == 0 {
        return (0.0, 1.0);
    }
    let (n, p, z) = (share.of as f64, share.value(), 1.96);
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

fn sum(shares: impl Iterator<Item = Share>) -> Share {
    shares.fold(Share::default(), |a, b| Share { hits: a.hits + b.hits, of: a.of + b.of })
}

fn by_plot_type<T>(all: &[T], name: impl Fn(&T) -> &str) -> BTreeMap<&str, Vec<&T>> {
    let mut groups: BTreeMap<&str, Vec<&T>> = BTreeMap::new();
    all.iter().for_each(|one| groups.entry(name(one)).or_default().push(one));
    groups
}

/// Mean over plot types of one seed, for each seed: their mean, and the least and the largest.
fn macro_mean(all: &[Measured], value: impl Fn(&Measured) -> f64) -> (f64, f64, f64) {
    let mut seeds: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    all.iter().for_each(|one| seeds.entry(one.seed).or_default().push(value(one)));
    let means: Vec<f64> = seeds.values().map(|v| v.iter().sum::<f64>() / v.len() as f64).collect();
    let mean = means.iter().sum::<f64>() / means.len().max(1) as f64;
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    (mean, least, means.iter().copied().fold(0.0, f64::max))
}

pub fn normality(all: &[Measured], json: Option<&Path>) -> Result<()> {
    println!(
        "{:<18} {:>6} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8} {:>6}",
        "plot type",
        "AUROC",
        "recall",
        "at 1 %",
        "subtle",
        "alarms",
        "new",
        "learnt",
        "recall",
        "learnt",
        "ms"
    );
    for (name, of) in by_plot_type(all, |one: &Measured| one.plot_type.as_str()) {
        let mean = |value: fn(&Measured) -> f64| {
            of.iter().map(|one| value(one)).sum::<f64>() / of.len() as f64
        };
        let share = |value: fn(&Measured) -> Share| sum(of.iter().map(|one| value(one))).value();
        println!(
            "{name:<18} {:>6.3} {:>7.3} {:>7.3} {:>7.3} {:>7.3} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>6.1}",
            mean(|one| one.auroc),
            share(|one| one.recall),
            mean(|one| one.recall_at_one_percent),
            share(|one| one.subtle),
            share(|one| one.alarms),
            share(|one| one.new_before),
            share(|one| one.new_after),
            share(|one| one.new_recall_before),
            share(|one| one.new_recall_after),
            mean(|one| one.judge_ms),
        );
    }
    println!("\nmacro over plot types: mean of the seeds, least and largest of them");
    let rows: [Row<f64>; 5] = [
        ("AUROC, medium and strong", |one| one.auroc),
        ("recall at the model's threshold", |one| one.recall.value()),
        ("recall at 1 % of the test Goods", |one| one.recall_at_one_percent),
        ("recall of subtle faults", |one| one.subtle.value()),
        ("false alarms, known conditions", |one| one.alarms.value()),
    ];
    for (name, value) in rows {
        let (mean, least, most) = macro_mean(all, value);
        println!("{name:<36} {mean:.4}  [{least:.4}, {most:.4}]");
    }
    println!("\nall plots together, with intervals of 95 %");
    let rows: [Row<Share>; 6] = [
        ("false alarms, known conditions", |one| one.alarms),
        ("recall, known conditions", |one| one.recall),
        ("false alarms, new conditions", |one| one.new_before),
        ("  after twenty confirmed Goods", |one| one.new_after),
        ("recall, new conditions", |one| one.new_recall_before),
        ("  after twenty confirmed Goods", |one| one.new_recall_after),
    ];
    for (name, value) in rows {
        line(name, sum(all.iter().map(value)));
    }
    println!("\nmedium and strong faults by kind");
    let mut kinds: BTreeMap<&str, Share> = BTreeMap::new();
    for (kind, share) in all.iter().flat_map(|one| &one.by_kind) {
        let known = kinds.entry(kind).or_default();
        *known = sum([*known, *share].into_iter());
    }
    kinds.into_iter().for_each(|(kind, share)| line(kind, share));
    write(all, json)
}

fn line(name: &str, share: Share) {
    let (low, high) = interval(share);
    let value = share.value();
    println!("{name:<36} {value:.4}  [{low:.4}, {high:.4}]  {} of {}", share.hits, share.of);
}

fn write<T: Serialize>(all: &[T], json: Option<&Path>) -> Result<()> {
    if let Some(path) = json {
        std::fs::write(path, serde_json::to_string_pretty(all)?)?;
    }
    Ok(())
}
