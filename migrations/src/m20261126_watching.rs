//! What the newest image of each plot type shows, to tell plots that are stuck and conditions
//! that move all plots together; and the training jobs that policies filed.

use crate::{
    columns::{big, blob, bytes, flag, int, small, table, text},
    step::{Step, TableStep},
};

pub(crate) const STEP: Step = Step {
    name: "m20261126_watching",
    tables: |backend| {
        vec![
            TableStep::new(
                "shown",
                table("shown", backend)
                    .col(int("plot_type_id").primary_key())
                    .col(bytes("image_id", 24))
                    .col(big("taken_us"))
                    .col(big("run"))
                    .col(blob("data")) // 8 bytes; none where the plot is empty
                    .col(bytes("since_image", 24)) // the first with these data
                    .col(small("changes")) // how often the data changed, at most 100
                    .col(flag("shifted")) // novel, under conditions that training did not have
                    .take(),
            ),
            TableStep::new(
                "retraining",
                table("retraining", backend)
                    .col(int("plot_type_id").primary_key())
                    .col(int("model_id")) // active when the job was filed
                    .col(big("at_us"))
                    .col(text("why"))
                    .take(),
            ),
        ]
    },
    after: |_| Vec::new(),
    views: &[],
};
