//! Runs `dev` without a terminal: the same command in its own session, writing to a file.
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

/// A `dev` process in the background. It keeps running after a drop.
pub(crate) struct Background {
    child: Child,
    output: File,
    pub(crate) path: PathBuf,
    read: u64,
}

impl Background {
    /// Runs the current command line with another option.
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

    /// Returns the exit code, if the process has ended.
    pub(crate) fn code(&mut self) -> Option<i32> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(status.code().unwrap_or(1))
    }

    /// Returns the complete lines written since the last call.
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

    /// Kills the process, which also ends its agents.
    pub(crate) fn kill(mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Detaches this process from the terminal's Ctrl-C and hang-up.
#[cfg(unix)]
pub(crate) fn leave_terminal() {
    // It fails if this process already leads a session, which is fine.
    let _ = rustix::process::setsid();
}

#[cfg(not(unix))]
pub(crate) fn leave_terminal() {}
