//! Table `image`.

use sea_orm::entity::prelude::*;

/// A plot image.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "image")]
pub struct Model {
    /// An `ImageId`: run, chunk, 16 bytes of hash.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(24)")]
    pub id: Vec<u8>,
    /// Its plot type.
    pub plot_type_id: i32,
    /// Run number.
    pub run: i64,
    /// Chunk of the run.
    pub chunk: Option<i64>,
    /// When the plot was drawn.
    pub taken_us: i64,
    /// When ingest took it.
    pub arrived_us: i64,
    /// When keep wrote this row.
    pub committed_us: i64,
    /// Number of keep's transaction: rows become visible in this order.
    pub commit_no: i64,
    /// Blob key of the original.
    #[sea_orm(column_type = "Binary(32)")]
    pub content: Vec<u8>,
    /// Blob key of the thumbnail, while there is one.
    #[sea_orm(column_type = "Binary(32)")]
    pub thumbnail: Option<Vec<u8>>,
    /// Of the original, pixels.
    pub width: i32,
    /// Of the original, pixels.
    pub height: i32,
    /// Of the original.
    pub size_bytes: i64,
    /// Who sent it.
    pub source: String,
    /// The conditions it was taken under.
    #[sea_orm(column_type = "Binary(16)")]
    pub conditions_id: Option<Vec<u8>>,
    /// Beam reading out of the conditions, in their unit.
    pub beam: Option<f64>,
    /// Chosen to stay, by collect fraction or because it must not be lost.
    pub kept: bool,
    /// The original is still in the blob store.
    pub stored: bool,
    /// Why no model spoke.
    pub no_verdict_reason: Option<String>,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
