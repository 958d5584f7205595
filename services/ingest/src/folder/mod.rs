//! Watched folders: files of the halls' monitoring programs -> the door.
//!
//! A file is taken when it is whole (a PNG with its end chunk, and likewise JPEG and GIF), was at
//! rest for the settling time, and did not change while it was read. It is never deleted or moved
//! unless the configuration says so. What was taken is remembered over restarts by path, size and
//! time; a used name with other bytes is another image. Links, pipes, devices and whatever leads
//! out of the folder are refused. While store or broker are away, files simply wait where they
//! are.

mod after;
mod config;
mod grammar;
mod hints;
mod journal;
mod look;
mod metadata;
mod once;
mod plain_file;
mod scan;
mod sets;
mod waiting;
mod watch;

pub use config::{After, FolderConfig};
pub use grammar::{Grammar, Place, SetStamp};
pub use once::Once;
pub use watch::FolderDoor;
