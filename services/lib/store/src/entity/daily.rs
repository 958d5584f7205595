//! Table `daily`.

use sea_orm::entity::prelude::*;

/// Images of a day of arrival by plot type and outcome.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "daily")]
pub struct Model {
    /// Days since 1970 UTC.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: i32,
    /// The plot type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plot_type_id: i32,
    /// As in `run_outcome`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub outcome: String,
    /// How many.
    pub images: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
