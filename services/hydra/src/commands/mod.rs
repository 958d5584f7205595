//! What the commands do, a file each.

mod blobs;
mod bring;
pub mod catalog;
mod dead;
mod demo;
mod doctor;
mod figures;
mod label;
mod labels;
pub mod migrate;
mod model;
mod normal;
mod place;
mod publish;
mod replay;
mod resume;
pub mod run;
pub mod simulate;
mod topology;
pub mod train;
pub mod up;

pub use catalog::catalog;
pub use dead::dead;
pub use demo::demo;
pub use doctor::doctor;
pub use label::label;
pub use migrate::migrate;
pub use model::model;
pub use publish::publish;
pub use run::run;
pub use simulate::simulate;
pub use topology::topology;
pub use up::up;
