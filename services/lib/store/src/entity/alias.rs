//! Table `alias`.

use sea_orm::entity::prelude::*;

/// A name that releases move from model to model.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alias")]
pub struct Model {
    /// The plot type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plot_type_id: i32,
    /// `active`, `candidate` or `previous`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub alias: String,
    /// What it points at.
    pub model_id: i32,
    /// JSON by label.
    #[sea_orm(column_type = "Text")]
    pub thresholds: String,
    /// The event that moved it.
    pub release_event_id: i64,
    /// Since when.
    pub since_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
