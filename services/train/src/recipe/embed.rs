//! Images -> embeddings by a trunk, on all cores.

use super::LearnError;
use super::images::Prepared;
use crate::runner::Runner;
use hydra_model::Runtime;
use hydra_proto::registry::InputShape;
use ndarray::Array2;
use rayon::prelude::*;

/// Images in one run of the trunk.
const BATCH: usize = 8;

/// Embeddings, a row an example.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// Rows in the order of `which`.
    pub features: Array2<f32>,
}

/// Runs `onnx`, a file of ours with the output `features`, over the examples `which`.
///
/// # Errors
/// Where pixels are not to be had or the network cannot be run.
pub fn embed(
    runtime: &Runtime,
    onnx: &[u8],
    shape: InputShape,
    set: &Prepared<'_>,
    which: &[usize],
) -> Result<Embedded, LearnError> {
    let rows = run(runtime, onnx, shape, set, which, "features")?;
    let columns = rows.first().map_or(0, Vec::len);
    let flat: Vec<f32> = rows.into_iter().flatten().collect();
    let features = Array2::from_shape_vec((which.len(), columns), flat);
    Ok(Embedded { features: features.expect("every image has as many features") })
}

/// One output of `onnx` for each of the labelled images `which`.
pub(super) fn run(
    runtime: &Runtime,
    onnx: &[u8],
    shape: InputShape,
    set: &Prepared<'_>,
    which: &[usize],
    output: &str,
) -> Result<Vec<Vec<f32>>, LearnError> {
    let threads = rayon::current_num_threads().max(1);
    let share = which.len().div_ceil(threads).max(1);
    let parts: Vec<Vec<Vec<f32>>> = which
        .par_chunks(share)
        .map(|part| -> Result<Vec<Vec<f32>>, LearnError> {
            let mut runner = Runner::open(runtime, onnx, shape)?;
            let mut rows = Vec::with_capacity(part.len());
            for batch in part.chunks(BATCH) {
                let mut pixels = Vec::with_capacity(batch.len() * shape.size_bytes());
                for one in batch {
                    pixels.extend(set.data.pixels(set.labelled[*one].example, shape)?);
                }
                let made = runner.run(&pixels, &[output])?;
                rows.extend((0..batch.len()).map(|i| made[0].row(i, batch.len()).to_vec()));
            }
            Ok(rows)
        })
        .collect::<Result<_, _>>()?;
    Ok(parts.into_iter().flatten().collect())
}
