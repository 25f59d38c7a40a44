//! The process between the data plane and an agent. It leads its own process group and ends the
//! whole group when the pipe at its stdin closes, however the data plane ended. On Linux, the agent
//! also ends with this process, however this one ends.
#![expect(clippy::disallowed_methods, reason = "the agent is started here")]

use std::{ffi::OsString, process::Stdio, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
};

use crate::{effects::clock, error::Failure};

/// How long an agent may take to end after SIGTERM before it is killed.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// Runs the program until it ends or the pipe closes. Returns the exit code as shells report it:
/// the program's own, or 128 plus the number of the signal that ended it.
pub(crate) async fn run(program: &OsString, args: &[OsString]) -> Result<u8, Failure> {
    // SIGTERM is sent to the group, but this process waits for the others.
    let _deaf = deaf()?;
    let mut child = agent(program, args)?
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| cannot_start(program, &error))?;
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

fn cannot_start(program: &OsString, error: &std::io::Error) -> Failure {
    let program = program.to_string_lossy();
    Failure::world(format!("cannot start `{program}`: {error}"))
}

/// Returns the agent's command. The kernel ends a process with its parent only if the process
/// itself asks for it, so this program does that and then becomes the agent.
#[cfg(target_os = "linux")]
fn agent(program: &OsString, args: &[OsString]) -> Result<Command, Failure> {
    let parent = std::process::id().to_string();
    let mut command = Command::new(crate::effects::env::this_program()?);
    command
        .args(["agentcore", super::super::BOUND, &parent])
        .arg(program)
        .args(args);
    Ok(command)
}

#[cfg(not(target_os = "linux"))]
fn agent(program: &OsString, args: &[OsString]) -> Result<Command, Failure> {
    let mut command = Command::new(program);
    command.args(args);
    Ok(command)
}

/// Becomes the program, which is killed when this process's parent ends. Returns only if that
/// fails.
#[cfg(unix)]
pub(crate) fn become_bound(parent: u32, program: &OsString, args: &[OsString]) -> Failure {
    use std::os::unix::process::CommandExt as _;

    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};

        if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
            return cannot_start(program, &error.into());
        }
    }
    // The kernel does not notice a parent that ended before the call.
    if std::os::unix::process::parent_id() != parent {
        return Failure::world("the process around the agent has ended");
    }
    let error = std::process::Command::new(program).args(args).exec();
    cannot_start(program, &error)
}

#[cfg(not(unix))]
pub(crate) fn become_bound(_parent: u32, program: &OsString, _args: &[OsString]) -> Failure {
    cannot_start(program, &std::io::ErrorKind::Unsupported.into())
}

/// Waits until the pipe at stdin closes. Does not block a thread in a read, because the process
/// could not end before it.
#[cfg(unix)]
pub(crate) async fn pipe_closes() {
    use std::os::fd::AsFd as _;

    use tokio::net::unix::pipe::Receiver;

    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    // Something other than a pipe is held open by no other process.
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

/// Handles the signals that end a group, without reacting to them.
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

/// Ends the group, including this process.
#[cfg(unix)]
async fn end(child: &mut Child) {
    use rustix::process::{Signal, getpgrp, kill_process_group};

    let group = getpgrp();
    // The process's own group always exists.
    let _ = kill_process_group(group, Signal::TERM);
    let _ = clock::within(GRACE, child.wait()).await;
    let _ = kill_process_group(group, Signal::KILL);
}

#[cfg(not(unix))]
async fn end(child: &mut Child) {
    let _ = child.start_kill();
    let _ = clock::within(GRACE, child.wait()).await;
}
