//! Table `retention_mark`.

use sea_orm::entity::prelude::*;

/// How far retention has looked at the images of a plot type.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "retention_mark")]
pub struct Model {
    /// The plot type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plot_type_id: i32,
    /// What it removes, 0 originals that were not chosen, 1 originals, 2 thumbnails, 3 rows.
    #[sea_orm(primary_key, auto_increment = false)]
    pub what: i16,
    /// Images up to this time
    pub until_us: i64,
    /// and this id were looked at.
    #[sea_orm(column_type = "Binary(24)")]
    pub until_image: Vec<u8>,
    /// When it last began from the oldest.
    pub begun_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
