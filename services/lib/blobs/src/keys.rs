//! Names inside the store: `blobs/aa/bb/<hash>`, `markers/aa/bb/<image id>`, `signatures/<hash>`.
//! Two levels of 256 folders keep each folder small at tens of millions of blobs.

use hydra_proto::{ContentHash, ImageId};
use object_store::path::Path;

/// Folder of the blobs.
pub(crate) const BLOBS: &str = "blobs";
/// Folder of the markers.
pub(crate) const MARKERS: &str = "markers";
/// Folder of the signatures over models.
const SIGNATURES: &str = "signatures";
/// Says that this is a store, and of which layout: what distinguishes it from an unmounted disk.
pub(crate) const STAMP: &str = "hydra-blobs.json";
/// What the stamp holds.
pub(crate) const STAMP_TEXT: &[u8] = b"{\"layout\":1}\n";

pub(crate) fn blob(hash: &ContentHash) -> Path {
    let [a, b, ..] = hash.as_bytes();
    Path::from(format!("{BLOBS}/{a:02x}/{b:02x}/{hash}"))
}

/// The blob whose key this is; `None` for anything that is not one.
pub(crate) fn hash_of(key: &Path) -> Option<ContentHash> {
    let hash: ContentHash = key.filename()?.parse().ok()?;
    (&blob(&hash) == key).then_some(hash)
}

/// An id's first bytes are run and chunk, which hardly differ: the folders come from its hash.
pub(crate) fn marker(image: &ImageId) -> Path {
    let [.., a, b] = image.as_bytes();
    Path::from(format!("{MARKERS}/{a:02x}/{b:02x}/{image}"))
}

/// The image whose marker this is, if it is one.
pub(crate) fn image_of(key: &Path) -> Option<ImageId> {
    let image: ImageId = key.filename()?.parse().ok()?;
    (&marker(&image) == key).then_some(image)
}

/// Of the model with this manifest.
pub(crate) fn signatures(manifest: &ContentHash) -> Path {
    Path::from(format!("{SIGNATURES}/{manifest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_back_to_their_hash_and_nothing_else_does() {
        let hash = ContentHash::of(b"x");
        assert_eq!(hash_of(&blob(&hash)), Some(hash));
        let text = hash.to_string();
        for stranger in [
            format!("blobs/00/00/{text}"),
            format!("blobs/{text}"),
            "blobs/aa/bb/readme".into(),
            STAMP.into(),
        ] {
            assert_eq!(hash_of(&Path::from(stranger.as_str())), None, "{stranger}");
        }
    }
}
