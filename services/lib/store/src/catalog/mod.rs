//! The catalog: what a hall declares about itself, in one TOML file that it keeps in git.
//!
//! `apply` makes the database say what the file says, as events with who and why, and shows each
//! change; a second `apply` changes nothing. What the file does not name stays as it is, unless
//! pruning is asked for: then declared plot types that are gone from the file are disabled.

mod apply;
mod change;
mod file;
mod spec;
mod state;

pub use apply::{Applied, apply, diff, export};
pub use change::Change;
pub use file::{Beam, Catalog, Detector, Hall, InvalidCatalog, News, PlotType};
pub use spec::{Days, Fraction, Gate, Retention, Retrain, Seconds, Spec};
