//! Bytes of an image -> checked pixels, resized pixels, thumbnails and overlays.
//!
//! [`probe`] reads a header without decoding and says what the bytes are and whether they are
//! complete: the doors ask it. [`Workbench`] decodes under [`Limits`], resizes to model inputs
//! and thumbnails, and keeps its buffers from image to image: one belongs to each worker thread.
//!
//! What a decoded [`Picture`] is: 8-bit RGB, row by row from the top. Alpha is composed on white
//! (the colour of a plot's paper); palette, 1-, 2-, 4- and 16-bit samples become 8 bits (16-bit
//! rounds to nearest); of an animation the first frame counts. Samples are taken as stored: gamma,
//! colour profiles and EXIF orientation are not applied, because plots are drawn by programs,
//! and the text and profile chunks of a PNG are never even inflated.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod colour;
#[cfg(feature = "corpus")]
pub mod corpus;
mod decode;
mod error;
mod limits;
mod map;
mod pack;
mod probe;
mod resize;
mod sight;
mod workbench;
mod write;

pub use error::{BadPixels, Refused};
pub use limits::Limits;
pub use map::{Map, overlay};
pub use pack::{Unpacker, unpack};
pub use probe::{Format, Header, probe};
pub use workbench::{Picture, Workbench};
pub use write::{write_grey_png, write_rgb_png};

/// Widest thumbnail in pixels; its height is at most twice that.
pub const THUMBNAIL_WIDTH_PX: u32 = 320;
