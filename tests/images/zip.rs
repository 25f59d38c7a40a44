//! A Rust agent in an archive: what the service gets, and how its program is started.

use std::{
    fs,
    io::Read as _,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    AGENT, local, package,
    service::program,
    support::{Cli, Ministack, Outcome, Project, boto3, emulator::free_port},
};

/// Ends with 7 when it is asked to end, which Python would not.
const AT_THE_END: &str = "
unsafe extern \"C\" {
    fn signal(number: i32, handler: extern \"C\" fn(i32)) -> usize;
    fn _exit(code: i32) -> !;
}

extern \"C\" fn end(_: i32) {
    unsafe { _exit(7) }
}

fn main() {
    unsafe { signal(15, end) };";

fn project() -> Project {
    let project = package();
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", format!("{manifest}artifact = \"zip\"\n"));
    project
}

fn change(project: &Project, version: &str) {
    let changed = format!("const VERSION: &str = \"{version}\";");
    let agent = AGENT
        .replace("const VERSION: &str = \"one\";", &changed)
        .replace("fn main() {", AT_THE_END);
    project.write("src/main.rs", agent);
}

#[test]
fn an_archive_with_a_program_is_deployed_like_one_with_python() {
    let (emulator, project) = (Ministack::start(), project());
    let cli = |words: &[&str]| Cli::new(&project).args(words);
    project.write("program", program(1));
    let listed = cli(&["package", "--binary", "program", "--list"])
        .run()
        .succeeds();
    let names: Vec<&str> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert_eq!(names, ["ca-certificates.crt", "main.py", "my_agent"]);
    let archive = project
        .path()
        .join("target/agentcore/shop-7k2qpx/my_agent/deployment.zip");
    let bytes = fs::read(&archive).unwrap();
    cli(&["package", "--binary", "program"]).run().succeeds();
    assert_eq!(fs::read(&archive).unwrap(), bytes);

    let deploy = |more: &[&str]| {
        cli(&[&["deploy", "--binary", "program"], more].concat())
            .on(&emulator)
            .run()
    };
    let dry = deploy(&["--dry-run"]).succeeds();
    dry.says(&["Would create bucket", "Would create runtime"]);
    deploy(&[]).succeeds();
    deploy(&["--check"]).succeeds();
    let found = boto3(
        &emulator,
        "c = client('bedrock-agentcore-control')\n\
         id = c.list_agent_runtimes()['agentRuntimes'][0]['agentRuntimeId']\n\
         code = c.get_agent_runtime(agentRuntimeId=id)['agentRuntimeArtifact']['codeConfiguration']\n\
         print(code['runtime'], *code['entryPoint'])\n\
         i = client('iam')\n\
         for role in i.list_roles()['Roles']:\n\
         \x20   for name in i.list_role_policies(RoleName=role['RoleName'])['PolicyNames']:\n\
         \x20       print('ecr' in str(i.get_role_policy(RoleName=role['RoleName'], PolicyName=name)['PolicyDocument']))\n\
         print(len(client('ecr').describe_repositories()['repositories']))",
    );
    assert_eq!(found, "PYTHON_3_13 main.py\nFalse\n0\n");
    let status = cli(&["status", "--output", "json"])
        .on(&emulator)
        .run()
        .succeeds()
        .json();
    let status = &status["agents"][0];
    assert_eq!(status["differences"], json!([]), "{status}");

    project.write("program", program(2));
    let changed = deploy(&["--check"]).exits(5);
    assert!(
        changed.stderr.contains("Would update"),
        "{}",
        changed.stderr
    );
    cli(&["package", "--binary", "program"]).run().succeeds();
    let status = cli(&["status"]).on(&emulator).run().succeeds();
    assert!(status.stdout.contains("code"), "{}", status.stdout);
    cli(&["clean", "--yes"]).on(&emulator).run().succeeds();
    assert!(!archive.exists());

    let policy = cli(&["policy"]).run().succeeds();
    assert!(!policy.stdout.contains("ecr:"), "{}", policy.stdout);
    let refused = cli(&["prepare", "--dry-run"]).run().exits(2);
    assert!(refused.stderr.contains("is written in Rust"));
    project.write("program", b"MZ");
    let refused = cli(&["package", "--binary", "program"]).run().exits(3);
    assert!(refused.stderr.contains("`program` is not a Linux program"));
}

#[test]
fn a_program_in_an_archive_runs_here_with_the_signals_of_its_entry_point() {
    let project = project();
    change(&project, "one");
    let does = |words: &[&str]| -> Outcome {
        local::with_cache(Cli::new(&project))
            .args(words)
            .run()
            .succeeds()
    };
    let answer = |words: &[&str]| -> Value {
        let invoke = ["invoke", "--local", r#"{"prompt":"hi"}"#];
        serde_json::from_str(&does(&[&invoke, words].concat()).stdout).unwrap()
    };
    let expected = |version: &str| {
        json!({
            "version": version, "asked": { "prompt": "hi" }, "region": "us-east-1",
            "mood": "fine", "authorities": true,
        })
    };
    does(&["deploy", "--local"]);
    assert_eq!(answer(&[]), expected("one"));
    does(&["endpoint", "set", "stable", "--version", "1", "--local"]);
    change(&project, "two");
    does(&["deploy", "--local"]);
    assert_eq!(answer(&[]), expected("two"));
    does(&["endpoint", "set", "stable", "--version", "2", "--local"]);
    does(&["rollback", "--endpoint", "stable", "--local"]);
    assert_eq!(answer(&["--endpoint", "stable"]), expected("one"));
    let logs = does(&["logs", "--local"]);
    assert!(
        logs.stdout.contains("version two listens"),
        "{}",
        logs.stdout
    );
    starts_without_permissions(&project);
    does(&["clean", "--local", "--logs", "--yes"]);
}

/// Unpacks the archive as Python does, which loses the permissions, where nothing can be written.
fn starts_without_permissions(project: &Project) {
    let archive = project
        .path()
        .join("target/agentcore/shop-7k2qpx/my_agent_local/deployment.zip");
    let task = project.root().join("task");
    let unpacked = Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .args([&archive, &task])
        .status();
    assert!(unpacked.unwrap().success());
    let program = task.join("my_agent");
    let mode = fs::metadata(&program).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0, "{mode:o}");
    fs::set_permissions(&task, fs::Permissions::from_mode(0o555)).unwrap();

    let (port, temporary) = (free_port(), project.root().join("temporary"));
    fs::create_dir(&temporary).unwrap();
    let mut agent = Command::new("python3")
        .arg(task.join("main.py"))
        .current_dir(&temporary)
        .env("TMPDIR", &temporary)
        .env("PORT", port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begin.elapsed() < Duration::from_mins(1),
            "it does not listen"
        );
        sleep(Duration::from_millis(10));
    }
    if cfg!(target_os = "linux") {
        let about = fs::read_to_string(format!("/proc/{}/status", agent.id())).unwrap();
        let ignored = about.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
        // SIGXFSZ, which Python ignores and Rust does not.
        assert_eq!(ignored & (1 << 24), 0, "{ignored:x}");
        let running = fs::read_link(format!("/proc/{}/exe", agent.id())).unwrap();
        assert_eq!(running.file_name(), Path::new("my_agent").file_name());
    }
    let pid = i32::try_from(agent.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.unwrap(), Signal::TERM).unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(7));
    let mut said = String::new();
    let mut output = agent.stdout.take().unwrap();
    output.read_to_string(&mut said).unwrap();
    assert!(said.contains("version two listens"), "{said}");
    fs::set_permissions(&task, fs::Permissions::from_mode(0o755)).unwrap();
}
