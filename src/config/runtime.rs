//! `runtime`: the managed runtime that an archive is for.

use serde::Serialize;
use toml::Spanned;

use super::read::{Problems, Table, one_of};

/// A managed runtime for direct code deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Runtime {
    #[serde(rename = "python3.10")]
    Python310,
    #[serde(rename = "python3.11")]
    Python311,
    #[serde(rename = "python3.12")]
    Python312,
    #[serde(rename = "python3.13")]
    Python313,
    #[serde(rename = "python3.14")]
    Python314,
}

impl Runtime {
    pub const ALL: [Self; 5] = [
        Self::Python310,
        Self::Python311,
        Self::Python312,
        Self::Python313,
        Self::Python314,
    ];

    /// Returns the name in the manifest, such as `python3.13`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Python310 => "python3.10",
            Self::Python311 => "python3.11",
            Self::Python312 => "python3.12",
            Self::Python313 => "python3.13",
            Self::Python314 => "python3.14",
        }
    }

    /// Returns the service's name, such as `PYTHON_3_13`.
    pub fn service_name(self) -> &'static str {
        match self {
            Self::Python310 => "PYTHON_3_10",
            Self::Python311 => "PYTHON_3_11",
            Self::Python312 => "PYTHON_3_12",
            Self::Python313 => "PYTHON_3_13",
            Self::Python314 => "PYTHON_3_14",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|runtime| runtime.as_str() == text)
    }

    /// Returns true for versions for which the service has refused to create and update agents
    /// since August 2026.
    pub fn is_refused(self) -> bool {
        self < Self::Python312
    }
}

/// Takes the key `runtime`.
pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<Spanned<Runtime>> {
    let text = table.string("runtime", problems)?;
    // Runtimes that the service refuses are accepted but not suggested.
    let offered: Vec<_> = Runtime::ALL
        .into_iter()
        .filter(|runtime| !runtime.is_refused())
        .map(|runtime| (runtime.as_str(), runtime))
        .collect();
    let known = Runtime::parse(text.get_ref());
    match known.map_or_else(|| one_of("runtime", text.get_ref(), &offered), Ok) {
        Ok(runtime) => Some(Spanned::new(text.span(), runtime)),
        Err(what) => {
            problems.at(text.span(), what, "");
            None
        }
    }
}
