//! Images as AgentCore gets them: pushed into an emulator's registry, and read with skopeo.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use super::{
    package,
    support::{
        Cli, Emulator, Fault, Ministack, Moto, Outcome, Project, Proxy, Times, boto3, listing,
        proxy::{Counted, Moment},
    },
};

/// The smallest file that is a program for 64-bit ARM, with something that differs.
pub(crate) fn program(mark: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..4].copy_from_slice(b"\x7fELF");
    (bytes[4], bytes[5], bytes[6], bytes[18], bytes[63]) = (2, 1, 1, 183, mark);
    bytes
}

/// A project with a program that was built elsewhere.
fn project() -> Project {
    package().file("program", program(1))
}

fn cli(project: &Project, words: &[&str]) -> Cli {
    Cli::new(project).args(words)
}

/// Returns the policy that the deployer of the project needs.
pub(crate) fn deployer_policy(project: &Project, emulator: &Emulator) -> String {
    let account = emulator.account();
    let words = ["policy", "--only", "deployer", "--account", account];
    cli(project, &words).run().succeeds().stdout
}

const DEPLOY: [&str; 3] = ["deploy", "--binary", "program"];

fn deploy(project: &Project, emulator: &Emulator, more: &[&str]) -> Outcome {
    cli(project, &[&DEPLOY, more].concat()).on(emulator).run()
}

pub(crate) fn skopeo(args: &[&str]) -> Value {
    let output = Command::new("skopeo")
        .args(args)
        .output()
        .expect("skopeo is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Returns the address of the image that the agent's runtime runs.
pub(crate) fn deployed(emulator: &Emulator) -> String {
    let uri = boto3(
        emulator,
        "c = client('bedrock-agentcore-control')\n\
         id = c.list_agent_runtimes()['agentRuntimes'][0]['agentRuntimeId']\n\
         print(c.get_agent_runtime(agentRuntimeId=id)['agentRuntimeArtifact']['containerConfiguration']['containerUri'])",
    );
    uri.trim().to_owned()
}

#[test]
fn a_runtime_is_pinned_to_an_image_that_other_tools_read_and_everything_is_deleted_again() {
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    let dry = deploy(&project, &emulator, &["--dry-run"]).succeeds();
    for line in [
        "Would create repository",
        "Would upload",
        "Would create runtime",
    ] {
        assert!(
            dry.stderr.contains(line) || dry.stdout.contains(line),
            "{line}: {dry:?}"
        );
    }
    assert_eq!(listing(&emulator), before);

    let first = deploy(&project, &emulator, &["--output", "json"])
        .succeeds()
        .json();
    let first = &first["agents"][0];
    let uri = deployed(&emulator);
    assert_eq!(first["artifact"]["image"], uri);
    let (_, name) = uri.split_once('/').unwrap();
    let registry = emulator.url().replace("http://", "docker://");
    let about = skopeo(&[
        "inspect",
        "--tls-verify=false",
        &format!("{registry}/{name}"),
    ]);
    assert_eq!(about["Digest"], first["artifact"]["id"]);
    assert_eq!(
        (&about["Architecture"], &about["Os"]),
        (&"arm64".into(), &"linux".into())
    );
    let settings = boto3(
        &emulator,
        "r = client('ecr').describe_repositories()['repositories'][0]\n\
         print(r['imageTagMutability'], r['imageScanningConfiguration']['scanOnPush'])",
    );
    assert_eq!(settings.trim(), "IMMUTABLE True");
    deploy(&project, &emulator, &["--check"]).succeeds();

    // The base is there; only the program and what names it are sent.
    project.write("program", program(2));
    let second = deploy(&project, &emulator, &["--output", "json"])
        .succeeds()
        .json();
    let second = &second["agents"][0];
    let (sent, whole) = (
        &second["upload"]["bytes_sent"],
        &first["upload"]["bytes_sent"],
    );
    assert!(
        sent.as_u64() < whole.as_u64().map(|whole| whole / 50),
        "{sent} of {whole}"
    );
    assert_ne!(deployed(&emulator), uri);

    cli(&project, &["clean", "--yes"])
        .on(&emulator)
        .run()
        .succeeds();
    assert_eq!(listing(&emulator), before);
}

#[test]
fn a_package_is_an_image_that_other_tools_read_and_always_the_same() {
    let project = project();
    let package = |more: &[&str]| {
        cli(
            &project,
            &[&["package", "--binary", "program"], more].concat(),
        )
        .run()
        .succeeds()
    };
    let printed = package(&[]);
    let folder = printed.stdout.trim().to_owned();
    let about = skopeo(&["inspect", &format!("oci:{folder}")]);
    let again = package(&["--output", "json"]).json();
    assert_eq!(again["agents"][0]["digest"], about["Digest"]);
    let list = package(&["--list"]).stdout;
    assert!(
        list.contains("my_agent") && list.contains("etc/passwd"),
        "{list}"
    );
}

#[test]
fn a_program_that_the_service_cannot_run_is_refused_before_anything_is_written() {
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    let mut intel = program(1);
    intel[18] = 62;
    for (content, said) in [
        (intel, "is made for x86-64, not for 64-bit ARM"),
        (b"#!/bin/sh\n".to_vec(), "is not a Linux program"),
    ] {
        project.write("program", content);
        let refused = deploy(&project, &emulator, &[]).exits(3);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert_eq!(listing(&emulator), before);
}

#[test]
fn what_is_for_python_agents_alone_is_refused_with_what_to_do() {
    let project = project();
    for (words, exit, said) in [
        (
            &["prepare"][..],
            2,
            "`cargo agentcore deploy` creates its role",
        ),
        (
            &["deploy", "--source-dir", "src"],
            2,
            "is built from its cargo package",
        ),
    ] {
        let refused = cli(&project, words).run().exits(exit);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    // Headings end with their options.
    let help = cli(&project, &["deploy", "--help"]).run().succeeds().stdout;
    let (_, rust) = help.split_once("Options for Rust agents:\n").unwrap();
    let rust = rust.split("\n\nOptions").next().unwrap();
    assert!(
        rust.contains("--binary") && !rust.contains("--dry-run"),
        "{help}"
    );
}

/// The names of ECR's actions among the calls.
fn of_ecr(calls: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let calls = calls.into_iter();
    calls.filter(|action| action.starts_with("ecr:")).collect()
}

#[test]
fn the_deployers_policy_covers_what_is_called_and_a_zip_needs_nothing_of_it() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = Proxy::to(&emulator);
    cli(&project, &DEPLOY).at(&proxy.url()).run().succeeds();
    project.write("program", program(2));
    cli(&project, &DEPLOY).at(&proxy.url()).run().succeeds();
    cli(&project, &["clean", "--yes"])
        .at(&proxy.url())
        .run()
        .succeeds();
    // The policy depends on the repository's tags, so nothing else is asked before it exists.
    let all = proxy.actions();
    let created = all
        .iter()
        .position(|action| action == "ecr:CreateRepository");
    let before = of_ecr(all[..created.unwrap()].to_vec());
    assert_eq!(
        before,
        BTreeSet::from(["ecr:DescribeRepositories".to_owned()])
    );
    let called = of_ecr(all);
    let printed = deployer_policy(&project, &emulator);
    let unknown: Vec<&String> = called
        .iter()
        .filter(|action| !printed.contains(&format!("\"{action}\"")))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} in {printed}");
    assert!(called.contains("ecr:PutImage") && called.contains("ecr:InitiateLayerUpload"));

    let zip = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one");
    let printed = deployer_policy(&zip, &emulator);
    assert!(!printed.contains("ecr:"), "{printed}");
}

/// The role's new policy takes a while to arrive at the service.
#[test]
fn an_image_that_the_role_cannot_read_yet_is_waited_for() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = Proxy::to(&emulator);
    let refusal = Fault::error(
        400,
        "ValidationException",
        "Access denied while validating ECR URI 'x'. The execution role requires permissions for ecr:BatchGetImage.",
    );
    let create = "bedrock-agentcore:CreateAgentRuntime";
    proxy.fault(create, Times::First(2), refusal);
    let deployed = cli(&project, &DEPLOY).at(&proxy.url()).run().succeeds();
    let said = deployed.stderr.matches("for AgentCore to read the image");
    assert_eq!(said.count(), 1, "{}", deployed.stderr);
    let creates = proxy
        .actions()
        .into_iter()
        .filter(|action| action == create);
    assert_eq!(creates.count(), 3);
}

/// What a deploy writes to a repository.
const WRITES: [&str; 5] = [
    "ecr:CreateRepository",
    "ecr:PutLifecyclePolicy",
    "ecr:InitiateLayerUpload",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];

#[test]
fn a_deploy_killed_after_any_write_to_the_repository_converges_at_the_next_run() {
    let emulator = Ministack::start();
    let undisturbed = Proxy::to(&emulator);
    cli(&project(), &DEPLOY)
        .at(&undisturbed.url())
        .run()
        .succeeds();
    let account = |emulator: &Emulator| {
        let mut listing = listing(emulator);
        // Their IDs are random.
        let runtimes = &mut listing["regions"]["us-east-1"]["runtimes"];
        *runtimes = runtimes.as_object().unwrap().len().into();
        listing
    };
    let wanted = account(&emulator);
    let places: Vec<usize> = undisturbed
        .requests()
        .iter()
        .zip(1..)
        .filter(|(request, _)| {
            let action = request.calls.first().map(|call| call.action.as_str());
            action.is_some_and(|action| WRITES.contains(&action))
        })
        .map(|(_, at)| at)
        .collect();
    assert_eq!(places.len(), 9, "{places:?}");
    for at in places {
        emulator.reset();
        let project = project();
        let proxy = Proxy::to(&emulator);
        let killed = proxy.kill_at(cli(&project, &DEPLOY), at, Counted::All, Moment::After);
        assert!(killed.is_ok(), "{at}: {killed:?}");
        deploy(&project, &emulator, &[]).succeeds();
        deploy(&project, &emulator, &["--check"]).succeeds();
        assert_eq!(account(&emulator), wanted, "killed after request {at}");
    }
}

/// The second emulator has no registry.
#[test]
fn a_store_without_a_registry_gets_the_image_over_its_own_operations() {
    let emulator = Moto::start();
    let project = project();
    let before = listing(&emulator);
    deploy(&project, &emulator, &[]).succeeds();
    assert!(deployed(&emulator).contains("/my_agent@sha256:"));

    // An image that someone deleted is pushed again, without a new version.
    boto3(
        &emulator,
        "c = client('ecr'); n = c.describe_repositories()['repositories'][0]['repositoryName']\n\
         c.batch_delete_image(repositoryName=n, imageIds=c.list_images(repositoryName=n)['imageIds'])",
    );
    let restored = deploy(&project, &emulator, &[]).succeeds();
    assert!(restored.stderr.contains("Restored"), "{}", restored.stderr);

    cli(&project, &["clean", "--yes"])
        .on(&emulator)
        .run()
        .succeeds();
    assert_eq!(listing(&emulator), before);
}

#[test]
fn a_repository_of_somebody_else_is_never_pushed_into() {
    let emulator = Ministack::start();
    let project = project();
    let dry = deploy(&project, &emulator, &["--dry-run", "--output", "json"])
        .succeeds()
        .json();
    let name = dry["agents"][0]["repository"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    boto3(
        &emulator,
        &format!("client('ecr').create_repository(repositoryName='{name}')"),
    );
    let refused = deploy(&project, &emulator, &[]).exits(1);
    assert!(
        refused
            .stderr
            .contains("does not have the tags of this project"),
        "{}",
        refused.stderr
    );
    cli(&project, &["clean", "--yes"]).on(&emulator).run();
    let left = boto3(
        &emulator,
        "print(len(client('ecr').describe_repositories()['repositories']))",
    );
    assert_eq!(left.trim(), "1");
}

#[test]
fn an_archive_takes_the_place_of_an_image_only_after_a_question() {
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    deploy(&project, &emulator, &[]).succeeds();
    // The same name, the same project, and an archive.
    let zip = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("my_agent");
    zip.write("deployment/requirements.txt", "");
    let manifest = zip
        .read("Cargo.toml")
        .replace("test-project-7k2qpx", "shop-7k2qpx");
    zip.write("Cargo.toml", manifest);
    let refused = Cli::new(&zip).on(&emulator).arg("deploy").run().exits(2);
    refused.says(&["Replacing the runtime", "pass `--yes`"]);
    assert!(!refused.stderr.contains("Deleting"), "{}", refused.stderr);

    // The table does not tell that there is a repository, but its runtime does.
    let clean = || Cli::new(&zip).on(&emulator).args(["clean", "--yes"]).run();
    clean().succeeds();
    assert_eq!(listing(&emulator), before);
    // As a clean leaves it that was killed after the runtime: then the role tells.
    deploy(&project, &emulator, &[]).succeeds();
    boto3(
        &emulator,
        "c = client('bedrock-agentcore-control')\n\
         c.delete_agent_runtime(agentRuntimeId=c.list_agent_runtimes()['agentRuntimes'][0]['agentRuntimeId'])",
    );
    clean().succeeds();
    assert_eq!(listing(&emulator), before);
}

#[test]
fn only_old_images_that_deploy_pushed_and_no_version_needs_are_deleted_as_a_dry_run_says() {
    let emulator = Ministack::start();
    let project = project();
    let mut uris = Vec::new();
    for mark in 1..=3 {
        project.write("program", program(mark));
        deploy(&project, &emulator, &[]).succeeds();
        uris.push(deployed(&emulator));
    }
    let digest = |uri: &str| uri.split_once('@').unwrap().1.to_owned();
    // Somebody else uses the second one.
    boto3(
        &emulator,
        &format!(
            "c = client('ecr'); n = c.describe_repositories()['repositories'][0]['repositoryName']\n\
             m = c.batch_get_image(repositoryName=n, imageIds=[{{'imageDigest': '{}'}}])['images'][0]['imageManifest']\n\
             c.put_image(repositoryName=n, imageManifest=m, imageTag='theirs')",
            digest(&uris[1])
        ),
    );
    // Before 1970.
    let proxy = Proxy::to(&emulator);
    proxy.fault(
        "ecr:DescribeImages",
        Times::Always,
        Fault::Reworded("\"imagePushedAt\": ", "\"imagePushedAt\": -"),
    );
    project.write("program", program(4));
    let run = |more: &[&str]| {
        let words = [&DEPLOY, &["--output", "json"][..], more].concat();
        let done = cli(&project, &words).at(&proxy.url()).run().succeeds();
        let changes = done.json()["agents"][0]["changes"].clone();
        let changes = changes.as_array().unwrap().iter();
        let deleted = changes.filter(|one| one["action"] == "delete" && one["kind"] == "image");
        deleted.map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    let gone = [serde_json::json!(digest(&uris[0]))];
    assert_eq!(run(&["--dry-run"]), gone);
    assert_eq!(run(&[]), gone);
}
