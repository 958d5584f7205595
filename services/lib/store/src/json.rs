//! Documents in text columns.

use crate::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// Reads a document; `what` names it in the error.
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::unreadable(what, error))
}

/// Writes a document; `what` names it in the error.
///
/// # Errors
/// [`StoreError::Unreadable`] for what JSON cannot hold.
pub fn write<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::unreadable(what, error))
}
