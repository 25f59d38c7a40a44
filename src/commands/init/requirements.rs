//! What the adopted agent needs at run time: a file that was named, or the source's own.

use std::path::{Component, Path, PathBuf};

use crate::{
    effects::{adoption, files},
    error::{Failure, Message},
    plan::init as plan,
    scaffold::adopt::{self, Requirements},
};

/// The requirements, and where they are from.
pub(super) struct Taken {
    pub(super) requirements: Requirements,
    pub(super) said: String,
    file: PathBuf,
}

impl Taken {
    pub(super) fn warnings(&self) -> Vec<Message> {
        let left_out = self.requirements.left_out.iter();
        left_out
            .map(|(line, text)| {
                Message::new(format!(
                    "`{text}` is left out of the deployment's requirements ({}:{line})",
                    self.file.display()
                ))
                .note("it names something beside that file, which is not there when the agent is packaged")
                .help("add what it stands for to the deployment's requirements.txt")
            })
            .collect()
    }
}

pub(super) fn find(given: Option<&Path>, shown: &Path, source: &Path) -> Result<Taken, Failure> {
    let found = match given {
        Some(path) => {
            let text = files::read_text(path)?.ok_or_else(|| {
                Failure::usage(format!(
                    "the requirements file `{}` does not exist",
                    path.display()
                ))
            })?;
            Some((path.to_owned(), text))
        }
        None => adoption::requirements(source)?
            .map(|(path, text)| (as_the_user_would(&path, shown, source), text)),
    };
    let Some((file, text)) = found else {
        return Ok(Taken {
            requirements: adopt::only_the_sdk(),
            said: "the SDK alone as requirement: the source names no others".to_owned(),
            file: PathBuf::new(),
        });
    };
    let requirements = if file
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        adopt::from_pyproject(&text).map_err(|why| {
            Failure::config(format!(
                "the dependencies of `{}` cannot be taken: {why}",
                file.display()
            ))
            .help("`--requirements FILE` names a requirements file; `uv export --no-hashes --no-emit-project` or `pip freeze` writes one")
        })?
    } else {
        adopt::from_requirements(&text)
    };
    Ok(Taken {
        requirements,
        said: format!("the requirements of `{}`", file.display()),
        file,
    })
}

/// The path of a file in or above the source, beginning like the words that name the source.
fn as_the_user_would(path: &Path, shown: &Path, source: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(source);
    let up = source.ancestors().take_while(|at| *at != folder).count();
    let mut last = shown.components().rev().take(up);
    let has_names = last.all(|part| matches!(part, Component::Normal(_)));
    let beginning = match shown.ancestors().nth(up) {
        Some(beginning) if has_names => beginning.to_owned(),
        _ => shown.join(plan::relative(source, folder)),
    };
    beginning.join(path.file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_above_the_source_is_named_from_where_the_user_stands() {
        for (path, shown, said) in [
            ("/a/b/c/r.txt", "../c", "../c/r.txt"),
            ("/a/b/r.txt", "../b/c", "../b/r.txt"),
            ("/a/b/r.txt", "c", "r.txt"),
            ("/a/b/r.txt", ".", "./../r.txt"),
            ("/a/r.txt", "../c", "../c/../../r.txt"),
        ] {
            let found = as_the_user_would(Path::new(path), Path::new(shown), Path::new("/a/b/c"));
            assert_eq!(found, Path::new(said), "{path} from {shown}");
        }
    }
}
