//! Where blobs are kept.

use crate::BlobError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where blobs are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobsConfig {
    /// `file:///srv/hydra/blobs` (a folder; `file:blobs` is relative to the working folder), or
    /// `memory:` for tests, which forgets everything at the end of the process.
    pub url: String,
}

impl Default for BlobsConfig {
    fn default() -> Self {
        Self { url: "file:.hydra/blobs".into() }
    }
}

/// A checked [`BlobsConfig`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Folder(PathBuf),
    Memory,
}

impl BlobsConfig {
    /// Whether the address means anything.
    ///
    /// # Errors
    /// [`BlobError::InvalidUrl`].
    pub fn check(&self) -> Result<(), BlobError> {
        self.place().map(drop)
    }

    /// The folder that the address names, if it names one.
    pub fn folder(&self) -> Option<PathBuf> {
        match self.place() {
            Ok(Place::Folder(path)) => Some(path),
            _ => None,
        }
    }

    /// What the address means.
    pub(crate) fn place(&self) -> Result<Place, BlobError> {
        let invalid = |why| BlobError::InvalidUrl { url: self.url.clone(), why };
        if self.url == "memory:" {
            return Ok(Place::Memory);
        }
        let Some(rest) = self.url.strip_prefix("file:") else {
            return Err(invalid("only file: and memory: are built in"));
        };
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            Some(_) => return Err(invalid("a folder on another host; write file:///path")),
            None => rest,
        };
        if path.is_empty() || path == "/" {
            return Err(invalid("it names no folder"));
        }
        if path.contains(['\0', '%', '?', '#']) {
            return Err(invalid("a folder's name must not hold NUL, %, ? or #"));
        }
        Ok(Place::Folder(path.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Result<Place, BlobError> {
        BlobsConfig { url: url.into() }.place()
    }

    #[test]
    fn addresses_are_understood_or_refused_with_a_reason() {
        assert_eq!(place("file:///srv/blobs").unwrap(), Place::Folder("/srv/blobs".into()));
        assert_eq!(place("file:a/b").unwrap(), Place::Folder("a/b".into()));
        assert_eq!(place("memory:").unwrap(), Place::Memory);
        for bad in [
            "",
            "/srv",
            "s3://bucket",
            "http://169.254.169.254/",
            "file:",
            "file:///",
            "file://host/x",
            "file:///a%2e",
        ] {
            let message = place(bad).unwrap_err().to_string();
            assert!(message.contains("blobs.url"), "{message}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<BlobsConfig>(r#"{"url":"memory:","ulr":1}"#).is_err());
        assert!(serde_json::from_str::<BlobsConfig>(r#"{"url":"memory:"}"#).is_ok());
    }
}
