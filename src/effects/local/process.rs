//! The emulator's process: started with an environment of its own, ended by a signal.
#![expect(clippy::disallowed_methods, reason = "a process is started here")]

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{effects::env, error::Failure};

/// What this tool, the Python toolkit and the templates talk to.
const SERVICES: &str = "iam,sts,s3,ecr,logs,codebuild,bedrock-agentcore,bedrock-runtime";

/// Starts ministack on the loopback interface, detached, with `log` as its output.
pub(super) fn spawn(python: &Path, dir: &Path, port: u16, log: File) -> Result<Child, Failure> {
    let failed = |error| {
        Failure::world(format!(
            "cannot start the emulator with `{}`: {error}",
            python.display()
        ))
    };
    let errors = log.try_clone().map_err(failed)?;
    let mut command = Command::new(python);
    command
        .args(["-m", "ministack"])
        .current_dir(dir)
        .env_clear()
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("SERVICES", SERVICES)
        .env("PERSIST_STATE", "1")
        .env("STATE_DIR", dir.join("state"))
        .env("S3_PERSIST", "1")
        .env("S3_DATA_DIR", dir.join("s3"))
        .env("TMPDIR", dir.join("tmp"))
        // These two would listen on every interface.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors);
    if let Some(root) = env::var("SYSTEMROOT") {
        command.env("SYSTEMROOT", root);
    }
    detach(&mut command);
    command.spawn().map_err(failed)
}

/// Ctrl-C in the user's terminal must not reach it.
#[cfg(unix)]
fn detach(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(windows)]
fn detach(command: &mut Command) {
    use std::os::windows::process::CommandExt as _;
    const DETACHED_PROCESS: u32 = 0x0000_0008;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
}

#[cfg(unix)]
pub(super) fn terminate(pid: u32) -> Result<(), Failure> {
    use rustix::process::{Pid, Signal, kill_process};
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(pid) = raw else {
        return Err(Failure::world(format!("`{pid}` is no process")));
    };
    kill_process(pid, Signal::TERM)
        .map_err(|error| Failure::world(format!("cannot end the emulator: {error}")))
}

#[cfg(windows)]
pub(super) fn terminate(pid: u32) -> Result<(), Failure> {
    let done = Command::new("taskkill")
        .args(["/PID", &pid.to_string()])
        .output();
    match done {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(Failure::world("cannot end the emulator")
                .note(String::from_utf8_lossy(&output.stderr)))
        }
        Err(error) => Err(Failure::world(format!("cannot run `taskkill`: {error}"))),
    }
}

/// Whether ministack answers on `port`.
pub(super) async fn is_healthy(port: u16) -> bool {
    let asked = tokio::time::timeout(Duration::from_secs(2), async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(
                b"GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            )
            .await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        Ok::<_, std::io::Error>(head)
    });
    matches!(asked.await, Ok(Ok(head)) if &head == b"HTTP/1.1 200")
}
