//! The tables as sea-orm knows them, one module each; `hydra-migrations` makes them.
//! Ids and hashes are plain bytes here; [`crate::id`] turns them into the types of the contract.

// The derive writes the entity, column and key types, which need no words of their own.
#![allow(missing_docs)]

pub mod alias;
pub mod catalog_event;
pub mod conditions;
pub mod counter;
pub mod daily;
pub mod dead_letter;
pub mod detector;
pub mod embedding;
pub mod garbage;
pub mod heartbeat;
pub mod heatmap;
pub mod image;
pub mod label;
pub mod label_event;
pub mod latest;
pub mod lease;
pub mod model;
pub mod model_label;
pub mod model_plot_type;
pub mod news;
pub mod outbox;
pub mod pin;
pub mod plot_type;
pub mod prediction;
pub mod release_event;
pub mod retention_mark;
pub mod retraining;
pub mod run;
pub mod run_latency;
pub mod run_outcome;
pub mod sequence;
pub mod setting;
pub mod shown;
pub mod track;
pub mod training_image;
