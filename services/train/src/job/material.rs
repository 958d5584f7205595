//! Labels of the database -> what there is to train on.

use super::JobError;
use crate::data::class_of;
use crate::recipe::Material;
use hydra_proto::PlotTypeName;
use hydra_store::{Database, training};
use std::collections::BTreeMap;

/// What labels these plot types have.
///
/// # Errors
/// [`JobError::NoLabels`] where there are none; unknown plot types.
pub async fn material(
    database: &Database,
    plot_types: &[PlotTypeName],
) -> Result<Material, JobError> {
    let mut canvases: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let (mut labels, mut goods) = (0, usize::MAX);
    for name in plot_types {
        let mut of_type = 0;
        for row in training::labelled(database, name.clone()).await? {
            let Some(class) = class_of(&row.label) else { continue };
            labels += 1;
            of_type += usize::from(class.counts_as_good());
            *canvases.entry(row.canvas).or_default() += 1;
        }
        goods = goods.min(of_type);
    }
    let most = canvases.into_iter().max_by_key(|(_, count)| *count);
    let (canvas, _) = most.ok_or(JobError::NoLabels)?;
    Ok(Material { canvas, labels, goods })
}
