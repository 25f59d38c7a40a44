//! Images from the user's Dockerfile, built by CodeBuild.

use std::time::Duration;

use serde_json::Value;

use super::{
    service::deployed,
    support::{
        Cli, Emulator, Ministack, Outcome, Project, boto3,
        code_build::{CodeBuild, Fate},
        listing,
    },
};

pub(crate) fn project(keys: &str) -> Project {
    let project = Project::new()
        .metadata("region = \"us-east-1\"\ntags = { team = \"x\" }")
        .agent_with("my_agent", &format!("artifact = \"dockerfile\"\n{keys}"));
    project.write("Dockerfile", "FROM scratch\nCOPY data /\n");
    project.write("data", "one");
    project.write(".dockerignore", "*\n!data\n");
    project
}

pub(crate) fn run(project: &Project, builds: &CodeBuild, words: &[&str]) -> Outcome {
    Cli::new(project).args(words).at(&builds.url()).run()
}

fn role(emulator: &Emulator, name: &str) -> Value {
    let script = format!(
        "import json\ni = client('iam')\nn = [r['RoleName'] for r in i.list_roles()['Roles'] if r['RoleName'].startswith('{name}')][0]\n\
         p = i.list_role_policies(RoleName=n)['PolicyNames'][0]\n\
         print(json.dumps([i.get_role(RoleName=n)['Role']['AssumeRolePolicyDocument'], i.get_role_policy(RoleName=n, PolicyName=p)['PolicyDocument']]))"
    );
    serde_json::from_str(&boto3(emulator, &script)).unwrap()
}

#[test]
fn codebuild_builds_what_is_deployed_and_only_when_something_changed() {
    let emulator = Ministack::start();
    let project = project("image = { args = { A = \"it's $HOME\" } }");
    let builds = CodeBuild::before(&emulator, project.root().join("codebuild"), &[]);
    let before = listing(&emulator);
    let dry = run(&project, &builds, &["deploy", "--dry-run"]).succeeds();
    dry.says(&[
        "create role `AgentCoreBuild-us-east-1-",
        "create build project `cargo-agentcore-",
        "create bucket",
        "create repository",
        "build the image with CodeBuild from 1 file",
        "create runtime",
    ]);
    assert_eq!((listing(&emulator), builds.builds()), (before.clone(), 0));

    let first = run(&project, &builds, &["deploy", "--output", "json"]).succeeds();
    let uri = deployed(&emulator);
    let document = &first.json()["agents"][0];
    assert_eq!(document["artifact"]["image"], uri);
    assert_eq!(document["upload"]["how"], "built");
    assert!(uri.contains("@sha256:"), "{uri}");
    // The log is shown as it comes, without control of the terminal.
    assert!(first.stderr.contains("step 1: COPY"), "{}", first.stderr);
    assert!(!first.stderr.contains('\u{1b}'), "{}", first.stderr);
    // The shell took the words as they are.
    let words = builds.words();
    for word in [
        "--build-arg=A=it's $HOME",
        "--platform=linux/arm64",
        "--label=cargo-agentcore:project=test-project-7k2qpx",
    ] {
        assert!(words.iter().any(|there| there == word), "{word}: {words:?}");
    }
    let of_build = role(&emulator, "AgentCoreBuild-").to_string();
    assert!(of_build.contains("codebuild.amazonaws.com"), "{of_build}");
    assert!(of_build.contains(":project/cargo-agentcore-"), "{of_build}");

    // Nothing changed, so nothing is built or written.
    run(&project, &builds, &["deploy", "--check"]).succeeds();
    assert_eq!(builds.builds(), 1);
    let status = run(&project, &builds, &["status"]).succeeds();
    for words in [
        "CodeBuild project cargo-agentcore-",
        "matches what is deployed",
    ] {
        assert!(status.stdout.contains(words), "{}", status.stdout);
    }
    // What someone changes in the project is written back.
    builds.change(|project| project["environment"]["privilegedMode"] = false.into());
    let found = run(&project, &builds, &["deploy", "--check"]).exits(5);
    assert!(
        found.stderr.contains("environment.privilegedMode"),
        "{}",
        found.stderr
    );
    boto3(
        &emulator,
        "iam = client('iam')\n\
         [role] = [r['RoleName'] for r in iam.list_roles()['Roles'] if 'Build' in r['RoleName']]\n\
         iam.delete_role_policy(RoleName=role, PolicyName='AgentCore-us-east-1')",
    );
    project.write("data", "two");
    let status = run(&project, &builds, &["status"]).succeeds();
    for words in [
        "build.role: add policy `AgentCore-us-east-1` to role `AgentCoreBuild-",
        "build.environment.privilegedMode: ",
        "(known after it is built)",
    ] {
        assert!(status.stdout.contains(words), "{words}: {}", status.stdout);
    }
    project.write("data", "one");
    run(&project, &builds, &["deploy"]).succeeds();
    run(&project, &builds, &["deploy", "--check"]).succeeds();
    assert_eq!(builds.builds(), 1);

    project.write("data", "two");
    run(&project, &builds, &["deploy"]).succeeds();
    assert_eq!(builds.builds(), 2);
    assert_ne!(deployed(&emulator), uri);

    let clean = run(&project, &builds, &["clean", "--yes"]).succeeds();
    assert!(
        clean.stderr.contains("Deleting build project"),
        "{}",
        clean.stderr
    );
    assert_eq!(listing(&emulator), before);
    assert!(builds.projects().is_empty());
}

#[test]
fn a_build_that_fails_is_shown_and_changes_no_runtime() {
    let emulator = Ministack::start();
    let project = project("");
    let fates = [Fate::FailsEarly, Fate::Succeeds];
    let builds = CodeBuild::before(&emulator, project.root().join("codebuild"), &fates);
    // A role that was just written is not known at once.
    run(&project, &builds, &["deploy"]).succeeds();
    assert_eq!(builds.builds(), 2);
    let first = deployed(&emulator);

    project.write("data", "two");
    builds.then(&[Fate::Fails]);
    let failed = run(&project, &builds, &["deploy"]).exits(1);
    failed.says(&[
        "phase BUILD failed",
        "Reason: exit status 1",
        "step 1: COPY",
    ]);
    builds.then(&[Fate::ForgetsTheImage]);
    let failed = run(&project, &builds, &["deploy"]).exits(1);
    assert!(
        failed.stderr.contains("pushed no image"),
        "{}",
        failed.stderr
    );
    assert_eq!(deployed(&emulator), first);

    // Ctrl-C stops the build; the next run starts another.
    builds.then(&[Fate::Hangs]);
    let count = builds.builds();
    let running = Cli::new(&project)
        .args(["deploy"])
        .at(&builds.url())
        .start();
    while builds.builds() == count {
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = running.id().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &id])
        .status()
        .unwrap();
    running.wait().exits(130);
    assert!(builds.was_stopped());
    assert_eq!(deployed(&emulator), first);

    // A build that a killed run started is not started again.
    builds.then(&[Fate::Hangs]);
    let running = Cli::new(&project)
        .args(["deploy"])
        .at(&builds.url())
        .start();
    while builds.builds() == count + 1 {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill();
    running.wait();
    builds.finish();
    let found = run(&project, &builds, &["deploy"]).succeeds();
    assert!(found.stderr.contains("which goes on"), "{}", found.stderr);
    assert_eq!(builds.builds(), count + 2);
    assert_ne!(deployed(&emulator), first);
}
