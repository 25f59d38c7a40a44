//! Images from the user's Dockerfile, built by buildah.

use serde_json::json;

use super::{
    service::{deployed, program, skopeo},
    support::{Cli, Emulator, Ministack, Outcome, Project, listing},
};

const TABLE: &str = "artifact = \"dockerfile\"\nimage = { args = { MOOD = \"fine\" } }\n";

const DOCKERFILE: &str = "FROM scratch\nARG MOOD\nENV MOOD=$MOOD\nCOPY agent /agent\nCOPY data /data\nEXPOSE 8080\nENTRYPOINT [\"/agent\"]\n";

fn project() -> Project {
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent_with("my_agent", TABLE);
    project.write("Dockerfile", DOCKERFILE);
    project.write(".dockerignore", "*\n!agent\n!data\n**/*.log\n");
    project.write("agent", program(1));
    project.write("data/one.txt", "one");
    project.write("data/.env", "SECRET=1");
    project.write("data/noise.log", "noise");
    let graph = project.root().join("containers");
    let graph = graph.display();
    project.home_file(
        "storage.conf",
        format!("[storage]\ndriver = \"vfs\"\nrunroot = \"{graph}/run\"\ngraphroot = \"{graph}/graph\"\n"),
    )
}

fn cli(project: &Project, words: &[&str]) -> Cli {
    let storage = project.home().join("storage.conf");
    Cli::new(project)
        .args(words)
        .env("CONTAINERS_STORAGE_CONF", storage)
        .env("BUILDAH_ISOLATION", "chroot")
}

fn deploy(project: &Project, emulator: &Emulator, more: &[&str]) -> Outcome {
    let words = [&["deploy", "--builder", "buildah"], more].concat();
    cli(project, &words).on(emulator).run()
}

#[test]
fn buildah_builds_what_is_deployed_and_only_when_something_changed() {
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    let listed = cli(&project, &["package", "--list"]).run().succeeds();
    let names: Vec<&str> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert_eq!(names, ["agent", "data/one.txt"]);
    assert!(listed.stderr.contains("data/.env"), "{}", listed.stderr);
    cli(&project, &["package"]).run().exits(2);

    let first = deploy(&project, &emulator, &["--output", "json"]).succeeds();
    let uri = deployed(&emulator);
    assert_eq!(first.json()["agents"][0]["artifact"]["image"], uri);
    assert!(
        first.stderr.contains("COPY agent /agent"),
        "{}",
        first.stderr
    );
    let (_, name) = uri.split_once('/').unwrap();
    let place = format!("{}/{name}", emulator.url().replace("http://", "docker://"));
    let about = skopeo(&["inspect", "--config", "--tls-verify=false", &place]);
    assert_eq!(
        (&about["architecture"], &about["os"]),
        (&json!("arm64"), &json!("linux"))
    );
    assert_eq!(about["config"]["Entrypoint"], json!(["/agent"]));
    assert!(about["config"]["Env"].to_string().contains("MOOD=fine"));
    let labels = &about["config"]["Labels"];
    assert_eq!(labels["cargo-agentcore:project"], "test-project-7k2qpx");

    // Unchanged files give the same image without a build.
    let again = deploy(&project, &emulator, &["--check"]).succeeds();
    assert!(!again.stderr.contains("COPY agent"), "{}", again.stderr);
    project.write("data/noise.log", "other noise");
    let packaged = cli(
        &project,
        &["package", "--builder", "buildah", "--output", "json"],
    )
    .run();
    let packaged = packaged.succeeds().json()["agents"][0].clone();
    assert!(uri.ends_with(packaged["digest"].as_str().unwrap()));
    let layout = format!("oci:{}", packaged["image"].as_str().unwrap());
    assert_eq!(skopeo(&["inspect", &layout])["Digest"], packaged["digest"]);

    project.write("agent", program(2));
    deploy(&project, &emulator, &[]).succeeds();
    let second = deployed(&emulator);
    assert_ne!(second, uri);

    // A failing build changes nothing, and its output is shown.
    project.write(
        "Dockerfile",
        DOCKERFILE.replace("/data", "/data\nCOPY missing /"),
    );
    let there = listing(&emulator);
    let failed = deploy(&project, &emulator, &[]).exits(1);
    failed.says(&["missing", "`buildah build` failed"]);
    assert_eq!((listing(&emulator), deployed(&emulator)), (there, second));

    // An image that starts nothing is refused.
    project.write("Dockerfile", DOCKERFILE.replace("ENTRYPOINT", "#"));
    let refused = deploy(&project, &emulator, &[]).exits(3);
    assert!(
        refused.stderr.contains("which program to start"),
        "{}",
        refused.stderr
    );
    let cleaned = cli(&project, &["clean", "--yes"])
        .on(&emulator)
        .run()
        .succeeds();
    assert!(!cleaned.stderr.contains("Keeping"), "{}", cleaned.stderr);
    assert_eq!(listing(&emulator), before);
    assert!(!project.has("target/agentcore/test-project-7k2qpx"));

    // Nothing is started for what cannot run.
    let local = cli(&project, &["deploy", "--local"]).run().exits(3);
    assert!(
        local
            .stderr
            .starts_with("error: the local AgentCore cannot run"),
        "{}",
        local.stderr
    );
}

#[test]
fn a_builder_is_not_taken_from_the_checkout() {
    let project = project();
    let script = "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\n";
    project.write("bin/podman", script);
    std::process::Command::new("chmod")
        .args(["+x", "bin/podman"])
        .current_dir(project.path())
        .status()
        .unwrap();
    let path = format!("{}:/nowhere", project.path().join("bin").display());
    let refused = cli(&project, &["package"])
        .env("CARGO_AGENTCORE_BUILDER", "podman")
        .env("PATH", path)
        .env("CARGO", env!("CARGO"))
        .run()
        .exits(1);
    refused.says(&[
        "`podman` is not installed",
        "in the checkout",
        "https://podman.io/",
    ]);
    assert!(!project.has("bin/ran"));
}

#[test]
fn what_has_no_effect_or_leads_out_is_refused_with_its_line() {
    let problems = |keys: &str| {
        let project = Project::new()
            .metadata("region = \"us-east-1\"")
            .agent_with("my_agent", keys);
        if keys.contains("context") {
            project.write("Dockerfile", DOCKERFILE);
        }
        project.write("folder/file", "");
        let failed = cli(&project, &["package", "--output", "json"])
            .run()
            .exits(3);
        failed.stdout
    };
    for (keys, expected) in [
        (
            "image = { target = \"run\" }",
            "only for agents that are shipped as an image",
        ),
        (
            "artifact = \"image\"\nimage = { context = \".\" }",
            "only for `artifact = \\\"dockerfile\\\"`",
        ),
        (
            "artifact = \"dockerfile\"\nimage = { base = \"python:3.13\" }",
            "has no effect",
        ),
        (
            "artifact = \"dockerfile\"\nimage = { dockerfil = \"a\" }",
            "did you mean `dockerfile`?",
        ),
        (
            "artifact = \"dockerfile\"\nimage = { context = \"/etc\" }",
            "relative to the manifest",
        ),
        (
            "artifact = \"dockerfile\"\nimage = { target = \"--push\" }",
            "invalid stage",
        ),
        (
            "artifact = \"dockerfile\"\nimage = { args = { \"A=B\" = \"c\" } }",
            "invalid build argument",
        ),
    ] {
        let found = problems(keys);
        assert!(found.contains(expected), "{keys}: {found}");
        assert!(found.contains("\"line\""), "{keys}: {found}");
    }
    let problem = |keys: &str| problems(&format!("artifact = \"dockerfile\"\n{keys}"));
    assert!(problem("").contains("does not exist"));
    for (keys, expected) in [
        ("image = { context = \"..\" }", "outside the workspace"),
        ("image = { dockerfile = \"..\" }", "outside the workspace"),
        (
            "image = { dockerfile = \"folder\" }",
            "`folder` of agent `my_agent` is not a file",
        ),
        ("image = { dockerfile = \"lost\" }", "does not exist"),
    ] {
        let found = problem(keys);
        assert!(found.contains(expected), "{keys}: {found}");
        assert!(found.contains("\"line\""), "{keys}: {found}");
    }
}

#[test]
fn a_wrong_rule_and_a_docker_that_cannot_build_are_named() {
    let project = project();
    project.write(".dockerignore", "data\na[\n");
    let refused = cli(&project, &["package", "--builder", "buildah"])
        .run()
        .exits(3);
    refused.says(&["invalid rule `a[`", ".dockerignore:2:1"]);
    project.write(".dockerignore", "data\n");
    // No docker is needed to see what happens without its plugin.
    let docker = project.root().join("docker");
    std::fs::create_dir(&docker).unwrap();
    let script = docker.join("docker");
    std::fs::write(
        &script,
        "#!/bin/sh\necho \"docker: unknown command: docker $1\" >&2\nexit 1\n",
    )
    .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", docker.display(), std::env::var("PATH").unwrap());
    let refused = cli(&project, &["package", "--builder", "docker"])
        .env("PATH", path)
        .run()
        .exits(1);
    refused.says(&[
        "`docker` has no `buildx`",
        "https://github.com/docker/buildx",
    ]);
}
