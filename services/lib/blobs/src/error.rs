//! What can go wrong, sorted by what the caller must do.

use hydra_proto::ContentHash;
use std::{error::Error, io};

/// Why a blob could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob, while the store itself is there.
    #[error("blob {0} is not in the store")]
    NotFound(ContentHash),
    /// The bytes under this key are others than those that were put.
    #[error("blob {wanted} is damaged: its {size_bytes} bytes have the hash {found}")]
    Corrupt {
        /// The key.
        wanted: ContentHash,
        /// What the bytes hash to.
        found: ContentHash,
        /// How many there are.
        size_bytes: usize,
    },
    /// The store cannot do it now; waiting may help.
    #[error("blob store cannot {doing}: {away}")]
    Unavailable {
        /// What was tried.
        doing: &'static str,
        /// Why not, for people and metrics.
        away: Away,
        /// What the store says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The address in the configuration means nothing.
    #[error("blobs.url {url:?} is not valid: {why}")]
    InvalidUrl {
        /// As configured.
        url: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// Why a store cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Away {
    /// No space, or a quota is used up.
    Full,
    /// Our user may not.
    Denied,
    /// The store's root is not there: an unmounted disk.
    Absent,
    /// Anything else: an input/output error, a network.
    Failing,
}

impl std::fmt::Display for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "no space left; free some or shorten the retention",
            Self::Denied => "permission denied; give the folder to the user that runs hydra",
            Self::Absent => "its folder is not there; is the disk mounted?",
            Self::Failing => "input/output error",
        })
    }
}

impl BlobError {
    /// Whether waiting may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn away(doing: &'static str, source: object_store::Error) -> Self {
        let away = match find_io(&source).map(io::Error::kind) {
            _ if is_denied(&source) => Away::Denied,
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Away::Full,
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                Away::Denied
            }
            _ => Away::Failing,
        };
        Self::Unavailable { doing, away, source: Box::new(source) }
    }
}

fn is_denied(error: &object_store::Error) -> bool {
    use object_store::Error as E;
    matches!(error, E::PermissionDenied { .. } | E::Unauthenticated { .. })
}

/// The operating system's own error, somewhere down the chain.
fn find_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        next = error.source();
    }
    None
}
