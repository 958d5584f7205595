//! Table `shown`.

use sea_orm::entity::prelude::*;

/// The data that the newest image of a plot type shows.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "shown")]
pub struct Model {
    /// The plot type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plot_type_id: i32,
    /// The image.
    #[sea_orm(column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// When it was drawn.
    pub taken_us: i64,
    /// Its run.
    pub run: i64,
    /// Fingerprint of its data, see `Sight.data`; empty where it shows none.
    #[sea_orm(column_type = "Blob")]
    pub data: Vec<u8>,
    /// The first image that showed these data.
    #[sea_orm(column_type = "Binary(24)")]
    pub since_image: Vec<u8>,
    /// How often its data changed, at most a hundred.
    pub changes: i16,
    /// It is novel, under conditions that its model was not trained under.
    pub shifted: bool,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
