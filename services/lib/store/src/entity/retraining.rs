//! Table `retraining`.

use sea_orm::entity::prelude::*;

/// The newest training job that the policy of a plot type filed.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "retraining")]
pub struct Model {
    /// The plot type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plot_type_id: i32,
    /// The model that was active then.
    pub model_id: i32,
    /// When.
    pub at_us: i64,
    /// The reason, in words.
    #[sea_orm(column_type = "Text")]
    pub why: String,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
