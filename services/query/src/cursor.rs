//! Cursors: where a page of a list ended, as text that a client passes back unchanged.
//!
//! A cursor belongs to one list with one set of filters: a digest over both is part of it, so
//! that a changed one, or one of another list, is refused rather than misread. It is no secret
//! and no permission; it holds a position, and whatever it holds is checked like any parameter.

use crate::error::ApiError;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hydra_store::read::Mark;
use sha2::{Digest, Sha256};

/// Longest cursor that is looked at.
const MAX_TEXT: usize = 400;
const CHECK: usize = 8;

/// The list that a cursor belongs to, with its filters.
#[derive(Debug)]
pub struct List {
    name: &'static str,
    filters: String,
}

impl List {
    /// `filters`: everything that decides which entries there are, in any unambiguous form.
    pub fn new(name: &'static str, filters: impl std::fmt::Debug) -> Self {
        Self { name, filters: format!("{filters:?}") }
    }

    /// The cursor behind `mark`.
    pub fn cursor(&self, mark: &Mark) -> String {
        let mut bytes = mark.at.to_be_bytes().to_vec();
        bytes.extend_from_slice(&mark.id);
        let check = self.check(&bytes);
        bytes.extend_from_slice(&check);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place that a cursor names.
    ///
    /// # Errors
    /// A problem with status 400 when it is not a cursor of this list.
    pub fn mark(&self, cursor: Option<&str>) -> Result<Option<Mark>, ApiError> {
        let Some(text) = cursor else { return Ok(None) };
        let refused =
            || ApiError::bad("cursor is not one that this list gave out with these filters");
        if text.len() > MAX_TEXT {
            return Err(refused());
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        let (rest, check) = bytes.split_last_chunk::<CHECK>().ok_or_else(refused)?;
        let (at, id) = rest.split_first_chunk::<8>().ok_or_else(refused)?;
        if self.check(rest) != *check {
            return Err(refused());
        }
        Ok(Some(Mark { at: i64::from_be_bytes(*at), id: id.to_vec() }))
    }

    fn check(&self, position: &[u8]) -> [u8; CHECK] {
        let mut hash = Sha256::new();
        for part in [b"hydra cursor 1", self.name.as_bytes(), self.filters.as_bytes(), position] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut check = [0; CHECK];
        check.copy_from_slice(&hash.finalize()[..CHECK]);
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> List {
        List::new("images", ("CDC", 1, 2))
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let mark = Mark { at: -5, id: vec![7; 24] };
        assert_eq!(list().mark(Some(&list().cursor(&mark))).unwrap(), Some(mark));
        assert_eq!(list().mark(None).unwrap(), None);
    }

    #[test]
    fn a_cursor_of_another_list_or_other_filters_is_refused() {
        let cursor = list().cursor(&Mark { at: 5, id: vec![7; 24] });
        assert!(List::new("log", ("CDC", 1, 2)).mark(Some(&cursor)).is_err());
        assert!(List::new("images", ("CDC", 1, 3)).mark(Some(&cursor)).is_err());
    }

    #[test]
    fn no_changed_bit_goes_unseen() {
        let cursor = list().cursor(&Mark { at: 5, id: vec![7; 24] });
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(list().mark(Some(&BASE64_URL_SAFE_NO_PAD.encode(forged))).is_err(), "{bit}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for bad in ["", "x", "AAAA", "====", "../../etc/passwd", "\u{0}", &"A".repeat(10_000)] {
            assert_eq!(list().mark(Some(bad)).unwrap_err().status().as_u16(), 400, "{bad:?}");
        }
    }
}
