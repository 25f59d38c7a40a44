//! Against ministack, and against an agent on the real bedrock-agentcore SDK.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use hyper::{Request, body::Bytes};
use serde_json::{Value, json};

use super::{
    SESSION, arn, project, refusal, says,
    support::{
        Cli, Ministack, Outcome, Project, bed, boto3,
        emulator::free_port,
        proxy::forward,
        server::{Reply, Server},
    },
};

const RUNTIME: &str = r#"
runtime = client("bedrock-agentcore-control").create_agent_runtime(
    agentRuntimeName="one",
    roleArn=f"arn:aws:iam::{account}:role/r",
    agentRuntimeArtifact={"codeConfiguration": {"code": {"s3": {"bucket": "b", "prefix": "k"}}, "runtime": "PYTHON_3_13", "entryPoint": ["invoke.py"]}},
    networkConfiguration={"networkMode": "PUBLIC"},
)
print(runtime["agentRuntimeArn"], end="")
"#;

#[test]
fn ministack_answers_by_name_and_by_arn() {
    let emulator = Ministack::start();
    let arn = boto3(&emulator, RUNTIME);
    let project = project();
    let payload = "{\"prompt\": \"hé\"}";
    let by_name = Cli::new(&project)
        .on(&emulator)
        .args(["invoke", payload])
        .run()
        .succeeds();
    let echo: Value = by_name.json();
    assert_eq!(echo["agentRuntimeArn"], json!(arn));
    assert!(echo["input"].to_string().contains("hé"), "{echo}");
    let by_arn = Cli::in_directory(&project.home(), project.root())
        .on(&emulator)
        .args(["invoke", "--arn", &arn, payload])
        .run()
        .succeeds();
    assert_eq!(by_arn.json(), echo);
    let unknown = Cli::new(&project)
        .on(&emulator)
        .args(["invoke", payload, "--endpoint", "nowhere"])
        .run()
        .exits(1);
    says(&unknown, "ResourceNotFoundException");
    says(&unknown, "has no endpoint `nowhere`");
}

/// An agent on the real SDK behind a stand-in for the service, which maps a runtime's path to the
/// agent's and an agent's error to 424.
struct RealAgent {
    child: Child,
    service: Server,
}

const REAL_AGENT: &str = r#"
import asyncio
from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()

@app.entrypoint
async def invoke(payload, context):
    if payload.get("fail"):
        raise ValueError("asked to fail")
    if payload.get("whole"):
        return f"session {context.session_id}"
    async def stream():
        for chunk in ["Grüße ", "aus ", "東京\n", {"tool": "done"}]:
            await asyncio.sleep(0.01)
            yield chunk
        if payload.get("break"):
            raise RuntimeError("broke in the middle")
    return stream()

app.run(port=PORT, host="127.0.0.1")
"#;

impl RealAgent {
    fn start() -> Self {
        let port = free_port();
        let mut child = Command::new(bed::program(&bed::agents(), "python"))
            .args(["-c", &REAL_AGENT.replace("PORT", &port.to_string())])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if child.try_wait().unwrap().is_some() || start.elapsed() > Duration::from_mins(1) {
                let _ = child.kill();
                let mut said = String::new();
                child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("the agent does not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Read all output, because the agent blocks when the pipe is full.
        let mut log = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let service = Server::start(move |mut request: Request<Bytes>| async move {
            *request.uri_mut() = "/invocations".parse().unwrap();
            match forward(request, port).await {
                Some(answer) if answer.status >= 400 => Reply::Answer(refusal(
                    424,
                    "RuntimeClientError",
                    &String::from_utf8_lossy(&answer.body()),
                )),
                Some(answer) => Reply::Answer(answer),
                None => Reply::Silence,
            }
        });
        Self { child, service }
    }

    fn ask(&self, project: &Project, payload: &Value) -> Outcome {
        Cli::in_directory(&project.home(), project.root())
            .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
            .env("CARGO_AGENTCORE_ENDPOINT_URL", self.service.url())
            .args([
                "invoke",
                "--arn",
                &arn(),
                "--session",
                SESSION,
                &payload.to_string(),
            ])
            .run()
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_on_the_real_sdk_is_understood() {
    let agent = RealAgent::start();
    let project = project();
    let streamed = agent.ask(&project, &json!({})).succeeds();
    assert_eq!(streamed.stdout, "Grüße aus 東京\n{\"tool\": \"done\"}\n");
    let whole = agent.ask(&project, &json!({"whole": true})).succeeds();
    assert_eq!(whole.stdout, format!("session {SESSION}"));
    let broken = agent.ask(&project, &json!({"break": true})).exits(1);
    assert!(
        broken.stdout.starts_with("Grüße aus 東京\n"),
        "{}",
        broken.stdout
    );
    says(&broken, "failed while it answered: broke in the middle");
    says(&broken, "`RuntimeError`");
    let failed = agent.ask(&project, &json!({"fail": true})).exits(1);
    says(&failed, "asked to fail");
    // A token alone cannot read logs.
    says(&failed, "cannot be read: no AWS credentials were found");
}
