//! An image's files, unpacked to run on this machine without a container.
#![expect(clippy::disallowed_methods, reason = "layers are unpacked here")]

use std::{
    ffi::OsString,
    io,
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;

use crate::{
    effects::{files, path::real_path, programs::Programs},
    error::Failure,
    package::image::stored::Settings,
};

/// An image that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageCode {
    /// The image's root. All sessions share it.
    root: PathBuf,
    settings: Settings,
    /// What runs the program if it was built for another processor.
    emulator: Option<PathBuf>,
    pub(crate) warning: Option<String>,
}

/// A command of an image on this machine.
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// The image's own variables.
    pub(crate) environment: Vec<(String, OsString)>,
}

/// Marks a file of a lower layer as deleted.
const DELETED: &str = ".wh.";
/// Marks a folder whose content in lower layers is deleted.
const EMPTIED: &str = ".wh..wh..opq";

/// Variables of an image that describe its own root, where a program on this machine is not.
const OF_ROOT: [&str; 2] = ["PATH", "HOME"];

/// Unpacks layers, the lowest first, into the folder `home`.
pub(crate) fn prepare(
    layers: &[Vec<u8>],
    settings: Settings,
    home: &Path,
    programs: &Programs,
) -> Result<ImageCode, Failure> {
    let (emulator, warning) = processor(&settings, programs)?;
    files::remove_tree(home)?;
    files::create_dir_all(home)?;
    for layer in layers {
        unpack(layer, home).map_err(|error| {
            Failure::world("a layer of the image cannot be unpacked").note(error.to_string())
        })?;
    }
    Ok(ImageCode {
        root: home.to_owned(),
        settings,
        emulator,
        warning,
    })
}

impl ImageCode {
    pub(crate) fn command(&self) -> Command {
        let within = |path: &str| self.root.join(path.trim_start_matches('/'));
        let mut words = self.settings.command.iter();
        let program = words.next().map(|word| within(word)).unwrap_or_default();
        let rest = words.map(OsString::from);
        let environment = self.settings.environment.iter();
        let environment = environment
            .filter(|(name, _)| !OF_ROOT.contains(&name.as_str()))
            .map(|(name, value)| {
                let inside = Some(within(value))
                    .filter(|path| value.starts_with('/') && files::exists(path));
                (
                    name.clone(),
                    inside.map_or_else(|| value.into(), Into::into),
                )
            })
            .collect();
        match &self.emulator {
            Some(emulator) => Command {
                program: emulator.clone(),
                args: [
                    OsString::from("-L"),
                    self.root.clone().into(),
                    program.into(),
                ]
                .into_iter()
                .chain(rest)
                .collect(),
                environment,
            },
            None => Command {
                program,
                args: rest.collect(),
                environment,
            },
        }
    }
}

/// Returns what runs the image's program here, with a note if that is not this machine itself.
fn processor(
    settings: &Settings,
    programs: &Programs,
) -> Result<(Option<PathBuf>, Option<String>), Failure> {
    let Settings {
        architecture,
        system,
        command: _,
        environment: _,
        directory: _,
        python: _,
    } = settings;
    let (here, here_system) = this_machine();
    if system != here_system {
        return Err(Failure::world(format!(
            "the image is for {system}, and this machine runs {here_system}"
        ))
        .help("`cargo agentcore deploy --local` builds an image for this machine"));
    }
    if architecture == here {
        return Ok((None, None));
    }
    let emulated = match architecture.as_str() {
        "arm64" => "aarch64",
        "amd64" => "x86_64",
        other => other,
    };
    let names = [
        format!("qemu-{emulated}-static"),
        format!("qemu-{emulated}"),
    ];
    match names.iter().find_map(|name| programs.find(name)) {
        Some(emulator) => Ok((
            Some(emulator),
            Some(format!(
                "the image is for {architecture} and runs under qemu here, which is slow"
            )),
        )),
        None => Err(Failure::world(format!(
            "the image is for {architecture}, and this machine is {here}"
        ))
        .help("`cargo agentcore deploy --local` builds an image for this machine")
        .help(format!("or install `{}`, which runs it", names[0]))),
    }
}

/// Returns processor and system in the words of images.
fn this_machine() -> (&'static str, &'static str) {
    let processor = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        "x86_64" => "amd64",
        "x86" => "386",
        other => other,
    };
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    (processor, system)
}

fn unpack(layer: &[u8], root: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(layer));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(|name| name.strip_prefix(DELETED)) {
            Some(_) if name == Some(EMPTIED) => {
                if let Some(folder) = inside(root, path.parent()) {
                    remove(&folder)?;
                    std::fs::create_dir_all(&folder)?;
                }
            }
            Some(deleted) => {
                if let Some(folder) = inside(root, path.parent()) {
                    remove(&folder.join(deleted))?;
                }
            }
            // It refuses what leads out of the root, also through links.
            None => {
                entry.unpack_in(root)?;
            }
        }
    }
    Ok(())
}

/// Returns the place of a path in the root if neither the path nor a link leads out of it.
fn inside(root: &Path, path: Option<&Path>) -> Option<PathBuf> {
    let path = path?;
    let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(is_plain) {
        return None;
    }
    let root = real_path(root).ok()?;
    let place = real_path(root.join(path)).ok()?;
    place.starts_with(&root).then_some(place)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, EntryType, Header};

    use super::*;

    /// A layer with these entries: a path, and the content of a file or the target of a link.
    fn layer(entries: &[(&str, Entry<'_>)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, entry) in entries {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            // Directly, because the safe way refuses a path that leads out.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            let content: &[u8] = match entry {
                Entry::File(text) => text.as_bytes(),
                Entry::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_link_name(target).unwrap();
                    b""
                }
            };
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content).unwrap();
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&builder.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    enum Entry<'a> {
        File(&'a str),
        Link(&'a str),
    }

    fn read(root: &Path, path: &str) -> Option<String> {
        std::fs::read_to_string(root.join(path)).ok()
    }

    #[test]
    fn a_higher_layer_replaces_and_deletes_what_is_below() {
        let root = tempfile::tempdir().unwrap();
        let lower = layer(&[
            ("a/kept", Entry::File("1")),
            ("a/changed", Entry::File("1")),
            ("a/gone", Entry::File("1")),
            ("b/old", Entry::File("1")),
        ]);
        let higher = layer(&[
            ("a/changed", Entry::File("2")),
            ("a/.wh.gone", Entry::File("")),
            ("b/.wh..wh..opq", Entry::File("")),
            ("b/new", Entry::File("2")),
        ]);
        unpack(&lower, root.path()).unwrap();
        unpack(&higher, root.path()).unwrap();
        let found = ["a/kept", "a/changed", "a/gone", "b/old", "b/new"]
            .map(|path| read(root.path(), path).unwrap_or_default());
        assert_eq!(found, ["1", "2", "", "", "2"]);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_of_the_root_is_written_or_deleted() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(outside.path().join("theirs"), "theirs").unwrap();
        let folder = outside.path().to_str().unwrap();
        for entries in [
            vec![("../theirs", Entry::File("ours"))],
            vec![("../.wh.theirs", Entry::File(""))],
            vec![
                ("out", Entry::Link(folder)),
                ("out/theirs", Entry::File("ours")),
            ],
            vec![
                ("out", Entry::Link(folder)),
                ("out/.wh.theirs", Entry::File("")),
            ],
            vec![
                ("out", Entry::Link("..")),
                ("out/.wh..wh..opq", Entry::File("")),
            ],
        ] {
            // Some are refused, and others are skipped.
            let _ = unpack(&layer(&entries), &root);
            assert_eq!(read(outside.path(), "theirs").as_deref(), Some("theirs"));
            remove(&root.join("out")).unwrap();
        }
    }
}
