//! Why a model file is refused, before any runtime sees it.

use crate::onnx::OnnxError;

/// Why a model file is refused. Permanent: the same bytes are refused again.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// No bytes at all.
    #[error("the model file is empty (0 bytes)")]
    Empty,
    /// Larger than allowed.
    #[error("the model file has {size_bytes} bytes, at most {max_bytes} are allowed")]
    TooLarge {
        /// Its size.
        size_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The bytes are of another format, or cut off.
    #[error("not an ONNX file, or damaged: {what}")]
    NotOnnx {
        /// What is wrong with the bytes.
        what: &'static str,
    },
    /// The decoder refuses the bytes.
    #[error("not an ONNX file, or damaged")]
    Decode(#[from] OnnxError),
    /// It would fill the memory when decoded.
    #[error("decoding the model would take more than {max_bytes} bytes of memory")]
    Swells {
        /// The limit.
        max_bytes: u64,
    },
    /// A version of the operator set that is not known here.
    #[error("operator set {found}: {min} to {max} are taken; export the model again")]
    Opset {
        /// In the file; 0 where it names none.
        found: i64,
        /// Oldest.
        min: i64,
        /// Newest.
        max: i64,
    },
    /// Weights in another file.
    #[error("tensor {tensor:?} keeps its data in another file; save the model as one file")]
    ExternalData {
        /// Its name.
        tensor: String,
    },
    /// A sparse tensor.
    #[error("{place} is a sparse tensor, which is not taken")]
    Sparse {
        /// Where.
        place: String,
    },
    /// A tensor that is not what it says.
    #[error("tensor {tensor:?}: {why}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        why: String,
    },
    /// An operator of somebody's own library.
    #[error("{node} is of the domain {domain:?}; only standard ONNX operators are taken")]
    Domain {
        /// The node.
        node: String,
        /// The domain.
        domain: String,
    },
    /// A standard operator that no classifier needs, or whose cost cannot be told.
    #[error("{node} is not among the operators that are taken")]
    Operator {
        /// The node.
        node: String,
    },
    /// A graph inside a node: loops and branches.
    #[error("{node} holds a graph of its own ({attribute}); loops and branches are not taken")]
    Subgraph {
        /// The node.
        node: String,
        /// The attribute.
        attribute: String,
    },
    /// Operators that the file itself defines, or a training graph.
    #[error("the file holds {what}, which is not taken; export the plain network")]
    Extra {
        /// What.
        what: &'static str,
    },
    /// More of something than any classifier has.
    #[error("{count} {what}, at most {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A node reads what no node before it makes: a cycle, or a list that is not in order.
    #[error("{node} reads {input:?}, which nothing before it makes (a cycle, or out of order)")]
    Missing {
        /// The node.
        node: String,
        /// The tensor's name.
        input: String,
    },
    /// Two things have one name.
    #[error("{name:?} is made twice")]
    Twice {
        /// The tensor's name.
        name: String,
    },
    /// An output that no node makes.
    #[error("output {name:?} is made by no node")]
    NoOutput {
        /// Its name.
        name: String,
    },
    /// The size of a tensor is not known before it is made.
    #[error("{node}: {why}")]
    Unsized {
        /// The node.
        node: String,
        /// What is in the way.
        why: String,
    },
    /// The network would need too much memory or time.
    #[error("{node} brings the network to {found} {what}, at most {max} are allowed")]
    TooBig {
        /// The node.
        node: String,
        /// What.
        what: &'static str,
        /// How many.
        found: u64,
        /// The limit.
        max: u64,
    },
}

/// A name from a file, short enough for a message and on one line.
pub(crate) fn short(name: &str) -> String {
    name.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect()
}
