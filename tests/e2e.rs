//! From nothing to a running agent and back, with this tool alone and together with the Python
//! toolkit: against both emulators, with the real toolkit, in an account with resources that must
//! not be touched.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

use std::path::{Path, PathBuf};

use crate::support::{
    self, Cli, Emulator, Fault, Ministack, Moto, Outcome, Proxy, Times, boto3, listing,
};
use serde_json::Value;
use tempfile::TempDir;

const REGION: &str = "us-west-2";

/// Other people's resources: a runtime, a role, a repository, an object in the shared bucket.
const BYSTANDERS: &str = r#"
trust = '{"Version":"2012-10-17","Statement":[]}'
client("iam").create_role(RoleName="AgentCoreRole-other", AssumeRolePolicyDocument=trust)
client("ecr", "us-west-2").create_repository(repositoryName="bedrock-agentcore-other")
bucket = f"bedrock-agentcore-codebuild-sources-{account}-us-west-2"
client("s3", "us-west-2").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
client("s3", "us-west-2").put_object(Bucket=bucket, Key="other/deployment.zip", Body=b"x")
client("logs", "us-west-2").create_log_group(logGroupName="/aws/bedrock-agentcore/runtimes/other-AbCdEf1234-DEFAULT")
client("bedrock-agentcore-control", "us-west-2").create_agent_runtime(
    agentRuntimeName="other",
    roleArn=f"arn:aws:iam::{account}:role/AgentCoreRole-other",
    agentRuntimeArtifact={"containerConfiguration": {"containerUri": f"{account}.dkr.ecr.us-west-2.amazonaws.com/x:y"}},
    networkConfiguration={"networkMode": "PUBLIC"},
)
"#;

struct Place {
    root: TempDir,
    project: PathBuf,
}

impl Place {
    /// Creates a project from a template with the binary.
    fn new(template: &str) -> Self {
        let root = TempDir::new().unwrap();
        let project = root.path().join("my-agent");
        Cli::in_directory(root.path(), root.path())
            .args([
                "new",
                "my-agent",
                "--template",
                template,
                "--region",
                REGION,
                "--yes",
            ])
            .run()
            .succeeds();
        Self { root, project }
    }

    fn cli(&self, emulator: &Emulator) -> Cli {
        Cli::in_directory(&self.project, self.root.path()).on(emulator)
    }

    fn has(&self, path: &str) -> bool {
        self.project.join(path).exists()
    }

    /// Runs a printed line as a user would paste it, with the test bed's toolkit.
    fn shell(&self, line: &str) -> String {
        support::toolkit::shell(line, &self.project, &self.root.path().join("home"))
    }
}

/// Returns the account's roles, runtimes and objects, without times.
fn account(emulator: &Emulator) -> Value {
    listing(emulator)
}

fn whole_way(emulator: &Emulator, deploys: bool) {
    boto3(emulator, BYSTANDERS);
    let before = account(emulator);
    let place = Place::new("echo");
    let prepared = place.cli(emulator).arg("prepare").run().succeeds();
    assert!(place.has("deployment/my_agent/agent.py"));
    assert!(place.has("deployment/.cargo-agentcore"));
    let line = prepared.stdout.trim();
    assert_eq!(line.lines().count(), 1, "one line an agent: {line}");

    place.shell(line);
    let yaml = std::fs::read_to_string(place.project.join(".bedrock_agentcore.yaml")).unwrap();
    assert!(
        yaml.contains("role/AgentCoreRole-my_agent") && yaml.contains("region: us-west-2"),
        "{yaml}"
    );

    if deploys {
        let (head, _) = line.split_once(" configure ").unwrap();
        place.shell(&format!("{head} deploy"));
        let running = account(emulator);
        let runtimes = running["regions"][REGION]["runtimes"].as_object().unwrap();
        assert_eq!(runtimes.len(), 2, "the bystander and ours: {runtimes:?}");
    }

    let unchanged = place
        .cli(emulator)
        .args(["prepare", "--check"])
        .run()
        .succeeds();
    assert!(
        unchanged.stderr.contains("Unchanged"),
        "{}",
        unchanged.stderr
    );

    let refused = place.cli(emulator).arg("clean").run().exits(2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    let dry = place
        .cli(emulator)
        .args(["clean", "--dry-run"])
        .run()
        .succeeds();
    assert!(
        dry.stderr
            .contains("Would delete role `AgentCoreRole-my_agent`"),
        "{}",
        dry.stderr
    );
    place
        .cli(emulator)
        .args(["clean", "--check"])
        .run()
        .exits(5);

    let cleaned = place
        .cli(emulator)
        .args(["clean", "--yes", "--output", "json"])
        .run()
        .succeeds();
    let document = cleaned.json();
    assert_eq!(document["left"], serde_json::json!([]), "{document}");
    assert_eq!(account(emulator), before);
    for gone in [
        "deployment/my_agent",
        "deployment/.cargo-agentcore",
        ".bedrock_agentcore.yaml",
        ".bedrock_agentcore",
    ] {
        assert!(!place.has(gone), "{gone} is left");
    }
    assert!(
        place.has("deployment/invoke.py"),
        "what the user wrote stays"
    );
    let again = place
        .cli(emulator)
        .args(["clean", "--yes"])
        .run()
        .succeeds();
    assert!(
        again.stderr.contains("Nothing to delete"),
        "{}",
        again.stderr
    );
}

#[test]
fn the_whole_way_and_back_on_ministack_with_a_real_deployment() {
    whole_way(&Ministack::start(), true);
}

#[test]
fn the_whole_way_and_back_on_moto() {
    whole_way(&Moto::start(), false);
}

/// Another agent's archive in another project's bucket, and a runtime that uses it.
const ANOTHER_PROJECT: &str = r#"
bucket = f"cargo-agentcore-0123456789ab-{account}-us-west-2"
s3 = client("s3", "us-west-2")
s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "cargo-agentcore:managed", "Value": "true"}, {"Key": "cargo-agentcore:project", "Value": "other-123456"}]})
s3.put_object(Bucket=bucket, Key="my_agent/0123456789abcdef0123456789abcdef.zip", Body=b"x")
"#;

/// What the service creates when an agent is called, and what the agent prints.
const CALLED: &str = r#"
import time
control = client("bedrock-agentcore-control", "us-west-2")
ids = [r["agentRuntimeId"] for r in control.list_agent_runtimes()["agentRuntimes"] if r["agentRuntimeName"] == "my_agent"]
group = f"/aws/bedrock-agentcore/runtimes/{ids[0]}-DEFAULT"
logs = client("logs", "us-west-2")
logs.create_log_group(logGroupName=group)
stream = "2026/11/25/[runtime-logs]0123"
logs.create_log_stream(logGroupName=group, logStreamName=stream)
logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": "the agent was here"}])
"#;

/// What an emulator supports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DataPlane {
    Answers,
    /// moto has none: it fails at `InvokeAgentRuntime`, and endpoints never get a new version.
    Missing,
}

fn native_way(emulator: &Emulator, plane: DataPlane) {
    boto3(emulator, &format!("{BYSTANDERS}{ANOTHER_PROJECT}"));
    let before = account(emulator);
    let place = Place::new("echo");
    if plane == DataPlane::Missing {
        // The other emulator tests real dependencies; here they would prove nothing more.
        std::fs::write(place.project.join("deployment/requirements.txt"), "").unwrap();
        let entry = "from my_agent.agent import answer\n\nprint(answer)\n";
        std::fs::write(place.project.join("deployment/invoke.py"), entry).unwrap();
    }
    // moto leaves an updated runtime in UPDATING forever.
    let proxy = Proxy::to(emulator);
    proxy.fault(
        "bedrock-agentcore:GetAgentRuntime*",
        Times::Always,
        Fault::Reworded("UPDATING", "READY"),
    );
    let run = |words: &[&str]| -> Outcome {
        let uv = support::bed::agents().join("bin");
        let path = format!("{}:{}", uv.display(), std::env::var("PATH").unwrap());
        Cli::in_directory(&place.project, place.root.path())
            .at(&proxy.url())
            .env("PATH", path)
            .env("UV_CACHE_DIR", support::bed::directory().join("uv-cache"))
            .args(words)
            .run()
            .succeeds()
    };
    let state = |run: Outcome| run.json()["agents"][0].clone();

    let arn = run(&["deploy"]).stdout.trim().to_owned();
    assert!(
        arn.starts_with("arn:aws:bedrock-agentcore:us-west-2:"),
        "{arn}"
    );
    let status = state(run(&["status", "--output", "json"]));
    assert_eq!(
        (&status["state"], &status["equal"]),
        (&"deployed".into(), &true.into())
    );
    if plane == DataPlane::Answers {
        let answer = run(&["invoke", "--prompt", "hello there"]);
        assert!(answer.stdout.contains("hello there"), "{}", answer.stdout);
    }

    let agent = place.project.join("my_agent/agent.py");
    let text = std::fs::read_to_string(&agent).unwrap();
    std::fs::write(&agent, text + "\n# One line more.\n").unwrap();
    let changed = state(run(&["deploy", "--output", "json"]));
    assert_eq!(
        (&changed["did"], &changed["runtime"]["version"]),
        (&"updated".into(), &"2".into())
    );
    // moto's ARNs contain the version, and tags belong to the ARN: version 2 does not have those of
    // version 1.
    let same = match plane {
        DataPlane::Answers => "unchanged",
        DataPlane::Missing => "tagged",
    };
    assert_eq!(state(run(&["deploy", "--output", "json"]))["did"], same);
    let versions = run(&["versions"]);
    assert_eq!(versions.stdout.lines().count(), 3, "{}", versions.stdout);
    run(&["endpoint", "set", "prod", "--version", "2"]);
    // moto's endpoints answer with their first version forever.
    let back = match plane {
        DataPlane::Answers => run(&["rollback", "--output", "json"]),
        DataPlane::Missing => run(&["rollback", "--dry-run", "--output", "json"]),
    };
    let back = back.json();
    assert_eq!(
        (&back["before"], &back["after"]),
        (&"2".into(), &"1".into())
    );
    if plane == DataPlane::Answers {
        boto3(emulator, CALLED);
        assert_eq!(run(&["logs", "--raw"]).stdout.trim(), "the agent was here");
        let kept = run(&["clean", "--dry-run"]);
        let said = "logs are kept unless `--logs`";
        assert!(kept.stderr.contains(said), "{}", kept.stderr);
    } else {
        // Without calls the service would have created no log group.
        assert_eq!(run(&["logs"]).stdout, "");
    }

    let cleaned = run(&["clean", "--yes", "--logs", "--output", "json"]).json();
    assert_eq!(cleaned["left"], serde_json::json!([]), "{cleaned}");
    assert_eq!(account(emulator), before);
    for gone in ["deployment/my_agent", "deployment/.cargo-agentcore"] {
        assert!(!place.has(gone), "{gone} is left");
    }
    let places = std::fs::read_dir(place.project.join("target/agentcore")).unwrap();
    let left: Vec<_> = places.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
    let again = run(&["clean", "--yes", "--logs"]);
    assert!(
        again.stderr.contains("Nothing to delete"),
        "{}",
        again.stderr
    );
}

#[test]
fn a_deployed_agent_lives_and_goes_on_ministack() {
    native_way(&Ministack::start(), DataPlane::Answers);
}

#[test]
fn a_deployed_agent_lives_and_goes_on_moto() {
    native_way(&Moto::start(), DataPlane::Missing);
}

#[test]
fn a_second_region_joins_the_first_and_leaves_alone() {
    for emulator in [Ministack::start(), Moto::start()] {
        let place = Place::new("echo");
        let before = account(&emulator);
        place.cli(&emulator).arg("prepare").run().succeeds();
        place
            .cli(&emulator)
            .args(["prepare", "--region", "eu-west-1"])
            .run()
            .succeeds();
        place
            .cli(&emulator)
            .args(["prepare", "--check"])
            .run()
            .succeeds();
        let role = format!(
            "arn:aws:iam::{}:role/AgentCoreRole-my_agent",
            emulator.account()
        );
        let both = account(&emulator)["roles"][&role].to_string();
        assert!(
            both.contains("AgentCore-us-west-2") && both.contains("AgentCore-eu-west-1"),
            "{both}"
        );

        let one = place
            .cli(&emulator)
            .args(["clean", "--yes"])
            .run()
            .succeeds();
        assert!(
            one.stderr.contains("still serves eu-west-1"),
            "{}",
            one.stderr
        );
        let left = account(&emulator)["roles"][&role].to_string();
        assert!(
            !left.contains("us-west-2") && left.contains("AgentCore-eu-west-1"),
            "{left}"
        );
        assert!(
            place.has("deployment/my_agent"),
            "the other region is served from it"
        );

        place
            .cli(&emulator)
            .args(["clean", "--yes", "--all-regions"])
            .run()
            .succeeds();
        assert_eq!(account(&emulator), before);
    }
}

#[test]
fn somebody_elses_role_stops_the_run_and_adopt_takes_it_over_and_gives_it_back() {
    let emulator = Ministack::start();
    boto3(
        &emulator,
        r#"
import json
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
client("iam").create_role(RoleName="AgentCoreRole-my_agent", AssumeRolePolicyDocument=json.dumps(trust))
"#,
    );
    let place = Place::new("echo");
    let refused = place.cli(&emulator).arg("prepare").run().exits(1);
    assert!(refused.stderr.contains("--adopt"), "{}", refused.stderr);
    let unanswered = place
        .cli(&emulator)
        .args(["prepare", "--adopt"])
        .run()
        .exits(2);
    assert!(unanswered.stderr.contains("--yes"), "{}", unanswered.stderr);
    place
        .cli(&emulator)
        .args(["prepare", "--adopt", "--yes"])
        .run()
        .succeeds();
    let cleaned = place
        .cli(&emulator)
        .args(["clean", "--yes"])
        .run()
        .succeeds();
    assert!(
        cleaned.stderr.contains("it was adopted"),
        "{}",
        cleaned.stderr
    );
    let role =
        &account(&emulator)["roles"]["arn:aws:iam::000000000000:role/AgentCoreRole-my_agent"];
    assert!(
        role.is_object() && !role.to_string().contains("cargo-agentcore"),
        "{role}"
    );
}

#[test]
fn another_projects_role_names_both_projects() {
    let emulator = Ministack::start();
    let first = Place::new("echo");
    first.cli(&emulator).arg("prepare").run().succeeds();
    let second = Place::new("echo");
    let refused = second.cli(&emulator).arg("prepare").run().exits(1);
    for place in [&first, &second] {
        assert!(
            refused.stderr.contains(&project(&place.project)),
            "{}",
            refused.stderr
        );
    }
    let clean = second
        .cli(&emulator)
        .args(["clean", "--yes"])
        .run()
        .succeeds();
    assert!(clean.stderr.contains("not ours"), "{}", clean.stderr);
    first
        .cli(&emulator)
        .args(["prepare", "--check"])
        .run()
        .succeeds();
}

/// Returns the project ID in the manifest.
fn project(directory: &Path) -> String {
    let text = std::fs::read_to_string(directory.join("Cargo.toml")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("project = "))
        .unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn the_printed_line_of_a_member_package_works_from_wherever_prepare_ran() {
    let emulator = Ministack::start();
    let root = TempDir::new().unwrap();
    let workspace = root.path().join("work space");
    let member = workspace.join("member's");
    let files = [
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"member's\"]\n".to_owned(),
        ),
        (
            "member's/Cargo.toml",
            "[package]\nname = \"member\"\nedition = \"2024\"\n\n[package.metadata.agentcore]\n\
             project = \"member-7k2qpx\"\nregion = \"us-west-2\"\n\n\
             [package.metadata.agentcore.agents.inner]\nsource = \"inner\"\n"
                .to_owned(),
        ),
        ("member's/src/lib.rs", String::new()),
        ("member's/inner/__init__.py", String::new()),
        (
            "member's/deployment/invoke.py",
            "from bedrock_agentcore import BedrockAgentCoreApp\n\napp = BedrockAgentCoreApp()\n"
                .to_owned(),
        ),
        (
            "member's/deployment/requirements.txt",
            "bedrock-agentcore\n".to_owned(),
        ),
    ];
    for (path, text) in files {
        let path = workspace.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let elsewhere = root.path().to_owned();
    let manifest = workspace.join("Cargo.toml").display().to_string();
    let ways: [(&Path, Vec<&str>, bool); 3] = [
        (&workspace, vec!["prepare"], true),
        (&member, vec!["prepare"], false),
        (
            &elsewhere,
            vec!["prepare", "--manifest-path", &manifest],
            true,
        ),
    ];
    for (directory, arguments, changes_directory) in ways {
        let prepared = Cli::in_directory(directory, root.path())
            .on(&emulator)
            .args(arguments)
            .run()
            .succeeds();
        let line = prepared.stdout.trim();
        assert_eq!(line.contains("--directory"), changes_directory, "{line}");
        let place = Place {
            root: TempDir::new().unwrap(),
            project: directory.to_owned(),
        };
        place.shell(line);
        let yaml = std::fs::read_to_string(member.join(".bedrock_agentcore.yaml")).unwrap();
        assert!(yaml.contains("role/AgentCoreRole-inner"), "{yaml}");
        Cli::in_directory(directory, root.path())
            .on(&emulator)
            .args(["clean", "--yes", "--manifest-path", &manifest])
            .run()
            .succeeds();
        assert!(!member.join(".bedrock_agentcore.yaml").exists());
    }
}
