//! An archive with one program: the Python file that the managed runtime starts, the program, and
//! certificate authorities.

use super::image::base::authorities;
use crate::{config::PROGRAM_ENTRY, names::AgentName};

/// Begins the Python file of every version of this tool.
const MARK: &str = "# Written by cargo agentcore: starts the program next to this file.\n";

const ENTRY: &str = include_str!("program.py");

/// A file of the archive, with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProgramFile {
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
}

/// Returns the files of the archive, sorted by path.
pub(crate) fn files(agent: &AgentName, program: Vec<u8>) -> Vec<ProgramFile> {
    let file = |path: &str, content| ProgramFile {
        path: path.to_owned(),
        content,
    };
    let mut files = vec![
        file("ca-certificates.crt", authorities().into_bytes()),
        file(PROGRAM_ENTRY, entry(agent).into_bytes()),
        file(agent.as_str(), program),
    ];
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

fn entry(agent: &AgentName) -> String {
    format!("{MARK}{}", ENTRY.replace("PROGRAM", agent.as_str()))
}

/// Returns true for an entry point whose process becomes a program that is not Python.
pub(crate) fn is_entry(text: &str) -> bool {
    text.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_has_the_program_and_what_starts_it() {
        let agent = AgentName::parse("zed").unwrap();
        let files = files(&agent, b"\x7fELF".to_vec());
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["ca-certificates.crt", "main.py", "zed"]);
        let entry = str::from_utf8(&files[1].content).unwrap();
        assert!(is_entry(entry) && !is_entry("import app\n"));
        assert!(
            entry.contains("\"zed\"") && !entry.contains("PROGRAM"),
            "{entry}"
        );
    }
}
