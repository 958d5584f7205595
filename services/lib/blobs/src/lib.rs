//! Bytes -> a key that is their SHA-256, durable before it is announced.
//!
//! | promise | how |
//! |---|---|
//! | durable when [`Blobs::put`] returns | temporary file, fsync, rename, fsync of every changed folder |
//! | never torn | a name appears only by that rename, and [`Blobs::get`] checks the hash |
//! | put twice is put once | the key follows from the bytes |
//! | a full or absent disk loses nothing | it is [`BlobError::Unavailable`]: the caller waits |
//!
//! A *marker* is a small note under an image's id: `ingest` leaves one when an image's event is
//! confirmed, to know it again. Markers may be lost (the image is then announced twice, which
//! changes nothing), so they skip the fsync.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod error;
mod keys;
mod store;

pub use config::BlobsConfig;
pub use error::{Away, BlobError};
pub use store::{BlobInfo, Blobs, hash};
