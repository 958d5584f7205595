//! The compact residual network: what a CPU trains on every label of a hall in minutes.

use super::small::basic_block;
use super::{Builder, Graph, GraphError};
use hydra_proto::registry::InputShape;

/// Channels of the three stages.
const STAGES: [usize; 3] = [24, 48, 96];
const EPSILON: f64 = 1e-5;

/// A stem of 5x5 kernels and stride 4, three residual blocks, mean and energy (mean square) over
/// space, linear layer. On plots that are aligned to their reference, edges and text are gone, and
/// nothing is lost by a coarse stem.
///
/// # Errors
/// Where the image is not grey or RGB, or no output is asked for.
pub fn compact_residual(input: InputShape, outputs: usize) -> Result<Graph, GraphError> {
    let (mut b, x) = Builder::new(input)?;
    let x = b.conv("conv1", x, STAGES[0], [5, 5], 4, [2, 2])?;
    let x = b.norm("bn1", x, EPSILON);
    let mut x = b.relu(x);
    for (at, channels) in STAGES.into_iter().enumerate() {
        let stride = if at == 0 { 1 } else { 2 };
        x = basic_block(&mut b, &format!("layer{}.0", at + 1), x, channels, stride)?;
    }
    let energy = b.square(x);
    let maps = b.concat("maps", &[x, energy]);
    b.finish(maps, 0.1, outputs, None)
}
