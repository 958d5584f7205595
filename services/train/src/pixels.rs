//! 8-bit pixels to what a network reads.

use crate::graph::Graph;
use burn::tensor::{Device, Tensor, TensorData};

/// Normalised maps `[n, channels, height, width]` of interleaved 8-bit images, one after the
/// other, each of the graph's input shape. What is beyond whole images is left out.
pub fn normalised(graph: &Graph, pixels: &[u8], device: &Device) -> Tensor<4> {
    let (width, height) = (graph.input.width as usize, graph.input.height as usize);
    let channels = graph.input.channels as usize;
    let area = width * height;
    let count = pixels.len() / (area * channels);
    let mut maps = vec![0.0f32; count * channels * area];
    for (image, planes) in
        pixels.chunks_exact(area * channels).zip(maps.chunks_exact_mut(area * channels))
    {
        normalise_into(graph, image, planes);
    }
    Tensor::from_data(TensorData::new(maps, [count, channels, height, width]), device)
}

/// One interleaved image to as many normalised planes as it has channels.
pub fn normalise_into(graph: &Graph, image: &[u8], planes: &mut [f32]) {
    let area = graph.input.width as usize * graph.input.height as usize;
    let channels = graph.input.channels as usize;
    for (channel, plane) in planes.chunks_exact_mut(area).enumerate() {
        let (scale, shift) = (1.0 / (255.0 * graph.std[channel]), graph.mean[channel]);
        let shift = shift / graph.std[channel];
        let values = image.iter().skip(channel).step_by(channels);
        plane.iter_mut().zip(values).for_each(|(to, v)| *to = f32::from(*v) * scale - shift);
    }
}
