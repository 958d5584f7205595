//! Table `release_event`.

use sea_orm::entity::prelude::*;

/// A release, a rollback or a change of thresholds; append only.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "release_event")]
pub struct Model {
    /// Grows with time.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When.
    pub at_us: i64,
    /// Who.
    pub who: String,
    /// Why.
    #[sea_orm(column_type = "Text")]
    pub why: String,
    /// Of which plot type.
    pub plot_type_id: i32,
    /// See [`crate::release::Action`].
    pub action: String,
    /// The model that is active afterwards; of `candidate` the candidate.
    pub model_id: Option<i32>,
    /// JSON by label, in force afterwards.
    #[sea_orm(column_type = "Text")]
    pub thresholds: String,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
