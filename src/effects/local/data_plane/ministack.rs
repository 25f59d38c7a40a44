//! ministack behind the data plane. It ends with the data plane, however that ends.
#![expect(clippy::disallowed_methods, reason = "ministack is started here")]

use std::{
    net::Ipv4Addr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
};

use super::{Setup, emulator::Emulator};
use crate::{
    effects::{
        aws::emulated::ACCOUNT_ID,
        clock, env,
        files::FileError,
        folder::Folder,
        local::{
            models::{Models, is_network},
            process,
        },
        port,
    },
    error::Failure,
};

const LAUNCH: &str = include_str!("../launch.py");
/// Runs next to it if a server answers for the models.
const MODELS: &str = concat!(
    include_str!("../models/server.py"),
    include_str!("../models/converse.py"),
    include_str!("../models/invoke.py"),
    include_str!("../models/answering.py"),
);

/// The services that this tool, the Python toolkit, the templates and agents use. AgentCore's
/// control plane has the name of its data plane.
const SERVICES: &str = "iam,sts,s3,ecr,logs,codebuild,bedrock-runtime,bedrock-agentcore,dynamodb,sqs,sns,ssm,\
                        secretsmanager";

/// A cold start on a slow disk compiles several hundred Python files.
const START: Duration = Duration::from_mins(1);
/// Open connections get three seconds; the state is written after that.
const END: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// A running ministack.
pub(super) struct Ministack {
    child: Child,
    /// It ends when this closes. Waiting for a child closes the child's remaining pipes.
    pipe: Option<ChildStdin>,
    pub(super) port: u16,
}

impl Ministack {
    /// Starts it on a private port and waits until it answers.
    pub(super) async fn start(
        setup: &Setup,
        token: &str,
        dir: &Folder,
        public: u16,
    ) -> Result<Self, Failure> {
        // Another process may take the port between its choice and its use.
        let mut tries = 3;
        loop {
            tries -= 1;
            let mut started = Self::spawn(setup, token, dir).await?;
            let emulator = Emulator::new(started.port, public, token.to_owned());
            let start = clock::now();
            loop {
                if emulator.answers(&setup.nonce).await {
                    return Ok(started);
                }
                if let Some(status) = started.ended()? {
                    if tries > 0 {
                        break;
                    }
                    return Err(Failure::world(format!(
                        "ministack exited at startup ({status})"
                    )));
                }
                if start.elapsed() > START {
                    return Err(Failure::world("ministack does not answer after startup"));
                }
                clock::sleep(PAUSE).await;
            }
        }
    }

    async fn spawn(setup: &Setup, token: &str, dir: &Folder) -> Result<Self, Failure> {
        let home = dir.path();
        let temporary = home.join(process::TEMPORARY);
        let failed = |error| FileError::new("run", &setup.python, error);
        let port = free_port()?;
        let extension = match &setup.models {
            Models::Server(_) => MODELS,
            Models::Emulator | Models::Aws(_) => "",
        };
        let mut command = Command::new(&setup.python);
        command
            .args(["-I", "-X", "utf8", "-c", LAUNCH])
            .arg(&home)
            .arg(extension.len().to_string())
            .current_dir(&home)
            .env_clear()
            .env("CARGO_AGENTCORE_TOKEN", token)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("SERVICES", SERVICES)
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT_ID)
            // Repeated in its health answer, to identify it.
            .env("MINISTACK_EDITION", &setup.nonce)
            .env("PERSIST_STATE", "1")
            .env("STATE_DIR", home.join("state"))
            .env("S3_PERSIST", "1")
            .env("S3_DATA_DIR", home.join("s3"))
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            // A socket that does not exist, so that it cannot find, start or remove the user's
            // containers.
            .env("DOCKER_HOST", no_docker(&home))
            .env("HOME", &temporary)
            .env("TMPDIR", &temporary)
            .env("TEMP", &temporary)
            .env("TMP", &temporary)
            .stdin(Stdio::piped())
            // Its output goes to this process's log.
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit());
        if let Models::Server(url) = &setup.models {
            command.env("CARGO_AGENTCORE_MODELS", url.as_str());
            for (name, value) in env::all() {
                if name.to_str().is_some_and(is_network) {
                    command.env(name, value);
                }
            }
        }
        for name in ["SYSTEMROOT", "WINDIR"] {
            // Sockets on Windows need these; elsewhere they are not set.
            if let Some(value) = env::var(name) {
                command.env(name, value);
            }
        }
        let mut child = command.spawn().map_err(failed)?;
        let mut pipe = child.stdin.take();
        if let Some(pipe) = &mut pipe {
            // If it has already ended, the caller notices.
            let _ = pipe.write_all(extension.as_bytes()).await;
        }
        Ok(Self { child, pipe, port })
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child
            .try_wait()
            .map_err(|error| Failure::world(format!("cannot watch ministack: {error}")))
    }

    /// Waits until ministack ends.
    pub(super) async fn ends(&mut self) {
        let _ = self.child.wait().await;
    }

    /// Lets it write its state and end.
    pub(super) async fn stop(mut self) {
        drop(self.pipe.take());
        if clock::within(END, self.child.wait()).await.is_none() {
            let _ = self.child.kill().await;
        }
    }

    /// Kills it; state that is not written is lost.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }
}

fn no_docker(home: &Path) -> String {
    format!("unix://{}", home.join("no-docker").display())
}

fn free_port() -> Result<u16, Failure> {
    port::free(Ipv4Addr::LOCALHOST)
        .map_err(|error| Failure::world(format!("no port is free on 127.0.0.1: {error}")))
}
