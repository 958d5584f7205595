//! Ids and hashes between their columns and the types of the contract.

use crate::StoreError;
use hydra_proto::{ContentHash, ImageId, ModelDigest};
use sha2::{Digest, Sha256};

/// An image id out of its column.
///
/// # Errors
/// [`StoreError::Refused`] when it has another length.
pub fn image(bytes: &[u8]) -> Result<ImageId, StoreError> {
    ImageId::from_slice(bytes).ok_or_else(|| wrong("an image id", bytes))
}

/// A blob key out of its column.
///
/// # Errors
/// [`StoreError::Refused`] when it has another length.
pub fn content(bytes: &[u8]) -> Result<ContentHash, StoreError> {
    ContentHash::from_slice(bytes).ok_or_else(|| wrong("a blob key", bytes))
}

/// A model digest out of its column.
///
/// # Errors
/// [`StoreError::Refused`] when it has another length.
pub fn model(bytes: &[u8]) -> Result<ModelDigest, StoreError> {
    ModelDigest::from_slice(bytes).ok_or_else(|| wrong("a model digest", bytes))
}

fn wrong(what: &str, bytes: &[u8]) -> StoreError {
    StoreError::Refused(format!("{} bytes are not {what}", bytes.len()))
}

/// The id of some conditions of a run: the run in front, so that the index on it stays local.
pub fn conditions(run: u32, body: &str) -> Vec<u8> {
    let hash = Sha256::digest(body);
    [&run.to_be_bytes()[..], &hash[..12]].concat()
}

/// The id of a dead letter: a stage buries a message once, however often that is reported.
pub fn dead_letter(stage: &str, message_id: &str) -> Vec<u8> {
    derived(&[stage.as_bytes(), message_id.as_bytes()])
}

/// 16 bytes that follow from `parts`.
pub fn derived(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].to_vec()
}

/// Little-endian float32.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}
