//! Table `catalog_event`.

use sea_orm::entity::prelude::*;

/// A change of the catalog; append only.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "catalog_event")]
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
    /// Of what, e.g. `plot type CDC_occupancy`.
    pub subject: String,
    /// JSON before; absent where it is new.
    #[sea_orm(column_type = "Text")]
    pub before: Option<String>,
    /// JSON after; absent where it went.
    #[sea_orm(column_type = "Text")]
    pub after: Option<String>,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
