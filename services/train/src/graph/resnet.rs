//! ResNet-18.

use super::{Builder, Graph, GraphError, small::basic_block};
use hydra_proto::registry::InputShape;

/// ResNet-18 with torchvision's names and normalisation.
///
/// # Errors
/// Where the image is not grey or RGB, or no output is asked for.
pub fn resnet18(input: InputShape, outputs: usize) -> Result<Graph, GraphError> {
    let (mut b, x) = Builder::new(input)?;
    let x = b.conv("conv1", x, 64, [7, 7], 2, [3, 3])?;
    let x = b.norm("bn1", x, 1e-5);
    let x = b.relu(x);
    let mut x = b.max_pool("maxpool", x, [3, 2, 1])?;
    for (at, channels) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let stride = if at > 0 && block == 0 { 2 } else { 1 };
            x = basic_block(&mut b, &format!("layer{}.{block}", at + 1), x, channels, stride)?;
        }
    }
    let mut graph = b.finish(x, 0.0, outputs, None)?;
    // What torchvision's weights were trained with.
    if input.channels == 3 {
        graph.mean = vec![0.485, 0.456, 0.406];
        graph.std = vec![0.229, 0.224, 0.225];
    }
    Ok(graph)
}
