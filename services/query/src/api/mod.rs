//! The JSON of `/api/v1`, one file a resource. Ids are lower-case hexadecimal, times are
//! microseconds since 1970 UTC (`_us`), durations say their unit; a field that can be unknown is
//! `null`, never left out and never a made-up value.

mod hall;
mod image;
mod live;
mod log;
mod model;
mod page;
mod plot_type;
mod problem;
mod quality;
mod run;
mod status;
mod trend;
mod why;

pub use hall::*;
pub use image::*;
pub use live::*;
pub use log::*;
pub use model::*;
pub use page::*;
pub use plot_type::*;
pub use problem::*;
pub use quality::*;
pub use run::*;
pub use status::*;
pub use trend::*;
pub use why::*;
