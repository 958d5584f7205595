//! Table `detector`.

use sea_orm::entity::prelude::*;

/// A detector.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "detector")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Place on the pages.
    pub position: i32,
    /// Whom to call.
    #[sea_orm(column_type = "Text")]
    pub contact: String,
    /// What to do.
    #[sea_orm(column_type = "Text")]
    pub guidance: String,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
