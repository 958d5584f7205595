//! A network -> a second, small graph that says which places of the picture spoke for a class.
//!
//! Grad-CAM weighs the last convolution's maps A_c with the mean gradient of a class's logit y
//! over each map, a_c = mean_ij dy/dA_c,ij, and shows the sum over c of a_c A_c (Selvaraju et
//! al., ICCV 2017). Here the network is cut at those maps: the part in front is the network
//! itself with the maps as an output more, and the part behind, the *tail*, is written anew with
//! its gradient (reverse-mode differentiation, rule by rule), as one graph from maps and class
//! to the map. The class is chosen by a one-hot input, so one graph serves all classes, and the
//! logit in front of a softmax is what is differentiated.

mod build;
mod check;
mod cut;
mod eigen;
mod tail;
mod vjp;

pub(crate) use check::verify;
pub(crate) use cut::{Last, ending};
pub use eigen::eigen_cam;
pub(crate) use tail::Tail;

use crate::{
    Runtime,
    manifest::Method,
    onnx::GraphProto,
    scan::{Checked, Limits, SafeFile, scan},
};

/// Names in the tail's graph.
pub mod names {
    /// Input: the last maps, 1 x channels x height x width.
    pub const MAPS: &str = "maps";
    /// Input: 1 x scores, 1 at the class to explain (-1 for the first of two labels that share
    /// one score) and 0 elsewhere.
    pub const TARGET: &str = "target";
    /// Output: 1 x 1 x height x width.
    pub const CAM: &str = "cam";
    /// Output: the weight of each map, 1 x channels x 1 x 1.
    pub const WEIGHTS: &str = "weights";
}

/// How a network can be explained.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Exactly.
    Tail { maps: String, method: Method, tail: Box<Tail>, file: SafeFile },
    /// By the maps alone.
    Eigen { maps: String, reason: String },
    /// Not at all.
    None { reason: String },
}

/// Finds the last maps of a network (checked at a batch of one) and writes the graph that weighs
/// them.
pub(crate) fn plan(checked: &Checked, scores: &str, runtime: &Runtime) -> Plan {
    let graph = cut::frozen(checked);
    let logits = ending(&graph, scores).logits;
    let maps = match cut::find_maps(&graph, &checked.facts, &logits) {
        Ok(maps) => maps,
        Err(reason) => return Plan::None { reason },
    };
    let eigen = |reason: String| Plan::Eigen { maps: maps.clone(), reason };
    let tail = match tail::extract(&graph, checked, &maps, &logits, runtime) {
        Ok(tail) => tail,
        Err(reason) => return eigen(reason),
    };
    let method = if tail.is_pooled_and_linear() { Method::GradCam } else { Method::Gradient };
    match differentiated(&tail) {
        Ok(file) => Plan::Tail { maps, method, tail: Box::new(tail), file },
        Err(reason) => eigen(reason),
    }
}

/// The graph from maps and class to the weighted sum.
fn differentiated(tail: &Tail) -> Result<SafeFile, String> {
    let graph = vjp::with_gradient(tail)?;
    safe(&graph, &tail.inputs())
}

/// What we wrote goes through the same door as what others wrote.
fn safe(graph: &GraphProto, inputs: &[(&str, Vec<usize>)]) -> Result<SafeFile, String> {
    let bytes = crate::scan::encode(graph.clone(), crate::onnx::OPSET);
    let scanned = scan(&bytes, &Limits::default()).map_err(|error| error.to_string())?;
    scanned.sized(inputs).map(Checked::into_file).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
