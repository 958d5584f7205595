//! A trained network as bytes, for others to go on from.

use super::Recipe;
use super::learn::Network;
use crate::align::Shown;
use crate::graph::Architecture;
use crate::weights::{Array, Weights};
use hydra_proto::ModelDigest;
use hydra_proto::registry::InputShape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A model whose trunk or weights another one starts from.
#[derive(Debug, Clone)]
pub struct Parent {
    /// Its name, where it is in the library.
    pub digest: Option<ModelDigest>,
    /// Its network.
    pub network: Network,
}

impl Parent {
    /// Weights of elsewhere, of the network that `recipe` asks for; their last layer is of other
    /// labels.
    pub fn outside(recipe: &Recipe, weights: Weights) -> Self {
        let Recipe { architecture, input, shown, .. } = *recipe;
        Self { digest: None, network: Network { architecture, input, shown, outputs: 0, weights } }
    }
}

/// Why bytes are no network.
#[derive(Debug, thiserror::Error)]
#[error("these are no weights of a network of ours: {0}")]
pub struct ParentError(String);

#[derive(Serialize, Deserialize)]
struct Facts {
    architecture: Architecture,
    input: InputShape,
    shown: Shown,
    outputs: usize,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

impl Network {
    /// In the safetensors layout, with what the network is in its metadata.
    pub fn to_bytes(&self) -> Vec<u8> {
        let facts = Facts {
            architecture: self.architecture,
            input: self.input,
            shown: self.shown,
            outputs: self.outputs,
        };
        let mut header = serde_json::Map::new();
        let network = serde_json::to_string(&facts).unwrap_or_default();
        header.insert("__metadata__".into(), serde_json::json!({ "network": network }));
        let mut data = Vec::new();
        for (name, array) in self.weights.iter() {
            let start = data.len();
            data.extend(array.data.iter().flat_map(|v| v.to_le_bytes()));
            let (dtype, shape) = ("F32".to_owned(), array.shape.clone());
            let entry = Entry { dtype, shape, data_offsets: [start, data.len()] };
            header.insert(name.clone(), serde_json::to_value(entry).unwrap_or_default());
        }
        let header = serde_json::Value::Object(header).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.append(&mut data);
        bytes
    }

    /// Reads what `to_bytes` wrote.
    ///
    /// # Errors
    /// [`ParentError`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParentError> {
        let refused = |why: &str| ParentError(why.to_owned());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| refused("too short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let header = rest.get(..length).ok_or_else(|| refused("cut off"))?;
        let data = &rest[length..];
        let mut header: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(header).map_err(|e| ParentError(e.to_string()))?;
        let metadata = header.remove("__metadata__").unwrap_or_default();
        let facts = metadata["network"].as_str().ok_or_else(|| refused("it is not said whose"))?;
        let facts: Facts = serde_json::from_str(facts).map_err(|e| ParentError(e.to_string()))?;
        let mut weights = Weights::default();
        for (name, entry) in header {
            let Entry { shape, data_offsets: [start, end], .. } =
                serde_json::from_value(entry).map_err(|e| ParentError(e.to_string()))?;
            let bytes = data.get(start..end).ok_or_else(|| refused("a tensor is cut off"))?;
            let data = bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
            weights.insert(name, Array { shape, data: data.collect() });
        }
        let Facts { architecture, input, shown, outputs } = facts;
        let network = Self { architecture, input, shown, outputs, weights };
        let graph = network.graph().map_err(|e| ParentError(e.to_string()))?;
        network.weights.check(&graph).map_err(|e| ParentError(e.to_string()))?;
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_comes_back_as_it_was_and_other_bytes_do_not() {
        let input = InputShape { width: 48, height: 32, channels: 3, letterbox: false };
        let architecture = Architecture::Compact;
        let graph = architecture.graph(input, 3).unwrap().reading(6);
        let weights = Weights::random(&graph, 1);
        let shown = Shown::Both;
        let network = Network { architecture, input, shown, outputs: 3, weights };
        let bytes = network.to_bytes();
        assert_eq!(Network::from_bytes(&bytes).unwrap(), network);
        for wrong in [&bytes[..bytes.len() - 4], &bytes[..100], b"", b"\x02\0\0\0\0\0\0\0{}"] {
            assert!(Network::from_bytes(wrong).is_err());
        }
    }
}
