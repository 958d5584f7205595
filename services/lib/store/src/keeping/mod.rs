//! The writes of keep: facts that were decided -> rows, in one transaction a batch.
//!
//! Every transaction begins by counting up `commits`, and holds that number to its end: they
//! come one after the other, whoever runs them. So what is looked up in one of them is still
//! true when it writes, and everything that follows from a fact (sums, sequences, alarms) follows
//! from it once, however often its message comes. A batch costs one wait for the disk, whether
//! it brings one image or five hundred.

mod commit;
mod elements;
mod latest;
mod rows;
mod sequences;
mod shown;
mod sums;

pub use commit::{Batch, Committed, NewImage, commit};
pub(crate) use rows::listed;
pub use rows::{PlotTypeFacts, model_ids, plot_types};
