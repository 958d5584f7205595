//! Table `prediction`.

use sea_orm::entity::prelude::*;

/// What one model said of one image.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "prediction")]
pub struct Model {
    /// The image.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_id: i32,
    /// The image's plot type.
    pub plot_type_id: i32,
    /// 0: its verdict counts, at most one an image; 1: in the shadow.
    pub role: i16,
    /// When the plot was drawn.
    pub taken_us: i64,
    /// The likeliest class.
    pub label: String,
    /// Its probability.
    pub confidence: f32,
    /// The threshold that was in force.
    pub threshold: f32,
    /// 0 confirmed, 1 unconfirmed, 2 novel.
    pub state: i16,
    /// See [`crate::Kind`].
    pub kind: i16,
    /// JSON array, in the order of `model_label`.
    pub scores: String,
    /// Of normality, where the model has a guard.
    pub p_value: Option<f64>,
    /// May be empty.
    pub note: String,
    /// Network time.
    pub work_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
