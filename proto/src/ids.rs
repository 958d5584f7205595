//! Identity: what an image, a blob and a model are called, derived from what they are.

use crate::PlotTypeName;
use prost::bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::{fmt, marker::PhantomData, str::FromStr};

/// Text that is not the hexadecimal form of an id.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not {expected} hexadecimal digits")]
pub struct InvalidId {
    text: String,
    expected: usize,
}

/// Some bytes of fixed length that name a thing of kind `K`; hexadecimal in text.
/// The kind keeps a model's digest from being taken for a blob's key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id<K, const LEN: usize>([u8; LEN], PhantomData<K>);

/// Kind of [`ContentHash`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Content;
/// Kind of [`ModelDigest`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Model;
/// Kind of [`ImageId`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Image;

/// SHA-256 of some bytes: the key under which the blob store keeps them.
pub type ContentHash = Id<Content, 32>;
/// SHA-256 of a model bundle's manifest.
pub type ModelDigest = Id<Model, 32>;
/// Identity of an image: run and chunk in front, so that ids grow with time and an index on
/// them stays local at any number of rows; then 128 bits of a hash over everything that makes
/// it this image and no other.
pub type ImageId = Id<Image, 24>;

impl<K: Copy, const LEN: usize> Id<K, LEN> {
    /// Length in bytes.
    pub const LEN: usize = LEN;

    /// From exactly [`Self::LEN`] bytes.
    pub fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self(bytes, PhantomData)
    }

    /// From a slice of the right length, else `None`.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }

    /// The bytes, as they travel and are stored.
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// The bytes as a message field.
    pub fn to_field(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}

impl<K, const LEN: usize> fmt::Display for Id<K, LEN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<K, const LEN: usize> fmt::Debug for Id<K, LEN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<K, const LEN: usize> FromStr for Id<K, LEN> {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut bytes = [0; LEN];
        let upper = text.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if !upper => Ok(Self(bytes, PhantomData)),
            _ => Err(InvalidId { text: text.chars().take(80).collect(), expected: LEN * 2 }),
        }
    }
}

impl<K, const LEN: usize> Serialize for Id<K, LEN> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K, const LEN: usize> Deserialize<'de> for Id<K, LEN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_bytes(Sha256::digest(bytes).into())
    }
}

impl ModelDigest {
    /// The digest of a manifest's bytes.
    pub fn of(manifest: &[u8]) -> Self {
        Self::from_bytes(Sha256::digest(manifest).into())
    }
}

impl ImageId {
    /// The id of the image with this plot type, run, chunk and content. The same four give the
    /// same id on every machine and at every repetition.
    pub fn of(
        plot_type: &PlotTypeName,
        run: u32,
        chunk: Option<u32>,
        content: &ContentHash,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update((plot_type.as_str().len() as u32).to_be_bytes());
        hash.update(plot_type.as_str());
        hash.update(run.to_be_bytes());
        hash.update([u8::from(chunk.is_some())]);
        hash.update(chunk.unwrap_or(0).to_be_bytes());
        hash.update(content.as_bytes());
        let digest = hash.finalize();
        let mut id = [0; 24];
        id[..4].copy_from_slice(&run.to_be_bytes());
        id[4..8].copy_from_slice(&chunk.unwrap_or(0).to_be_bytes());
        id[8..].copy_from_slice(&digest[..16]);
        Self::from_bytes(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(name: &str) -> PlotTypeName {
        name.parse().unwrap()
    }

    #[test]
    fn identity_depends_on_all_four_and_on_nothing_else() {
        let a = ContentHash::of(b"a");
        let id = ImageId::of(&plot("CDC"), 7, Some(1), &a);
        assert_eq!(id, ImageId::of(&plot("CDC"), 7, Some(1), &a));
        for other in [
            ImageId::of(&plot("CDD"), 7, Some(1), &a),
            ImageId::of(&plot("CDC"), 8, Some(1), &a),
            ImageId::of(&plot("CDC"), 7, Some(2), &a),
            ImageId::of(&plot("CDC"), 7, Some(1), &ContentHash::of(b"b")),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn no_chunk_and_chunk_zero_are_two_images() {
        let a = ContentHash::of(b"a");
        assert_ne!(
            ImageId::of(&plot("CDC"), 7, None, &a),
            ImageId::of(&plot("CDC"), 7, Some(0), &a)
        );
    }

    #[test]
    fn ids_grow_with_run_and_chunk() {
        let a = ContentHash::of(b"a");
        let early = ImageId::of(&plot("Z"), 7, Some(9), &a);
        assert!(early < ImageId::of(&plot("A"), 7, Some(10), &a));
        assert!(early < ImageId::of(&plot("A"), 8, Some(0), &a));
    }

    #[test]
    fn text_form_round_trips_and_refuses_the_rest() {
        let id = ContentHash::of(b"x");
        assert_eq!(id.to_string().parse::<ContentHash>().unwrap(), id);
        for bad in ["", "00", "zz", "../../etc/passwd", &id.to_string().to_uppercase()] {
            assert!(bad.parse::<ContentHash>().is_err(), "{bad}");
        }
    }
}
