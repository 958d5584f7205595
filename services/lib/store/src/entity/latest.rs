//! Table `latest`.

use sea_orm::entity::prelude::*;

/// The newest image of a plot type.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "latest")]
pub struct Model {
    /// The plot type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plot_type_id: i32,
    /// The image.
    #[sea_orm(column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// When it was drawn.
    pub taken_us: i64,
    /// Its commit.
    pub commit_no: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
