//! The generated entry points run under the real SDK.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    init, stage,
    support::{self, Cli, Project, bed, emulator::free_port},
};

/// A served entry point, killed on drop.
struct Served(Child, u16);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Served {
    fn start(project: &Project, file: &str) -> Self {
        let port = free_port();
        let child = Command::new(bed::program(&bed::agents(), "python"))
            .arg(project.path().join("deployment").join(file))
            .env("PORT", port.to_string())
            .env_remove("DOCKER_CONTAINER")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let served = Self(child, port);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_mins(2),
                "`{file}` does not serve"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        served
    }

    fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.1)).unwrap();
        write!(stream, "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn lint(directory: &Path) {
    for args in [
        &["check", "--select", "E,F,I,UP,B"][..],
        &["format", "--check"],
    ] {
        let output = Command::new(bed::program(&bed::agents(), "ruff"))
            .args(args)
            .args([
                "--no-cache",
                "deployment/invoke.py",
                "deployment/invoke_async.py",
            ])
            .args(if args[0] == "check" {
                &["--ignore", "E501"][..]
            } else {
                &[]
            })
            .current_dir(directory)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn the_generated_entry_points_answer_under_the_real_sdk() {
    for (whole, streaming, answer, event) in [
        (
            "main:answer",
            "main:pieces",
            r#"{"answer": "HELLO YOU"}"#,
            r#"data: "hello""#,
        ),
        (
            "main:Estimator.estimate",
            "main:Estimator.estimate_stream",
            r#""hello you USD""#,
            r#"data: "hello USD""#,
        ),
        (
            "main:Estimator.estimate_later",
            "main:pieces",
            r#""hello you later""#,
            r#"data: "you""#,
        ),
        (
            "main:later",
            "main:pieces",
            r#"["hello you", null]"#,
            r#"data: "you""#,
        ),
    ] {
        let project = stage();
        init(
            &project,
            &["--handler", whole, "--async-handler", streaming],
        )
        .succeeds();
        lint(&project.path());
        let emulator = support::Moto::start();
        Cli::new(&project)
            .on(&emulator)
            .arg("prepare")
            .run()
            .succeeds();
        let body = r#"{"prompt": "hello you"}"#;
        let served = Served::start(&project, "invoke.py");
        assert!(served.ask("GET /ping", "").contains("Healthy"));
        let said = served.ask("POST /invocations", body);
        assert!(
            said.starts_with("HTTP/1.1 200") && said.contains(answer),
            "{whole}: {said}"
        );
        if whole != "main:later" {
            assert!(
                served
                    .ask("POST /invocations", "{}")
                    .starts_with("HTTP/1.1 400")
            );
        }
        drop(served);
        let served = Served::start(&project, "invoke_async.py");
        let said = served.ask("POST /invocations", body);
        assert!(
            said.contains("text/event-stream") && said.contains(event),
            "{streaming}: {said}"
        );
        for payload in ["{}", r#"{"prompt": " "}"#, r#""x""#] {
            let refused = served.ask("POST /invocations", payload);
            assert!(
                refused.starts_with("HTTP/1.1 400")
                    && refused.contains("the payload needs a prompt"),
                "{streaming} {payload}: {refused}"
            );
        }
    }
}
