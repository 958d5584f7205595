//! Images -> embeddings by a trunk, on all cores.

use super::LearnError;
use super::embeddings::Embeddings;
use super::images::{Prepared, Split};
use crate::runner::Runner;
use hydra_model::Runtime;
use hydra_proto::registry::InputShape;
use rayon::prelude::*;

/// Images in one run of the trunk.
const BATCH: usize = 8;

/// The embedding of each labelled image of `set` that is trained, validated or tested on, by place
/// in its `labelled`; the others' are empty.
///
/// `onnx` is a file of ours with the output `features`. What `kept` knows is not made again, and
/// what is new is kept.
///
/// # Errors
/// Where pixels are not to be had or the network cannot be run.
pub(super) fn embed(
    runtime: &Runtime,
    onnx: &[u8],
    shape: InputShape,
    set: &Prepared<'_>,
    kept: Option<&mut Embeddings>,
) -> Result<Vec<Vec<f32>>, LearnError> {
    let content = |i: usize| set.data.examples()[set.labelled[i].example].content;
    let Split { train, validation, test } = &set.split;
    let wanted: Vec<usize> = [&train[..], validation, test].concat();
    let mut rows = vec![Vec::new(); set.labelled.len()];
    for i in &wanted {
        if let Some(row) = kept.as_deref().and_then(|kept| kept.get(&content(*i))) {
            rows[*i] = row.to_vec();
        }
    }
    let fresh: Vec<usize> = wanted.into_iter().filter(|i| rows[*i].is_empty()).collect();
    for (i, row) in fresh.iter().zip(run(runtime, onnx, shape, set, &fresh, "features")?) {
        rows[*i] = row;
    }
    if let Some(kept) = kept.filter(|_| !fresh.is_empty()) {
        kept.add(fresh.into_iter().map(|i| (content(i), rows[i].clone())));
    }
    Ok(rows)
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
