//! Which folders are watched, and how.

use super::Grammar;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One watched folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder; everything below it is looked at.
    pub path: PathBuf,
    /// How its files are named.
    pub grammar: Grammar,
    /// Run period, where neither a path nor `metadata.json` tells it.
    #[serde(default)]
    pub run_period: String,
    /// Who draws these plots; the folder's path when empty.
    #[serde(default)]
    pub source: String,
    /// Seconds between looks at the whole tree, for file systems that report no changes. Trees
    /// that take long to walk are walked less often.
    #[serde(default = "default_rescan_s")]
    pub rescan_s: u64,
    /// How long a file must not have changed before it is taken, beside being whole.
    #[serde(default = "default_settle_ms")]
    pub settle_ms: u64,
    /// How old a set must be (mon12), because its files are written one after the other.
    #[serde(default = "default_set_age_s")]
    pub set_age_s: u64,
    /// What becomes of a file after it was taken.
    #[serde(default)]
    pub after: After,
}

/// What becomes of a producer's file after it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Nothing: it is the producer's.
    #[default]
    Keep,
    /// It is deleted.
    Delete,
    /// It is moved below this folder, which must be on the same file system.
    MoveTo(PathBuf),
}

fn default_rescan_s() -> u64 {
    60
}
fn default_settle_ms() -> u64 {
    1000
}
fn default_set_age_s() -> u64 {
    60
}

impl FolderConfig {
    /// A folder with the usual settings.
    pub fn new(path: impl Into<PathBuf>, grammar: Grammar) -> Self {
        Self {
            path: path.into(),
            grammar,
            run_period: String::new(),
            source: String::new(),
            rescan_s: default_rescan_s(),
            settle_ms: default_settle_ms(),
            set_age_s: default_set_age_s(),
            after: After::Keep,
        }
    }
}
