//! Table `label`.

use sea_orm::entity::prelude::*;

/// What people say of an image now.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "label")]
pub struct Model {
    /// The image.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// Its plot type.
    pub plot_type_id: i32,
    /// The label.
    pub label: String,
    /// When the plot was drawn.
    pub taken_us: i64,
    /// Who said it last.
    pub who: String,
    /// When.
    pub at_us: i64,
    /// The event that says so.
    pub label_event_id: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
