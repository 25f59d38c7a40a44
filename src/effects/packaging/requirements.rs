//! Reads what the dependencies are asked for in, with every file that it leads to.

use std::path::{Path, PathBuf};

use crate::{
    effects::{
        env,
        files::{self, FileError},
    },
    error::{Exit, Failure, Message, Snippet},
    package::requirements::{Kind, Reference, Requirements, of_pyproject},
};

/// Variables that decide which packages an index gives.
const INDEXES: [&str; 18] = [
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_INDEX_STRATEGY",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_RESOLUTION",
    "UV_PRERELEASE",
    "UV_EXCLUDE_NEWER",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_CONSTRAINT",
    "PIP_PRE",
];

const BUILD: &str =
    "build a wheel (`uv build --wheel`) and require that, or make it the agent's `source`";

/// What is to be installed.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) file: PathBuf,
    /// Changes with every text, wheel and index that the installation depends on.
    pub(super) digest: String,
    /// Whether there is anything to install.
    pub(super) requires: bool,
}

impl Wanted {
    pub(super) fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }
}

pub(super) fn observe(file: &Path) -> Result<Wanted, Failure> {
    let name = file.file_name().and_then(|name| name.to_str());
    let mut kind = Kind::of(name.unwrap_or_default());
    let mut file = file.to_owned();
    let lock = file.with_file_name("uv.lock");
    if kind == Kind::Pyproject && files::exists(&lock) {
        // Whoever keeps a lock wants what is in it.
        kind = Kind::Lock;
        file = lock;
    }
    let mut reading = Reading::default();
    match kind {
        Kind::Requirements => reading.requirements(&file)?,
        Kind::Pyproject => reading.pyproject(&file)?,
        Kind::Lock => {
            reading.text(&file)?;
            reading.text(&file.with_file_name("pyproject.toml"))?;
        }
    }
    if !reading.problems.is_empty() {
        return Err(Failure {
            exit: Exit::Config,
            messages: reading.problems,
        });
    }
    for name in INDEXES {
        if let Some(value) = env::var(name) {
            reading.seen(name, without_credentials(&value).as_bytes());
        }
    }
    Ok(Wanted {
        requires: kind != Kind::Requirements || reading.requires,
        kind,
        file,
        digest: files::hash(reading.digest.as_bytes()),
    })
}

/// Requirements that a lock file was turned into may lead to this machine as well.
pub(super) fn check_exported(file: &Path) -> Result<(), Failure> {
    let mut reading = Reading::default();
    reading.requirements(file)?;
    if reading.problems.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Config,
        messages: reading.problems,
    })
}

#[derive(Default)]
struct Reading {
    digest: String,
    visited: Vec<PathBuf>,
    problems: Vec<Message>,
    requires: bool,
}

impl Reading {
    fn seen(&mut self, name: &str, content: &[u8]) {
        self.digest.extend([name, "=", &files::hash(content), "\n"]);
    }

    fn text(&mut self, file: &Path) -> Result<(), Failure> {
        let text = read(file)?;
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        self.seen(&name, text.as_bytes());
        Ok(())
    }

    fn requirements(&mut self, file: &Path) -> Result<(), Failure> {
        if self.visited.iter().any(|visited| visited == file) {
            return Ok(());
        }
        self.visited.push(file.to_owned());
        let text = read(file)?;
        self.seen("requirements", text.as_bytes());
        let found = Requirements::read(&text);
        self.requires |= found.requires;
        for (span, reference) in found.references {
            let at = Snippet {
                file: file.to_owned(),
                text: text.clone(),
                span,
                label: String::new(),
            };
            self.reference(reference, at)?;
        }
        Ok(())
    }

    fn pyproject(&mut self, file: &Path) -> Result<(), Failure> {
        self.text(file)?;
        let text = read(file)?;
        for (span, reference) in of_pyproject(&text) {
            let at = Snippet {
                file: file.to_owned(),
                text: text.clone(),
                span,
                label: String::new(),
            };
            self.reference(reference, at)?;
        }
        Ok(())
    }

    fn reference(&mut self, reference: Reference, at: Snippet) -> Result<(), Failure> {
        let directory = at.file.parent().unwrap_or(Path::new(".")).to_owned();
        match reference {
            Reference::Include(path) if path.contains("://") => {}
            Reference::Include(path) => {
                let path = directory.join(path);
                if files::exists(&path) {
                    return self.requirements(&path);
                }
                let what = format!("`{}` does not exist", path.display());
                let label = "named here".to_owned();
                self.problems
                    .push(Message::new(what).at(Snippet { label, ..at }));
            }
            Reference::Editable(path) => self.problems.push(
                Message::new(format!(
                    "`{path}` is required as editable, and a link to this machine cannot be shipped"
                ))
                .at(at)
                .help(BUILD),
            ),
            Reference::Sources(address) => self.problems.push(to_be_built(&address, at)),
            Reference::Local(path) => self.local(&directory.join(&path), &path, at),
        }
        Ok(())
    }

    /// Wheels can be shipped as they are; what would have to be built for another machine cannot.
    fn local(&mut self, path: &Path, shown: &str, at: Snippet) {
        let is_wheel = path.extension().is_some_and(|extension| extension == "whl");
        if !is_wheel {
            self.problems.push(to_be_built(shown, at));
            return;
        }
        match files::hash_file(path) {
            Ok(hash) => self.seen("wheel", hash.as_bytes()),
            Err(error) => self.problems.push(Message::new(error.to_string()).at(at)),
        }
    }
}

fn to_be_built(shown: &str, at: Snippet) -> Message {
    Message::new(format!(
        "`{shown}` would have to be built, and only wheels can be shipped"
    ))
    .at(at)
    .help(BUILD)
}

fn read(file: &Path) -> Result<String, Failure> {
    files::read_text(file)?
        .ok_or_else(|| FileError::new("read", file, std::io::ErrorKind::NotFound.into()).into())
}

/// `https://user:token@host` without what changes with every login.
fn without_credentials(value: &str) -> String {
    value
        .split(' ')
        .map(|url| match url.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                format!("{scheme}://{host}/{path}")
            }
            None => url.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write what is read")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_digest_follows_includes_and_wheels_to_their_content() {
        let home = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            fs::write(home.path().join(name), text).expect("a file");
        };
        write("requirements.txt", "-r more.txt\n./a-1-py3-none-any.whl\n");
        write("more.txt", "boto3\n");
        write("a-1-py3-none-any.whl", "one");
        let digest = || {
            observe(&home.path().join("requirements.txt"))
                .expect("it can be read")
                .digest
        };
        let first = digest();
        assert_eq!(digest(), first);
        write("more.txt", "boto3==1\n");
        let second = digest();
        assert_ne!(second, first);
        write("a-1-py3-none-any.whl", "two");
        assert_ne!(digest(), second);
    }

    #[test]
    fn every_requirement_that_cannot_be_shipped_is_pointed_at() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("requirements.txt");
        fs::write(&file, "-e .\n../lib\n-r missing.txt\na @ git+https://h/a\n").expect("a file");
        let failure = observe(&file).expect_err("four problems");
        assert_eq!((failure.exit, failure.messages.len()), (Exit::Config, 4));
        assert!(failure.messages.iter().all(|message| message.at.is_some()));
    }

    #[test]
    fn a_new_token_is_the_same_index() {
        assert_eq!(
            without_credentials("https://aws:t0ken@host/simple https://other/x"),
            "https://host/simple https://other/x"
        );
    }
}
