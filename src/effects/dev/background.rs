//! `dev` without a terminal: the same command once more, in a session of its own, with a file for its output.
#![expect(
    clippy::disallowed_methods,
    reason = "the process in the background is started and watched here"
)]

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::{
    effects::{env, files::FileError, folder::Folder, local::detach},
    error::Failure,
};

pub(crate) const OUTPUT: &str = "output.log";

/// A `dev` that was started in the background. Dropping it leaves it running.
pub(crate) struct Background {
    child: Child,
    output: File,
    pub(crate) path: PathBuf,
    read: u64,
}

impl Background {
    /// Runs this command line with one more option.
    pub(crate) fn start(option: &str, folder: &Folder) -> Result<Self, Failure> {
        let path = folder.path().join(OUTPUT);
        let failed = |error| Failure::from(FileError::new("write", &path, error));
        let write = folder.empty_file(OUTPUT)?;
        let program = env::this_program()?;
        let mut command = Command::new(&program);
        command
            .args(env::arguments())
            .arg(option)
            .stdin(Stdio::null())
            .stdout(write.try_clone().map_err(failed)?)
            .stderr(write);
        detach(&mut command);
        let child = command
            .spawn()
            .map_err(|error| Failure::from(FileError::new("run", &program, error)))?;
        let output = folder
            .open_file(OUTPUT)?
            .ok_or_else(|| Failure::world(format!("`{}` is gone", path.display())))?;
        Ok(Self {
            child,
            output,
            path,
            read: 0,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit code, if it has ended.
    pub(crate) fn code(&mut self) -> Option<i32> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(status.code().unwrap_or(1))
    }

    /// What it has written since the last call, as far as lines go.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        let read = self
            .output
            .seek(SeekFrom::Start(self.read))
            .and_then(|_| self.output.read_to_end(&mut bytes));
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        let (Ok(_), Some(end)) = (read, end) else {
            return Vec::new();
        };
        self.read += end as u64 + 1;
        let text = String::from_utf8_lossy(&bytes[..end]);
        text.lines().map(str::to_owned).collect()
    }

    /// Ends it at once; its agents end with it.
    pub(crate) fn kill(mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ctrl-C and hang-up of the terminal no longer reach this process.
#[cfg(unix)]
pub(crate) fn leave_terminal() {
    // It fails where this process leads a session already, and then all is well.
    let _ = rustix::process::setsid();
}

#[cfg(not(unix))]
pub(crate) fn leave_terminal() {}
