//! Builds a [`Graph`] node by node and works out the shapes on the way.

use super::{Graph, Node, NodeId, Op, Shape};
use hydra_proto::registry::InputShape;

/// Why a network cannot be built for an image shape.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Only grey and RGB images are known.
    #[error("images of {found} channels are not known, only 1 (grey) and 3 (RGB)")]
    Channels {
        /// As asked for.
        found: u32,
    },
    /// Nothing would be left of the image at this layer.
    #[error("an image of {width}x{height} pixels is too small for layer {layer}")]
    TooSmall {
        /// The first layer that has nothing to work on.
        layer: String,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// A network without an output decides nothing.
    #[error("a network needs at least one output")]
    NoOutput,
}

/// A graph in the making.
pub struct Builder {
    input: InputShape,
    nodes: Vec<Node>,
}

impl Builder {
    /// Starts with the input node.
    ///
    /// # Errors
    /// Where the image is neither grey nor RGB.
    pub fn new(input: InputShape) -> Result<(Self, NodeId), GraphError> {
        if !matches!(input.channels, 1 | 3) {
            return Err(GraphError::Channels { found: input.channels });
        }
        let shape =
            Shape::Maps(input.channels as usize, input.height as usize, input.width as usize);
        let node = Node { name: "input".into(), op: Op::Input, inputs: vec![], shape };
        Ok((Self { input, nodes: vec![node] }, NodeId(0)))
    }

    /// Channels, height and width of a value of maps.
    pub fn maps(&self, id: NodeId) -> (usize, usize, usize) {
        match self.nodes[id.0].shape {
            Shape::Maps(c, h, w) => (c, h, w),
            Shape::Flat(n) => (n, 1, 1),
        }
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[NodeId], shape: Shape) -> NodeId {
        let node = Node { name: name.into(), op, inputs: inputs.to_vec(), shape };
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    /// Size after a window of `kernel` was moved over `size` pixels.
    fn windows(
        &self,
        name: &str,
        size: usize,
        [kernel, stride, padding]: [usize; 3],
    ) -> Result<usize, GraphError> {
        match (size + 2 * padding).checked_sub(kernel) {
            Some(rest) if size > 0 => Ok(rest / stride + 1),
            _ => Err(GraphError::TooSmall {
                layer: name.into(),
                width: self.input.width,
                height: self.input.height,
            }),
        }
    }

    /// A convolution to `output` channels.
    pub fn conv(
        &mut self,
        name: &str,
        x: NodeId,
        output: usize,
        kernel: [usize; 2],
        stride: usize,
        padding: [usize; 2],
    ) -> Result<NodeId, GraphError> {
        let (input, h, w) = self.maps(x);
        let h = self.windows(name, h, [kernel[0], stride, padding[0]])?;
        let w = self.windows(name, w, [kernel[1], stride, padding[1]])?;
        let op = Op::Conv { input, output, kernel, stride: [stride; 2], padding };
        Ok(self.push(name, op, &[x], Shape::Maps(output, h, w)))
    }

    /// A batch normalisation.
    pub fn norm(&mut self, name: &str, x: NodeId, epsilon: f64) -> NodeId {
        let shape = self.nodes[x.0].shape;
        let (channels, ..) = self.maps(x);
        self.push(name, Op::Norm { channels, epsilon }, &[x], shape)
    }

    /// max(0, x), named after what it follows.
    pub fn relu(&mut self, x: NodeId) -> NodeId {
        let node = &self.nodes[x.0];
        let (name, shape) = (format!("{}.relu", node.name), node.shape);
        self.push(&name, Op::Relu, &[x], shape)
    }

    /// x², named after what it follows: its mean over space is an energy, in which a strong
    /// deviation of a few places is not lost.
    pub fn square(&mut self, x: NodeId) -> NodeId {
        let node = &self.nodes[x.0];
        let (name, shape) = (format!("{}.square", node.name), node.shape);
        self.push(&name, Op::Square, &[x], shape)
    }

    /// A maximum over windows.
    pub fn max_pool(
        &mut self,
        name: &str,
        x: NodeId,
        [kernel, stride, padding]: [usize; 3],
    ) -> Result<NodeId, GraphError> {
        let shape = self.pooled(name, x, [kernel, stride, padding])?;
        Ok(self.push(name, Op::MaxPool { kernel, stride, padding }, &[x], shape))
    }

    /// A mean over windows.
    pub fn avg_pool(
        &mut self,
        name: &str,
        x: NodeId,
        [kernel, stride, padding]: [usize; 3],
    ) -> Result<NodeId, GraphError> {
        let shape = self.pooled(name, x, [kernel, stride, padding])?;
        Ok(self.push(name, Op::AvgPool { kernel, stride, padding }, &[x], shape))
    }

    fn pooled(&self, name: &str, x: NodeId, window: [usize; 3]) -> Result<Shape, GraphError> {
        let (c, h, w) = self.maps(x);
        Ok(Shape::Maps(c, self.windows(name, h, window)?, self.windows(name, w, window)?))
    }

    /// The sum of two values of one shape.
    pub fn add(&mut self, name: &str, a: NodeId, b: NodeId) -> NodeId {
        let shape = self.nodes[a.0].shape;
        debug_assert_eq!(shape, self.nodes[b.0].shape, "{name}");
        self.push(name, Op::Add, &[a, b], shape)
    }

    /// Maps joined along the channels.
    pub fn concat(&mut self, name: &str, inputs: &[NodeId]) -> NodeId {
        let (_, h, w) = self.maps(inputs[0]);
        let channels = inputs.iter().map(|id| self.maps(*id).0).sum();
        self.push(name, Op::Concat, inputs, Shape::Maps(channels, h, w))
    }

    /// The mean over space.
    pub fn global_avg(&mut self, name: &str, x: NodeId) -> NodeId {
        let (c, ..) = self.maps(x);
        self.push(name, Op::GlobalAvg, &[x], Shape::Flat(c))
    }

    /// Dropout in training.
    pub fn dropout(&mut self, name: &str, x: NodeId, probability: f64) -> NodeId {
        let shape = self.nodes[x.0].shape;
        self.push(name, Op::Dropout { probability }, &[x], shape)
    }

    /// A linear layer.
    pub fn linear(&mut self, name: &str, x: NodeId, output: usize) -> NodeId {
        let (input, ..) = self.maps(x);
        self.push(name, Op::Linear { input, output }, &[x], Shape::Flat(output))
    }

    /// The end: mean over `maps`, dropout, linear layer `fc`.
    ///
    /// # Errors
    /// Where no output is asked for.
    pub fn finish(
        mut self,
        maps: NodeId,
        dropout: f64,
        outputs: usize,
        auxiliary: Option<NodeId>,
    ) -> Result<Graph, GraphError> {
        if outputs == 0 {
            return Err(GraphError::NoOutput);
        }
        let features = self.global_avg("avgpool", maps);
        let dropped = match dropout {
            p if p > 0.0 => self.dropout("dropout", features, p),
            _ => features,
        };
        let logits = self.linear("fc", dropped, outputs);
        let channels = self.input.channels as usize;
        Ok(Graph {
            input: self.input,
            mean: vec![0.5; channels],
            std: vec![0.5; channels],
            nodes: self.nodes,
            maps,
            features,
            logits,
            auxiliary,
        })
    }
}
