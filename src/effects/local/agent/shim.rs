//! The process between the data plane and an agent: it leads a process group of its own and ends the whole
//! group when the pipe at its stdin closes, however the data plane ended.
#![expect(clippy::disallowed_methods, reason = "the agent is started here")]

use std::{ffi::OsString, process::Stdio, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
};

use crate::{effects::clock, error::Failure};

/// How long an agent may take to end after SIGTERM before it is killed.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// Runs the program until it ends or the pipe closes. Returns the code to exit with, as shells tell it:
/// the program's own, or 128 and the number of the signal that ended it.
pub(crate) async fn run(program: &OsString, args: &[OsString]) -> Result<u8, Failure> {
    // SIGTERM is sent to the group, and this process waits for the others.
    let _deaf = deaf()?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| {
            Failure::world(format!(
                "cannot start `{}`: {error}",
                program.to_string_lossy()
            ))
        })?;
    tokio::select! {
        status = child.wait() => {
            let status = status.map_err(|error| Failure::world(format!("cannot watch the agent: {error}")))?;
            Ok(code_of(status))
        }
        () = pipe_closes() => {
            end(&mut child).await;
            Ok(0)
        }
    }
}

/// Waits until the pipe at stdin closes. Not by a thread that blocks in a read: this process could not end
/// before it.
#[cfg(unix)]
pub(crate) async fn pipe_closes() {
    use std::os::fd::AsFd as _;

    use tokio::net::unix::pipe::Receiver;

    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    // What is no pipe is held by nobody.
    let Ok(mut pipe) = stdin.and_then(Receiver::from_owned_fd) else {
        return;
    };
    let mut buffer = [0; 64];
    while matches!(pipe.read(&mut buffer).await, Ok(count) if count > 0) {}
}

#[cfg(not(unix))]
pub(crate) async fn pipe_closes() {
    let mut pipe = tokio::io::stdin();
    let mut buffer = [0; 64];
    while matches!(pipe.read(&mut buffer).await, Ok(count) if count > 0) {}
}

#[cfg(unix)]
fn code_of(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;

    let code = status.code();
    let code = code.unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

#[cfg(not(unix))]
fn code_of(status: std::process::ExitStatus) -> u8 {
    u8::try_from(status.code().unwrap_or(1)).unwrap_or(u8::MAX)
}

/// Hears the signals that end a group, and does nothing about them.
#[cfg(unix)]
fn deaf() -> Result<[tokio::signal::unix::Signal; 3], Failure> {
    use tokio::signal::unix::{SignalKind, signal};

    let hear = |kind| {
        signal(kind).map_err(|error| Failure::world(format!("cannot listen for signals: {error}")))
    };
    Ok([
        hear(SignalKind::terminate())?,
        hear(SignalKind::interrupt())?,
        hear(SignalKind::hangup())?,
    ])
}

#[cfg(not(unix))]
fn deaf() -> Result<(), Failure> {
    Ok(())
}

/// Ends the group, this process included.
#[cfg(unix)]
async fn end(child: &mut Child) {
    use rustix::process::{Signal, getpgrp, kill_process_group};

    let group = getpgrp();
    // A group of one's own always exists.
    let _ = kill_process_group(group, Signal::TERM);
    let _ = clock::within(GRACE, child.wait()).await;
    let _ = kill_process_group(group, Signal::KILL);
}

#[cfg(not(unix))]
async fn end(child: &mut Child) {
    let _ = child.start_kill();
    let _ = clock::within(GRACE, child.wait()).await;
}
