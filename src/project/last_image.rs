//! Which image was built last for an agent, for reports that build nothing.

use serde::{Deserialize, Serialize};

use crate::{effects::folder::Folder, error::Failure};

/// The name of the file next to what was built.
pub(super) const FILE: &str = "last-image.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastImage {
    pub(crate) digest: String,
    /// For a Python agent, what the image is made from.
    pub(crate) python: Option<MadeFrom>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeFrom {
    /// The ID of the archive whose files are in the image.
    pub(crate) archive: String,
    /// The base image with its digest; `None` on this machine, which runs images without one.
    pub(crate) base: Option<String>,
}

impl LastImage {
    /// Records the image in the folder of what was built.
    pub(super) fn record(&self, output: &Folder) -> Result<(), Failure> {
        let text = serde_json::to_string(self).expect("it is plain data");
        Ok(output.write(FILE, text.as_bytes())?)
    }

    /// Returns the image that was built last; `None` if there is none. A file from another version
    /// counts as missing.
    pub(crate) fn read(output: &Folder) -> Result<Option<Self>, Failure> {
        let text = output.read_text(FILE)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
