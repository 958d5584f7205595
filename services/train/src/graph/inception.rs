//! Inception v3 with its auxiliary head.

use super::{Builder, Graph, GraphError, NodeId};
use hydra_proto::registry::InputShape;

/// Below this image size the auxiliary head has nothing to work on and is left out.
pub const INCEPTION_AUX_MIN_PX: u32 = 299;
const EPSILON: f64 = 1e-3;

/// Inception v3 with torchvision's names; pixels are scaled to [-1, 1], which is what
/// torchvision's weights see behind their input transform.
///
/// # Errors
/// Where the image is smaller than 75 pixels, not grey or RGB, or no output is asked for.
pub fn inception_v3(input: InputShape, outputs: usize) -> Result<Graph, GraphError> {
    let (b, x) = Builder::new(input)?;
    let mut net = Inception { b };
    let x = net.stem(x)?;
    let x = net.block_a("Mixed_5b", x, 32)?;
    let x = net.block_a("Mixed_5c", x, 64)?;
    let x = net.block_a("Mixed_5d", x, 64)?;
    let x = net.block_b("Mixed_6a", x)?;
    let x = net.block_c("Mixed_6b", x, 128)?;
    let x = net.block_c("Mixed_6c", x, 160)?;
    let x = net.block_c("Mixed_6d", x, 160)?;
    let x = net.block_c("Mixed_6e", x, 192)?;
    let auxiliary = match input.width.min(input.height) {
        px if px >= INCEPTION_AUX_MIN_PX => Some(net.auxiliary(x, outputs)?),
        _ => None,
    };
    let x = net.block_d("Mixed_7a", x)?;
    let x = net.block_e("Mixed_7b", x)?;
    let x = net.block_e("Mixed_7c", x)?;
    net.b.finish(x, 0.5, outputs, auxiliary)
}

struct Inception {
    b: Builder,
}

type Built = Result<NodeId, GraphError>;

impl Inception {
    /// Convolution, norm, ReLU: torchvision's `BasicConv2d`.
    fn conv(
        &mut self,
        name: &str,
        x: NodeId,
        output: usize,
        kernel: [usize; 2],
        stride: usize,
        padding: [usize; 2],
    ) -> Built {
        let x = self.b.conv(&format!("{name}.conv"), x, output, kernel, stride, padding)?;
        let x = self.b.norm(&format!("{name}.bn"), x, EPSILON);
        Ok(self.b.relu(x))
    }

    /// A square kernel of stride 1.
    fn same(&mut self, name: &str, x: NodeId, output: usize, kernel: usize) -> Built {
        self.conv(name, x, output, [kernel; 2], 1, [kernel / 2; 2])
    }

    fn stem(&mut self, x: NodeId) -> Built {
        let x = self.conv("Conv2d_1a_3x3", x, 32, [3, 3], 2, [0, 0])?;
        let x = self.conv("Conv2d_2a_3x3", x, 32, [3, 3], 1, [0, 0])?;
        let x = self.conv("Conv2d_2b_3x3", x, 64, [3, 3], 1, [1, 1])?;
        let x = self.b.max_pool("maxpool1", x, [3, 2, 0])?;
        let x = self.conv("Conv2d_3b_1x1", x, 80, [1, 1], 1, [0, 0])?;
        let x = self.conv("Conv2d_4a_3x3", x, 192, [3, 3], 1, [0, 0])?;
        self.b.max_pool("maxpool2", x, [3, 2, 0])
    }

    fn pool_branch(&mut self, name: &str, x: NodeId, output: usize) -> Built {
        let x = self.b.avg_pool(&format!("{name}.avg_pool"), x, [3, 1, 1])?;
        self.same(&format!("{name}.branch_pool"), x, output, 1)
    }

    fn block_a(&mut self, n: &str, x: NodeId, pool: usize) -> Built {
        let one = self.same(&format!("{n}.branch1x1"), x, 64, 1)?;
        let five = self.same(&format!("{n}.branch5x5_1"), x, 48, 1)?;
        let five = self.same(&format!("{n}.branch5x5_2"), five, 64, 5)?;
        let three = self.same(&format!("{n}.branch3x3dbl_1"), x, 64, 1)?;
        let three = self.same(&format!("{n}.branch3x3dbl_2"), three, 96, 3)?;
        let three = self.same(&format!("{n}.branch3x3dbl_3"), three, 96, 3)?;
        let pool = self.pool_branch(n, x, pool)?;
        Ok(self.b.concat(n, &[one, five, three, pool]))
    }

    fn block_b(&mut self, n: &str, x: NodeId) -> Built {
        let three = self.conv(&format!("{n}.branch3x3"), x, 384, [3, 3], 2, [0, 0])?;
        let double = self.same(&format!("{n}.branch3x3dbl_1"), x, 64, 1)?;
        let double = self.same(&format!("{n}.branch3x3dbl_2"), double, 96, 3)?;
        let double = self.conv(&format!("{n}.branch3x3dbl_3"), double, 96, [3, 3], 2, [0, 0])?;
        let pool = self.b.max_pool(&format!("{n}.max_pool"), x, [3, 2, 0])?;
        Ok(self.b.concat(n, &[three, double, pool]))
    }

    fn block_c(&mut self, n: &str, x: NodeId, c7: usize) -> Built {
        let one = self.same(&format!("{n}.branch1x1"), x, 192, 1)?;
        let (wide, tall) = (([1, 7], [0, 3]), ([7, 1], [3, 0]));
        let mut seven = self.same(&format!("{n}.branch7x7_1"), x, c7, 1)?;
        for (at, output, (kernel, padding)) in [(2, c7, wide), (3, 192, tall)] {
            seven = self.conv(&format!("{n}.branch7x7_{at}"), seven, output, kernel, 1, padding)?;
        }
        let mut double = self.same(&format!("{n}.branch7x7dbl_1"), x, c7, 1)?;
        for (at, output, (kernel, padding)) in
            [(2, c7, tall), (3, c7, wide), (4, c7, tall), (5, 192, wide)]
        {
            double =
                self.conv(&format!("{n}.branch7x7dbl_{at}"), double, output, kernel, 1, padding)?;
        }
        let pool = self.pool_branch(n, x, 192)?;
        Ok(self.b.concat(n, &[one, seven, double, pool]))
    }

    fn block_d(&mut self, n: &str, x: NodeId) -> Built {
        let three = self.same(&format!("{n}.branch3x3_1"), x, 192, 1)?;
        let three = self.conv(&format!("{n}.branch3x3_2"), three, 320, [3, 3], 2, [0, 0])?;
        let seven = self.same(&format!("{n}.branch7x7x3_1"), x, 192, 1)?;
        let seven = self.conv(&format!("{n}.branch7x7x3_2"), seven, 192, [1, 7], 1, [0, 3])?;
        let seven = self.conv(&format!("{n}.branch7x7x3_3"), seven, 192, [7, 1], 1, [3, 0])?;
        let seven = self.conv(&format!("{n}.branch7x7x3_4"), seven, 192, [3, 3], 2, [0, 0])?;
        let pool = self.b.max_pool(&format!("{n}.max_pool"), x, [3, 2, 0])?;
        Ok(self.b.concat(n, &[three, seven, pool]))
    }

    fn block_e(&mut self, n: &str, x: NodeId) -> Built {
        let one = self.same(&format!("{n}.branch1x1"), x, 320, 1)?;
        let three = self.same(&format!("{n}.branch3x3_1"), x, 384, 1)?;
        let three = self.split(&format!("{n}.branch3x3_2"), three)?;
        let double = self.same(&format!("{n}.branch3x3dbl_1"), x, 448, 1)?;
        let double = self.same(&format!("{n}.branch3x3dbl_2"), double, 384, 3)?;
        let double = self.split(&format!("{n}.branch3x3dbl_3"), double)?;
        let pool = self.pool_branch(n, x, 192)?;
        Ok(self.b.concat(n, &[one, three, double, pool]))
    }

    /// A wide and a tall kernel side by side.
    fn split(&mut self, n: &str, x: NodeId) -> Built {
        let a = self.conv(&format!("{n}a"), x, 384, [1, 3], 1, [0, 1])?;
        let b = self.conv(&format!("{n}b"), x, 384, [3, 1], 1, [1, 0])?;
        Ok(self.b.concat(n, &[a, b]))
    }

    fn auxiliary(&mut self, x: NodeId, outputs: usize) -> Built {
        let x = self.b.avg_pool("AuxLogits.avg_pool", x, [5, 3, 0])?;
        let x = self.same("AuxLogits.conv0", x, 128, 1)?;
        let x = self.conv("AuxLogits.conv1", x, 768, [5, 5], 1, [0, 0])?;
        let x = self.b.global_avg("AuxLogits.avgpool", x);
        Ok(self.b.linear("AuxLogits.fc", x, outputs))
    }
}
