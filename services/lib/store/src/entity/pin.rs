//! Table `pin`.

use sea_orm::entity::prelude::*;

/// An image that retention must leave alone.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "pin")]
pub struct Model {
    /// The image.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// What needs it, e.g. a training set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub reason: String,
    /// Since when.
    pub at_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
