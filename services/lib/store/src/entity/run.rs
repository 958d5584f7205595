//! Table `run`.

use sea_orm::entity::prelude::*;

/// A run, added up.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    /// Run number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: i64,
    /// Run period, may be empty.
    pub period: String,
    /// When its first image was drawn.
    pub first_us: i64,
    /// When its newest image was drawn.
    pub last_us: i64,
    /// Images of it.
    pub images: i64,
    /// Its newest image.
    #[sea_orm(column_type = "Binary(24)")]
    pub last_image: Vec<u8>,
    /// The conditions of the newest image that has any.
    #[sea_orm(column_type = "Binary(16)")]
    pub conditions_id: Option<Vec<u8>>,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
