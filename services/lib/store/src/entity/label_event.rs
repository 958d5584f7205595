//! Table `label_event`.

use sea_orm::entity::prelude::*;

/// What a person said of an image; append only.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "label_event")]
pub struct Model {
    /// Grows with time.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The image.
    #[sea_orm(column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// Its plot type.
    pub plot_type_id: i32,
    /// The label; absent where it was taken away.
    pub label: Option<String>,
    /// Who.
    pub who: String,
    /// Why, may be empty.
    #[sea_orm(column_type = "Text")]
    pub why: String,
    /// When.
    pub at_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
