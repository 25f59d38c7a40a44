//! Reads and parses the agent's own Python files, on all processors.

use std::{
    num::NonZero,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::files::{self, FileError};
use crate::{
    package::composition::{Files, Origin},
    python::{Parsed, Program},
};

/// This many files are parsed faster than a thread starts.
const FEW: usize = 8;

/// Parses the Python files among `files`.
pub(crate) fn read(files: &Files) -> Result<Program, FileError> {
    let scripts: Vec<(&String, &Origin)> = files
        .iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|e| e == "py"))
        .collect();
    if scripts.len() <= FEW {
        return scripts.into_iter().map(parse).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<_>, FileError> {
        let mut parsed = Vec::new();
        while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            parsed.push(parse(*script)?);
        }
        Ok(parsed)
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let parts: Vec<_> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others
            .into_iter()
            .map(|thread| thread.join().expect("a panic ends the process"));
        std::iter::once(own).chain(others).collect()
    });
    let mut program = Program::new();
    for part in parts {
        program.extend(part?);
    }
    Ok(program)
}

/// Parses a file. Invalid UTF-8 is replaced, which is harmless because it can only be in comments
/// and strings.
fn parse((path, origin): (&String, &Origin)) -> Result<(String, Parsed), FileError> {
    let bytes = match &origin.instead {
        Some(bytes) => bytes.clone(),
        None => files::read_bytes(&origin.from)?,
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((path.clone(), Parsed::read(text)))
}
