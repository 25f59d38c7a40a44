//! Where an agent's sources are in its archive.

use std::{
    fmt,
    path::{Component, Path},
};

use crate::{names::AgentName, python::standard::is_keyword};

/// Where the sources are in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// In a Python package with this name at the archive's root.
    Package(ImportName),
    /// At the archive's root.
    Flat,
}

impl Layout {
    /// Returns the prefix of each source file's path in the archive.
    pub fn prefix(&self) -> String {
        match self {
            Self::Package(name) => format!("{name}/"),
            Self::Flat => String::new(),
        }
    }

    pub fn import_name(&self) -> Option<&ImportName> {
        match self {
            Self::Package(name) => Some(name),
            Self::Flat => None,
        }
    }
}

/// The name under which Python imports the agent's package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportName(String);

impl ImportName {
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_keyword(text) {
            return Err(format!(
                "`{text}` is a keyword of Python, so no package can have that name"
            ));
        }
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        if starts && text.bytes().all(legal) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "invalid Python identifier `{text}`: expected letters, digits and underscores, not starting with a digit"
        ))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Derives the name of a package from the source folder, or from the agent if Python cannot
    /// import that name.
    pub(super) fn of_folder(source: &Path, agent: &AgentName) -> Result<Self, String> {
        folder_name(source)
            .and_then(|name| Self::parse(name).ok())
            .map_or_else(|| Self::parse(agent.as_str()), Ok)
    }
}

impl fmt::Display for ImportName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the last name of a path after resolving `.` and `..`.
fn folder_name(path: &Path) -> Option<&str> {
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name),
            Component::ParentDir => {
                names.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    names.last()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_the_name_of_its_folder_where_python_can_import_that() {
        let agent = AgentName::parse("seller").unwrap();
        for (source, name) in [
            ("/p/shop", "shop"),
            ("/p/src/shop/", "shop"),
            ("/p/app/../shop", "shop"),
            ("/p/shop/.", "shop"),
            ("/p/_shop", "_shop"),
            ("/p/my-shop", "seller"),
            ("/p/01_shop", "seller"),
            ("/p/class", "seller"),
            ("/p/ショップ", "seller"),
            ("/", "seller"),
        ] {
            let found = ImportName::of_folder(Path::new(source), &agent).unwrap();
            assert_eq!(found.as_str(), name, "{source}");
        }
    }

    #[test]
    fn what_python_cannot_import_is_not_a_name() {
        for text in ["", "a-b", "1a", "a.b", "a b", "é", "a/b", "lambda", "None"] {
            assert!(ImportName::parse(text).is_err(), "{text}");
        }
        for text in ["a", "_", "match", "none", "Lambda", "a1"] {
            assert!(ImportName::parse(text).is_ok(), "{text}");
        }
    }
}
