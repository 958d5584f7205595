//! The small residual network: what a CPU trains in minutes.

use super::{Builder, Graph, GraphError, NodeId};
use hydra_proto::registry::InputShape;

/// Channels of the four stages.
const STAGES: [usize; 4] = [16, 32, 64, 128];
const EPSILON: f64 = 1e-5;

/// A stem of stride 2, four residual blocks (He et al., arXiv:1512.03385), mean over space,
/// linear layer: 0.3 million parameters.
///
/// # Errors
/// Where the image is not grey or RGB, or no output is asked for.
pub fn small_residual(input: InputShape, outputs: usize) -> Result<Graph, GraphError> {
    let (mut b, x) = Builder::new(input)?;
    let x = b.conv("conv1", x, STAGES[0], [3, 3], 2, [1, 1])?;
    let x = b.norm("bn1", x, EPSILON);
    let mut x = b.relu(x);
    for (at, channels) in STAGES.into_iter().enumerate() {
        let stride = if at == 0 { 1 } else { 2 };
        x = basic_block(&mut b, &format!("layer{}.0", at + 1), x, channels, stride)?;
    }
    b.finish(x, 0.1, outputs, None)
}

/// Two 3x3 convolutions beside a shortcut, as in ResNet-18; torchvision's names.
pub(super) fn basic_block(
    b: &mut Builder,
    name: &str,
    x: NodeId,
    channels: usize,
    stride: usize,
) -> Result<NodeId, GraphError> {
    let y = b.conv(&format!("{name}.conv1"), x, channels, [3, 3], stride, [1, 1])?;
    let y = b.norm(&format!("{name}.bn1"), y, EPSILON);
    let y = b.relu(y);
    let y = b.conv(&format!("{name}.conv2"), y, channels, [3, 3], 1, [1, 1])?;
    let y = b.norm(&format!("{name}.bn2"), y, EPSILON);
    let (before, ..) = b.maps(x);
    let shortcut = if stride == 1 && before == channels {
        x
    } else {
        let s = b.conv(&format!("{name}.downsample.0"), x, channels, [1, 1], stride, [0, 0])?;
        b.norm(&format!("{name}.downsample.1"), s, EPSILON)
    };
    let sum = b.add(&format!("{name}.add"), y, shortcut);
    Ok(b.relu(sum))
}
