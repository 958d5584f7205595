//! Table `model_label`.

use sea_orm::entity::prelude::*;

/// A label that a model knows.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "model_label")]
pub struct Model {
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_id: i32,
    /// Place of its probability in `prediction.scores`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i16,
    /// The label.
    pub label: String,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
