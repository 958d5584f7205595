//! Table `run_latency`.

use sea_orm::entity::prelude::*;

/// Images of a run by time from arrival to commit.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "run_latency")]
pub struct Model {
    /// Run number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: i64,
    /// Index into [`crate::LATENCY_BOUNDS_MS`]; one more for what is above.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: i16,
    /// How many.
    pub images: i64,
    /// Sum of their times.
    pub sum_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
