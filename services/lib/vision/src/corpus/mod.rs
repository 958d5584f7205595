//! A seed -> files that a decoder must survive: bombs, cuts, flips, impostors, and every kind of
//! picture that must come out right. Behind the feature `corpus`, for tests and fuzzing.
//!
//! Nothing here is copied: each file is made from the format's rules, and what must come out is
//! stated beside it.

mod jpegs;
mod pictures;
mod pngs;
pub mod raw;
mod strangers;

/// What must come of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Refused, with this [`crate::Refused::kind`].
    Refused(&'static str),
    /// This size and, row by row, these pixels.
    Rgb(u32, u32, Vec<[u8; 3]>),
    /// A picture of this size.
    Size(u32, u32),
    /// Refused, or else exactly this picture.
    RefusedOr(u32, u32, Vec<[u8; 3]>),
    /// Refused or some picture: the format has no checksum that could tell.
    Anything,
}

/// One file of the corpus.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is, e.g. `png/truncated/17`.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// What must come of it.
    pub expect: Expect,
}

impl Case {
    fn new(name: impl Into<String>, bytes: Vec<u8>, expect: Expect) -> Self {
        Self { name: name.into(), bytes, expect }
    }
}

/// The whole corpus, about 4,000 files and 40 MB.
pub fn all() -> Vec<Case> {
    let mut cases = pictures::cases();
    cases.extend(pngs::cases());
    cases.extend(jpegs::cases());
    cases.extend(strangers::cases());
    cases
}

/// The largest pictures that the limits let through, of each kind that needs memory in its own
/// way, and what is just beyond.
pub fn giants() -> Vec<Case> {
    let mut cases = pngs::giants();
    cases.extend(jpegs::giants());
    cases.extend(strangers::giants());
    cases
}

/// `bytes` cut after each byte, and with each bit flipped.
fn cuts_and_flips(format: &str, bytes: &[u8], flipped: Expect) -> Vec<Case> {
    let mut cases = Vec::new();
    for end in 0..bytes.len() {
        let kind = if end == 0 { "empty" } else { "truncated" };
        let name = format!("{format}/truncated/{end}");
        cases.push(Case::new(name, bytes[..end].to_vec(), Expect::Refused(kind)));
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1 << bit;
            let name = format!("{format}/flipped/{at}.{bit}");
            cases.push(Case::new(name, bytes, flipped.clone()));
        }
    }
    cases
}
