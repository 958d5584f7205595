//! Table `outbox`.

use sea_orm::entity::prelude::*;

/// A message that a transaction promised and that still has to be published.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// Grows in the order of the commits.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Where to.
    pub queue: String,
    /// Name of the event on the wire.
    pub type_name: String,
    /// The encoded event.
    #[sea_orm(column_type = "Blob")]
    pub body: Vec<u8>,
    /// When it was promised.
    pub at_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
