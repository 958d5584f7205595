//! Table `run_outcome`.

use sea_orm::entity::prelude::*;

/// Images of a run by outcome.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "run_outcome")]
pub struct Model {
    /// Run number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: i64,
    /// Label of a confirmed verdict, `Unconfirmed`, `Novel` or `NoModel`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub outcome: String,
    /// How many.
    pub images: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
