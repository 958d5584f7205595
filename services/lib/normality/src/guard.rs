//! A classifier's file -> the same with this model beside it, reading the same pixels: whatever
//! the classifier says, it is known how unlike any Good the plot is.

use super::{NormalityModel, PIXELS};
use hydra_model::onnx::{self, GraphProto, NodeProto, OnnxError};
use std::collections::HashSet;

/// Output of a guarded file: probability of a Good as unlike the others, `[n, 1]`.
pub const GUARD: &str = "guard.p_value";
/// Output of a model's own file: the same.
const P_VALUE: &str = "p_value";

/// Why a classifier has no guard.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Bytes that are no ONNX file.
    #[error("the classifier")]
    Onnx(#[from] OnnxError),
    /// It reads something else.
    #[error("the classifier has no input {PIXELS:?}")]
    Input,
    /// It has been guarded before.
    #[error("the classifier has an output {GUARD:?} already")]
    Twice,
}

impl NormalityModel {
    /// The classifier with one more output, [`GUARD`]. It must read [`PIXELS`] as this model does:
    /// float32 `[n, channels, height, width]` from 0 to 255, of the same shape.
    ///
    /// # Errors
    /// See [`GuardError`].
    pub fn guard(&self, classifier: &[u8]) -> Result<Vec<u8>, GuardError> {
        let mut file = onnx::decode(classifier)?;
        let whole = file.graph.get_or_insert_default();
        if whole.input.iter().all(|input| input.name != PIXELS) {
            return Err(GuardError::Input);
        }
        if whole.output.iter().any(|output| output.name == GUARD) {
            return Err(GuardError::Twice);
        }
        let mut guard = self.graph();
        only(&mut guard, P_VALUE);
        rename(&mut guard);
        whole.node.append(&mut guard.node);
        whole.initializer.append(&mut guard.initializer);
        whole.output.append(&mut guard.output);
        Ok(onnx::encode(&file))
    }
}

/// Keeps what this output needs.
fn only(graph: &mut GraphProto, output: &str) {
    let mut needed = HashSet::from([output.to_owned()]);
    let mut kept: Vec<NodeProto> = Vec::new();
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|name| needed.contains(name)) {
            needed.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    graph.output.retain(|found| found.name == output);
}

/// Puts every name but that of the pixels out of the classifier's way.
fn rename(graph: &mut GraphProto) {
    let change = |name: &mut String| {
        if !name.is_empty() && name != PIXELS {
            *name = format!("guard.{name}");
        }
    };
    for node in &mut graph.node {
        node.input.iter_mut().chain(&mut node.output).for_each(change);
        change(&mut node.name);
    }
    graph.initializer.iter_mut().for_each(|tensor| change(&mut tensor.name));
    graph.output.iter_mut().for_each(|output| change(&mut output.name));
}
