//! Counts -> picture: canvas, text, axes, histograms, maps, PNG.

mod axis;
mod canvas;
mod encode;
mod font;
mod geometry;
mod histogram;
mod map;
mod painter;
mod palette;

pub(crate) use geometry::Look;
pub use painter::Painter;
pub(crate) use painter::{Header, Sheet};
