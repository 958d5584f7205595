//! Seed, plot type, run, chunk, fault -> a monitoring plot as PNG, its counts and its truth.
//!
//! A [`Hall`] draws plots as real monitoring does: occupancies, timing, spectra, asymmetries, on
//! single and on multi-panel canvases, with axes, colour bars and statistics boxes. Counts are
//! Poisson; run conditions ([`Conditions`]) change between groups of runs and are no fault.
//! A [`Fault`] distorts the expected counts (or the drawing) by an amplitude that is solved for the
//! strength asked for: the expected delta chi-square of [`expected_dchi2`]. What is true of a plot
//! stands in its [`Truth`], never in the picture: good and bad plots come from the same code, with
//! the same titles, times and random streams. A [`Scenario`] says when which fault is there,
//! [`Hall::samples`] makes training and test sets, [`Writer`] writes folders as monitoring programs do.
//!
//! The same seed gives the same bytes, on any thread and in any order.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod catalog;
#[cfg(test)]
mod checks;
mod chi2;
mod conditions;
mod counts;
mod error;
mod fault;
mod hall;
mod outside;
mod panel;
mod physics;
mod render;
mod scenario;
mod schedule;
mod seed;
mod strike;
mod truth;
mod wiring;
mod writer;

pub use catalog::PlotType;
pub use chi2::{chi2, expected_dchi2, measured_dchi2};
pub use conditions::{Conditions, DetectorConditions};
pub use error::HallError;
pub use fault::{Fault, FaultKind, Moment, Strength};
pub use hall::{Drawn, Expected, Hall};
pub use outside::OutsideMap;
pub use render::Painter;
pub use scenario::{Episode, Mix, Sample, Scenario, Trouble};
pub use truth::{Amplitude, FaultTruth, PixelBox, Truth};
pub use writer::{Grammar, TruthFiles, Writer};
