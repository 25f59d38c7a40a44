//! A Python file that is parsed once for all analyses.

use std::collections::BTreeMap;

use super::{
    code::{self, Code},
    syntax,
    uses::{self, Uses},
};

/// The agent's own Python files, by their path in the archive.
pub(crate) type Program = BTreeMap<String, Parsed>;

#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) text: String,
    pub(super) code: Code,
    pub(crate) uses: Uses,
    /// The first line that is not valid Python, counted from 1.
    pub(crate) wrong_line: Option<usize>,
    /// True if the script ends immediately.
    pub(crate) does_nothing: bool,
}

impl Parsed {
    pub(crate) fn read(text: String) -> Self {
        let tree = syntax::tree(&text);
        let root = tree.root_node();
        Self {
            code: code::read(root, &text),
            uses: uses::read(root, &text),
            wrong_line: syntax::first_wrong_line(root),
            does_nothing: syntax::does_nothing(root),
            text,
        }
    }
}
