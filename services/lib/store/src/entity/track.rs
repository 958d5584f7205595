//! Table `track`.

use sea_orm::entity::prelude::*;

/// The newest image that counts for a kind of sequence.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "track")]
pub struct Model {
    /// The plot type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plot_type_id: i32,
    /// The kind.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    /// When that image was drawn.
    pub last_us: i64,
    /// The image.
    #[sea_orm(column_type = "Binary(24)")]
    pub last_image: Vec<u8>,
    /// The sequence with the newest first image.
    #[sea_orm(column_type = "Binary(16)")]
    pub sequence_id: Option<Vec<u8>>,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
