//! What a model was taught, so that one can ask which of it an image is like.

use crate::{
    columns::{blob, bytes, int, name, table},
    step::{Step, TableStep},
};
use sea_orm_migration::prelude::Index;

pub(crate) const STEP: Step = Step {
    name: "m20261126_training",
    tables: |backend| {
        vec![TableStep::new(
            "training_image",
            table("training_image", backend)
                .col(int("model_id"))
                .col(int("plot_type_id"))
                .col(bytes("image_id", 24))
                .col(name("label", 48)) // that it was taught, whatever people say of it since
                .col(blob("features")) // as that model sees it: float32, little-endian
                .primary_key(Index::create().col("model_id").col("plot_type_id").col("image_id"))
                .take(),
        )]
    },
    after: |_| Vec::new(),
    views: &[],
};
