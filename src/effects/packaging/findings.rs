//! What is worth a warning in the agent's own files. Told at every build, an unchanged one included,
//! as a compiler does.

use std::path::Path;

use super::{Request, bytecode::Unread};
use crate::{
    effects::files::{self, FileError},
    error::{Failure, Message, Snippet},
    package::imports,
};

/// `root` are the names at the archive's root.
pub(super) fn warnings<'a>(
    request: &Request,
    unread: &[Unread],
    root: impl Iterator<Item = &'a str>,
) -> Result<Vec<Message>, FileError> {
    let mut warnings = Vec::new();
    for unread in unread {
        let what = format!(
            "`{}` is shipped, and {} does not understand it",
            unread.path,
            python(request)
        );
        let message = point_at(Message::new(what), request, unread)?;
        warnings.push(message.help(
            "an `.agentcoreignore` leaves out what is no Python of its own, such as a template",
        ));
    }
    let file = request.deployment.join(&request.entrypoint);
    let text = read(&file)?;
    for (span, name) in imports::missing(&text, root) {
        let what = format!(
            "the entry point imports `{name}`, which neither the requirements nor the deployment folder bring"
        );
        let help = format!(
            "require the package that has it in `{}`",
            request.requirements
        );
        let at = Snippet {
            file: file.clone(),
            text: text.clone(),
            span,
            label: String::new(),
        };
        warnings.push(Message::new(what).at(at).help(help));
    }
    Ok(warnings)
}

/// Without an entry point that can be read there is no agent.
pub(super) fn unreadable_entry(request: &Request, unread: &Unread) -> Result<Message, Failure> {
    let what = format!(
        "{} does not understand the entry point `{}`",
        python(request),
        request.entrypoint
    );
    Ok(point_at(Message::new(what), request, unread)?)
}

fn python(request: &Request) -> String {
    request.runtime.as_str().replace("python", "Python ")
}

/// At the line, with what Python says of it.
fn point_at(message: Message, request: &Request, unread: &Unread) -> Result<Message, FileError> {
    let file = request.deployment.join(&unread.path);
    let text = read(&file)?;
    let Some(span) = line(&text, unread.line) else {
        return Ok(message.note(format!("`{}`: {}", file.display(), unread.said)));
    };
    Ok(message.at(Snippet {
        file,
        text,
        span,
        label: unread.said.clone(),
    }))
}

/// The bytes of a line, counted from 1, without the white space around them.
fn line(text: &str, number: usize) -> Option<std::ops::Range<usize>> {
    let before: usize = text
        .split_inclusive('\n')
        .take(number.checked_sub(1)?)
        .map(str::len)
        .sum();
    let line = text[before..].lines().next()?;
    let start = before + line.len() - line.trim_start().len();
    Some(start..(before + line.trim_end().len()).max(start))
}

/// What is not UTF-8 can stand in comments and strings only, as far as names go.
fn read(file: &Path) -> Result<String, FileError> {
    Ok(String::from_utf8_lossy(&files::read_bytes(file)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_number() {
        let text = "a\r\n  b c \n\nd";
        let words = |number| line(text, number).map(|span| &text[span]);
        assert_eq!(words(1), Some("a"));
        assert_eq!(words(2), Some("b c"));
        assert_eq!(words(3), Some(""));
        assert_eq!(words(4), Some("d"));
        assert_eq!((words(0), words(5)), (None, None));
    }
}
