//! The parts of `hydra demo`.

pub mod catalog;
pub mod feed;
pub mod follow;
pub mod models;
pub mod table;
pub mod truth;
