//! Table `conditions`.

use sea_orm::entity::prelude::*;

/// Conditions that images were taken under.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "conditions")]
pub struct Model {
    /// Run and 12 bytes of the hash of the text.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(16)")]
    pub id: Vec<u8>,
    /// JSON object.
    #[sea_orm(column_type = "Text")]
    pub body: String,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
