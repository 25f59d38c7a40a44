//! The images of Python agents: dependencies and code on a base image from another registry.

use serde_json::Value;

use super::{
    local::with_cache,
    registry::{Registry, Trouble},
    service::{deployed, skopeo},
    support::{Cli, Emulator, Ministack, Outcome, Project, listing, seller, wheels},
};

/// A project whose agent starts from the registry's image, with one dependency.
fn project(registry: &Registry) -> Project {
    based_on(&registry.image("3.13"))
}

fn based_on(base: &str) -> Project {
    agent("my_agent", base)
}

fn agent(name: &str, base: &str) -> Project {
    let keys = format!(
        "artifact = \"image\"\nbytecode = \"never\"\nimage = {{ base = \"{base}\" }} # ours\n"
    );
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent_with(name, &keys);
    let wheel = wheels::plain("dep", "1.0", &[("dep/__init__.py", "ANSWER = 42\n")]);
    project.write("wheels/dep-1.0-py3-none-any.whl", wheel);
    project.write(
        "deployment/requirements.txt",
        "--find-links ../wheels\n--no-index\ndep\n",
    );
    project
}

fn cli(project: &Project, words: &[&str]) -> Cli {
    wheels::with_uv(Cli::new(project).args(words))
}

fn deploy(project: &Project, emulator: &Emulator, more: &[&str]) -> Outcome {
    cli(project, &[&["deploy"], more].concat())
        .on(emulator)
        .run()
}

fn package(project: &Project, more: &[&str]) -> Value {
    let words = [&["package", "--output", "json"], more].concat();
    cli(project, &words).run().succeeds().json()["agents"][0].clone()
}

#[test]
fn a_base_image_is_pinned_and_a_change_of_the_code_moves_little() {
    let registry = Registry::start();
    let emulator = Ministack::start();
    let project = project(&registry);
    let before = (listing(&emulator), project.read("Cargo.toml"));
    let dry = deploy(&project, &emulator, &["--dry-run"]).succeeds();
    assert!(dry.stderr.contains("Would pin"), "{}", dry.stderr);
    assert_eq!((listing(&emulator), project.read("Cargo.toml")), before);

    let first = deploy(&project, &emulator, &["--output", "json"]).succeeds();
    assert!(
        first.stderr.contains("Pinned the base image"),
        "{}",
        first.stderr
    );
    let manifest = project.read("Cargo.toml");
    let pinned = format!("{}@sha256:", registry.image("3.13"));
    assert!(
        manifest.contains(&pinned) && manifest.contains(" # ours"),
        "{manifest}"
    );

    let uri = deployed(&emulator);
    let (_, name) = uri.split_once('/').unwrap();
    let place = format!("{}/{name}", emulator.url().replace("http://", "docker://"));
    let about = skopeo(&["inspect", "--config", "--tls-verify=false", &place]);
    let run = &about["config"];
    assert_eq!(
        run["Entrypoint"],
        serde_json::json!(["python3", "/app/invoke.py"])
    );
    assert_eq!(run["User"], "65532:65532");
    assert_eq!(run["WorkingDir"], "/app");
    assert_eq!(run["Labels"]["theirs"], "kept");
    let variables = run["Env"].to_string();
    for variable in [
        "PATH=/usr/local/bin:/usr/bin",
        "DOCKER_CONTAINER=1",
        "PYTHONPATH=/app",
    ] {
        assert!(variables.contains(variable), "{variables}");
    }
    let made: Vec<&Value> = about["history"].as_array().unwrap().iter().collect();
    assert_eq!(made.len(), 4, "{made:?}");
    deploy(&project, &emulator, &["--check"]).succeeds();

    let code = || {
        let status = Cli::new(&project).args(["status", "--output", "json"]);
        let status = status.on(&emulator).run().succeeds().json();
        (
            status["agents"][0]["equal"].clone(),
            status["agents"][0]["code"].clone(),
        )
    };
    assert_eq!(code(), (true.into(), "equal".into()));

    // The base image is in the cache, and the dependencies are in the repository.
    registry.forget();
    project.write(
        "my_agent/agent.py",
        "def answer(prompt: str) -> str:\n    return \"2\"\n",
    );
    assert_eq!(code(), (false.into(), "differs".into()));
    let second = deploy(&project, &emulator, &["--output", "json"]).succeeds();
    let bytes = |outcome: &Outcome| {
        let sent = &outcome.json()["agents"][0]["upload"]["bytes_sent"];
        sent.as_u64().unwrap()
    };
    assert!(bytes(&second) * 50 < bytes(&first), "{}", bytes(&second));
    assert_ne!(deployed(&emulator), uri);
    package(&project, &[]);
    cli(&project, &["clean", "--yes"])
        .on(&emulator)
        .run()
        .succeeds();
    assert_eq!(listing(&emulator), before.0);
    assert!(!project.has("target/agentcore/test-project-7k2qpx/my_agent"));
}

#[test]
fn two_checkouts_have_the_same_image_which_other_tools_read_and_the_layers_are_shown() {
    let registry = Registry::start();
    let (one, other) = (project(&registry), project(&registry));
    let built = package(&one, &[]);
    assert_eq!(package(&other, &["--rebuild"])["digest"], built["digest"]);
    let folder = built["image"].as_str().unwrap();
    let about = skopeo(&["inspect", &format!("oci:{folder}")]);
    assert_eq!(about["Digest"], built["digest"]);
    let made_by: Vec<&Value> = built["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| &layer["created_by"])
        .collect();
    assert_eq!(
        made_by,
        ["ADD root", "the agent's dependencies", "the agent"]
    );
    let bill = |built: &Value| std::fs::read_to_string(built["sbom"].as_str().unwrap()).unwrap();
    let parts: Value = serde_json::from_str(&bill(&built)).unwrap();
    let urls: Vec<&Value> = parts["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| &component["purl"])
        .collect();
    assert_eq!(urls.len(), 2, "{urls:?}");
    assert_eq!(urls[0], "pkg:pypi/dep@1.0");
    let base = urls[1].as_str().unwrap();
    assert!(base.starts_with("pkg:oci/python@sha256%3A"), "{base}");
    let list = cli(&one, &["package", "--list"]).run().succeeds().stdout;
    for file in [
        "app/dep/__init__.py",
        "app/my_agent/agent.py",
        "app/invoke.py",
    ] {
        assert!(list.contains(file), "{list}");
    }
    // A pinned base image in the cache needs no registry.
    registry.forget();
    registry.asked();
    package(&one, &["--offline"]);
    assert_eq!(registry.asked(), Vec::<String>::new());
}

#[test]
fn a_base_image_in_the_agents_account_is_read_with_the_deployers_rights() {
    let registry = Registry::start();
    let emulator = Ministack::start();
    let first = project(&registry);
    deploy(&first, &emulator, &[]).succeeds();
    let base = deployed(&emulator);
    registry.forget();

    let second = agent("other", &base);
    let offline = cli(&second, &["package"]).run().exits(1);
    assert!(
        offline.stderr.contains("cannot pull the base image"),
        "{}",
        offline.stderr
    );
    let policy = [
        "policy",
        "--only",
        "deployer",
        "--account",
        emulator.account(),
    ];
    let printed = cli(&second, &policy).run().succeeds().stdout;
    let (_, name) = base.split_once('/').unwrap();
    let arn = format!(
        "arn:aws:ecr:us-east-1:{}:repository/{}",
        emulator.account(),
        name.split('@').next().unwrap()
    );
    assert!(printed.contains(&arn), "{printed}");
    deploy(&second, &emulator, &[]).succeeds();
    // Nothing of the repository is needed for another registry's image.
    let printed = cli(&first, &policy).run().succeeds().stdout;
    assert!(!printed.contains("\"BaseImage\""), "{printed}");
}

#[test]
fn a_base_image_that_does_not_fit_is_refused_with_the_reason() {
    let registry = Registry::start();
    registry.push("3.12", "3.12.1", "arm64");
    registry.push("intel", "3.13.1", "amd64");
    registry.push("3.13-alpine", "3.13.1", "arm64");
    for (base, more, exit, said) in [
        ("3.12", "", 3, "`runtime = \"python3.12\"`"),
        ("intel", "", 3, "no image for 64-bit ARM Linux"),
        ("3.13-alpine", "", 3, "whose C library is musl"),
        ("gone", "", 3, "has no such image"),
        ("3.13", "--locked", 3, "has no digest"),
        ("3.13", "--offline", 1, "`--offline` downloads nothing"),
    ] {
        let project = based_on(&registry.image(base));
        let mut words = vec!["package"];
        words.extend(Some(more).filter(|more| !more.is_empty()));
        let refused = cli(&project, &words).run().exits(exit);
        assert!(refused.stderr.contains(said), "{base}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("Cargo.toml:"),
            "{base}: {}",
            refused.stderr
        );
        assert!(!project.read("Cargo.toml").contains("sha256"), "{base}");
    }
    for (keys, said) in [
        (
            "image = { base = \"python:3.13\" }",
            "a registry before the name",
        ),
        ("image = { bas = \"x\" }", "did you mean `base`?"),
        (
            "image = { base = \"https://ghcr.io/a/b:1\" }",
            "without `https://`: `ghcr.io/a/b:1`",
        ),
        (
            "image = { base = \"ghcr.io/A/b:1\" }",
            "without capital letters: `a/b`",
        ),
        (
            "artifact = \"zip\"\nimage = { base = \"ghcr.io/a/b:1\" }",
            "shipped as an image",
        ),
    ] {
        let keys = if keys.starts_with("artifact") {
            keys.to_owned()
        } else {
            format!("artifact = \"image\"\n{keys}")
        };
        let project = Project::new().agent_with("my_agent", &keys);
        let refused = cli(&project, &["package"]).run().exits(3);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn a_pull_survives_what_passes_and_tells_what_does_not_before_anything_is_written() {
    let registry = Registry::start();
    let emulator = Ministack::start();
    let before = listing(&emulator);
    let wrong = project(&registry);
    registry.trouble("layers/", 1, Trouble::Other);
    let refused = deploy(&wrong, &emulator, &[]).exits(1);
    assert!(refused.stderr.contains("was sent"), "{}", refused.stderr);
    assert_eq!(listing(&emulator), before);
    deploy(&wrong, &emulator, &[]).succeeds();
    cli(&wrong, &["clean", "--yes"])
        .on(&emulator)
        .run()
        .succeeds();

    let disturbed = project(&registry);
    registry.trouble("token", 1, Trouble::Status(503));
    registry.trouble("manifests/3.13", 1, Trouble::Status(429));
    registry.trouble("blobs/", 1, Trouble::Expired);
    registry.trouble("layers/", 2, Trouble::Torn);
    package(&disturbed, &[]);

    // An image that vanished is found out before the cache is asked for its parts.
    let vanished = project(&registry);
    let pinned = disturbed.read("Cargo.toml");
    vanished.write("Cargo.toml", pinned);
    registry.forget();
    let refused = deploy(&vanished, &emulator, &[]).exits(3);
    assert!(
        refused.stderr.contains("no longer has it"),
        "{}",
        refused.stderr
    );
    let image = registry.image("3.13");
    let (name, _) = image.rsplit_once(':').unwrap();
    let unknown = format!("{name}@sha256:{}", "a".repeat(64));
    let refused = cli(&based_on(&unknown), &["package"]).run().exits(3);
    assert!(
        refused.stderr.contains("has no image with this digest"),
        "{}",
        refused.stderr
    );
    assert_eq!(listing(&emulator), before);
}

#[test]
fn a_python_image_runs_in_the_local_agentcore_without_its_base_image() {
    let registry = Registry::start();
    let project = project(&registry);
    project.write("deployment/invoke.py", AGENT);
    project.write("deployment/server.py", seller::SERVER);
    let does = |words: &[&str]| with_cache(cli(&project, words)).run().succeeds();
    let deployed = does(&["deploy", "--local"]);
    assert!(
        deployed.stderr.contains("this machine's own Python"),
        "{}",
        deployed.stderr
    );
    assert_eq!(registry.asked(), Vec::<String>::new());
    let answer = |more: &[&str]| {
        let words = [&["invoke", "--local", "{\"prompt\":\"hi\"}"], more].concat();
        let said: Value = serde_json::from_str(&does(&words).stdout).unwrap();
        said["answer"].clone()
    };
    assert_eq!(answer(&[]), "hi 42");
    does(&["endpoint", "set", "stable", "--version", "1", "--local"]);
    project.write(
        "my_agent/agent.py",
        "def answer(prompt: str) -> str:\n    return prompt + \"!\"\n",
    );
    let updated = does(&["deploy", "--local"]);
    assert!(updated.stderr.contains("version 2"), "{}", updated.stderr);
    assert_eq!(answer(&[]), "hi! 42");
    assert_eq!(answer(&["--endpoint", "stable"]), "hi 42");
    let status = does(&["status", "--local"]).stdout;
    assert!(status.contains("/my_agent@sha256:"), "{status}");
    let logs = does(&["logs", "--local"]).stdout;
    assert!(logs.contains("the agent listens"), "{logs}");
    does(&["clean", "--local", "--logs", "--yes"]);
}

/// An agent that needs nothing but Python and its one dependency.
const AGENT: &str = r#"
import server
from dep import ANSWER
from my_agent.agent import answer


class Agent(server.Agent):
    def invoke(self, asked):
        self.answer({"answer": f"{answer(asked['prompt'])} {ANSWER}"})


print("the agent listens", flush=True)
server.serve(Agent)
"#;
