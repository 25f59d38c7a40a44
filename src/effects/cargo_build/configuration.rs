//! cargo's configuration: its files, and its variables.
#![expect(clippy::disallowed_methods, reason = "the files are read here")]

use std::path::{Path, PathBuf};

use crate::{
    effects::env,
    error::{Failure, Message, Snippet},
    package::cargo::settings::{self, BuiltFor},
};

/// Returns the files that apply in a directory, with their texts.
fn files(directory: &Path) -> Vec<(PathBuf, String)> {
    let above = directory.ancestors().map(|above| above.join(".cargo"));
    let home = env::var("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut found: Vec<(PathBuf, String)> = Vec::new();
    for folder in above.chain(home) {
        // The name without an extension takes precedence, as in cargo.
        let named = ["config", "config.toml"].map(|name| folder.join(name));
        let read = named
            .into_iter()
            .find_map(|path| Some((std::fs::read_to_string(&path).ok()?, path)));
        if let Some((text, path)) = read
            && found.iter().all(|(there, _)| *there != path)
        {
            found.push((path, text));
        }
    }
    found
}

/// Returns a triple as it is in the names of cargo's variables.
pub(super) fn in_variable(triple: &str) -> String {
    triple.replace('-', "_").to_ascii_uppercase()
}

/// Returns true if the user chose a linker for the target.
pub(super) fn has_linker(directory: &Path, target: &BuiltFor) -> bool {
    let variable = format!("CARGO_TARGET_{}_LINKER", in_variable(&target.triple));
    let is_set = env::var(&variable).is_some();
    is_set
        || files(directory)
            .iter()
            .any(|(_, text)| settings::has_linker(text, target))
}

/// Returns the target that cargo builds for by default, if it is configured.
pub(super) fn default_target(directory: &Path) -> Option<String> {
    env::var("CARGO_BUILD_TARGET").or_else(|| {
        let files = files(directory);
        files
            .iter()
            .find_map(|(_, text)| settings::default_target(text))
    })
}

/// Refuses flags that compile for this machine's processor, because the service's machines would
/// end the agent with an illegal instruction.
pub(super) fn refuse_native(directory: &Path, target: &BuiltFor) -> Result<(), Failure> {
    let triple = &target.triple;
    let of_target = format!("CARGO_TARGET_{}_RUSTFLAGS", in_variable(triple));
    let variables = [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        &of_target,
        "CARGO_BUILD_RUSTFLAGS",
    ];
    let set = variables
        .into_iter()
        .find(|name| env::var(name).is_some_and(|flags| settings::is_native(&flags)));
    let message = |what: String| {
        Message::new(what)
            .note("the service's processors may not have the instructions of this machine's")
            .help(format!(
                "remove it, or limit it to this machine with a table `[target.<triple>]`; the agent is built for `{triple}`"
            ))
    };
    let what = "`target-cpu=native` compiles for the processor of this machine";
    let mut found = None;
    if let Some(name) = set {
        found = Some(message(format!(
            "{what}, and the variable {name} contains it"
        )));
    } else {
        for (path, text) in files(directory) {
            if let Some(span) = settings::native_flags(&text, target) {
                found = Some(message(what.to_owned()).at(Snippet {
                    file: path,
                    text,
                    span,
                    label: String::new(),
                }));
                break;
            }
        }
    }
    match found {
        Some(message) => {
            let mut failure = Failure::config("");
            failure.messages = vec![message];
            Err(failure)
        }
        None => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write the files")]
mod tests {
    use super::*;
    use crate::error::Exit;

    fn target(triple: &str) -> BuiltFor {
        BuiltFor::new(triple, "unix\n")
    }

    #[test]
    fn the_files_above_a_package_are_read_and_a_bad_flag_is_shown_in_place() {
        let home = tempfile::tempdir().expect("a directory");
        let package = home.path().join("crates/agent");
        std::fs::create_dir_all(home.path().join(".cargo")).expect("a directory");
        std::fs::create_dir_all(&package).expect("a directory");
        let file = home.path().join(".cargo/config.toml");
        let write = |text: &str| std::fs::write(&file, text).expect("a file");
        write("[target.aarch64-unknown-linux-musl]\nlinker = \"x\"\n");
        let musl = target("aarch64-unknown-linux-musl");
        assert!(has_linker(&package, &musl));
        assert!(!has_linker(&package, &target("aarch64-unknown-linux-gnu")));
        assert_eq!(refuse_native(&package, &musl), Ok(()));
        write("[build]\nrustflags = [\"-C\", \"target-cpu=native\"]\n");
        let failure = refuse_native(&package, &musl).expect_err("a flag for this machine");
        assert_eq!(failure.exit, Exit::Config);
        let at = failure.messages[0].at.as_ref().expect("a place");
        assert_eq!(at.file, file);
        assert_eq!(at.position(), (2, 20));
    }
}
