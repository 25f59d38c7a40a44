//! Checks for `--locked` that files pin all versions.

use std::path::Path;

use super::Wanted;
use crate::{
    config::Runtime,
    effects::{env, files},
    error::{Exit, Failure, Message},
    package::{
        installer::{GLIBC_MINOR, minor_version},
        requirements::{Kind, Requirement},
    },
};

/// Refuses requirements that do not pin the versions. The installer checks what they require in
/// turn: with hashes, everything that is installed must be listed.
pub(in super::super) fn lock_down(wanted: &mut Wanted, runtime: Runtime) -> Result<(), Failure> {
    match wanted.kind {
        Kind::Lock => Ok(()),
        Kind::Pyproject | Kind::Requirements if !wanted.requires => Ok(()),
        Kind::Pyproject => Err(Failure::config(format!(
            "`--locked` and `--frozen` need a `uv.lock`, which does not exist for `{}`",
            wanted.file.display()
        ))
        .help("`uv lock` writes it")),
        Kind::Requirements => {
            let inputs = &mut wanted.inputs;
            let open = inputs.requirements.iter().find(|(text, _)| {
                let requirement = Requirement::read(text);
                let versions = requirement.versions.trim_start_matches('=');
                let is_pinned = requirement.target.is_some()
                    || requirement.versions.starts_with("==")
                        && !versions.contains([',', '*', '<', '>']);
                !is_pinned || !text.contains("--hash=")
            });
            if let Some((text, at)) = open {
                let name = Requirement::read(text).name;
                let named = if name.is_empty() { text } else { &name };
                let message = Message::new(format!(
                    "`--locked` and `--frozen` need an exact version and a hash of `{named}`"
                ))
                .at(at.clone())
                .help(how_to_lock(&wanted.file, runtime));
                return Err(Failure {
                    exit: Exit::Config,
                    messages: vec![message],
                });
            }
            inputs.requires_hashes = true;
            wanted.digest = files::hash(format!("{}\nlocked", wanted.digest).as_bytes());
            Ok(())
        }
    }
}

/// Returns how to write a requirements file with exact versions and hashes.
pub(in super::super) fn how_to_lock(file: &Path, runtime: Runtime) -> String {
    let here = env::current_dir().unwrap_or_default();
    let file = file.strip_prefix(here).unwrap_or(file);
    let source = file.with_extension("in");
    let command = format!(
        "uv pip compile --generate-hashes --python-version {} --python-platform aarch64-manylinux_2_{GLIBC_MINOR} --output-file {} {}",
        minor_version(runtime),
        file.display(),
        source.display()
    );
    if files::exists(&source) {
        format!("`{command}` writes them")
    } else {
        format!(
            "rename `{}` to `{}` and run `{command}`",
            file.display(),
            source.display()
        )
    }
}
