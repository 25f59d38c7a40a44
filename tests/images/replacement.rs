//! An agent whose image becomes an archive, or the other way round: its runtime is replaced.

use serde_json::{Value, json};

use super::{
    package,
    service::{deployer_policy, program},
    support::{Cli, Counted, Emulator, Ministack, Moment, Project, Proxy, boto3, listing},
};

fn project() -> Project {
    let project = package().file("program", program(1));
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", format!("{manifest}artifact = \"image\"\n"));
    project
}

fn ship_as(project: &Project, artifact: &str) {
    let manifest = project.read("Cargo.toml");
    let (before, _) = manifest.split_once("artifact = ").unwrap();
    let manifest = format!("{before}artifact = \"{artifact}\"\n");
    project.write("Cargo.toml", manifest);
}

fn cli(project: &Project, words: &[&str]) -> Cli {
    Cli::new(project).args(words)
}

fn deploy(project: &Project, words: &[&str]) -> Cli {
    cli(
        project,
        &[&["deploy", "--binary", "program"], words].concat(),
    )
}

/// Adds a named endpoint.
fn more(project: &Project, emulator: &Emulator) {
    let set = [
        "endpoint",
        "set",
        "prod",
        "--version",
        "1",
        "--description",
        "for all",
    ];
    cli(project, &set).on(emulator).run().succeeds();
}

/// Returns the runtime's ID, its kind, its named endpoints, and what its role records.
fn there(emulator: &Emulator) -> Value {
    let text = boto3(
        emulator,
        "import json\n\
         c = client('bedrock-agentcore-control')\n\
         [runtime] = c.list_agent_runtimes()['agentRuntimes']\n\
         id = runtime['agentRuntimeId']\n\
         kind = list(c.get_agent_runtime(agentRuntimeId=id)['agentRuntimeArtifact'])[0]\n\
         endpoints = {e['name']: e.get('description') for e in c.list_agent_runtime_endpoints(agentRuntimeId=id)['runtimeEndpoints'] if e['name'] != 'DEFAULT'}\n\
         [role] = client('iam').list_roles()['Roles']\n\
         tags = client('iam').list_role_tags(RoleName=role['RoleName'])['Tags']\n\
         records = [t['Key'] for t in tags if ':endpoint:' in t['Key'] or ':repository:' in t['Key']]\n\
         print(json.dumps({'id': id, 'kind': kind, 'endpoints': endpoints, 'records': records}))",
    );
    serde_json::from_str(&text).unwrap()
}

fn is_archive_with_its_endpoint(there: &Value) {
    assert_eq!(there["kind"], "codeConfiguration", "{there}");
    assert_eq!(there["endpoints"], json!({ "prod": "for all" }), "{there}");
    let mark = json!(["cargo-agentcore:repository:us-east-1"]);
    assert_eq!(there["records"], mark, "{there}");
}

/// Looks for each step in the output of a dry run and of a check.
fn is_shown(project: &Project, emulator: &Emulator, old_id: &str) {
    let dry = deploy(project, &["--dry-run"])
        .on(emulator)
        .run()
        .succeeds();
    let lines = [
        "Would tag log group",
        "Would tag role",
        "Would delete endpoint `prod`",
        &format!("Would delete runtime `{old_id}`, because it runs a container image"),
        "Would create runtime",
        "Would create endpoint `prod` at the new version",
        "changes its ID and ARN",
    ];
    for line in lines {
        assert!(dry.stderr.contains(line), "{line}: {}", dry.stderr);
    }
    let checked = deploy(project, &["--check", "--output", "json"])
        .on(emulator)
        .run()
        .exits(5)
        .json();
    let steps = checked["agents"][0]["changes"].as_array().unwrap();
    let of_runtime = |step: &&Value| {
        let kinds = ["policy", "bucket", "object"];
        !kinds.iter().any(|kind| step["kind"] == *kind)
    };
    let steps: Vec<String> = steps
        .iter()
        .filter(of_runtime)
        .map(|step| {
            format!(
                "{} {}",
                step["action"].as_str().unwrap(),
                step["kind"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            "tag log_group",
            "tag role",
            "delete endpoint",
            "delete runtime",
            "create runtime",
            "create endpoint",
            "remove tags"
        ]
    );
    let status = status(project, emulator);
    assert_eq!(status["equal"], false);
    for line in [
        &format!("delete runtime `{old_id}`, because it runs a container image"),
        "create endpoint `prod` at the new version",
    ] {
        assert!(status["differences"].to_string().contains(line), "{status}");
    }
}

fn status(project: &Project, emulator: &Emulator) -> Value {
    let status = cli(project, &["status", "--output", "json"]).on(emulator);
    status.run().succeeds().json()["agents"][0].clone()
}

#[test]
fn an_image_becomes_an_archive_and_back_after_a_question_and_keeps_its_endpoints() {
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    deploy(&project, &[]).on(&emulator).run().succeeds();
    more(&project, &emulator);
    let old = there(&emulator);
    // As the service creates it.
    boto3(
        &emulator,
        &format!(
            "client('logs').create_log_group(logGroupName='/aws/bedrock-agentcore/runtimes/{}-DEFAULT')",
            old["id"].as_str().unwrap()
        ),
    );
    let deployed = listing(&emulator);
    let old_id = old["id"].as_str().unwrap();

    ship_as(&project, "zip");
    is_shown(&project, &emulator, old_id);
    let refused = deploy(&project, &[]).on(&emulator).run().exits(2);
    refused.says(&["without a terminal", "pass `--yes`"]);
    assert_eq!(listing(&emulator), deployed);

    let replaced = deploy(&project, &["--yes"]).on(&emulator).run().succeeds();
    let upload = replaced.stderr.find("Uploading").unwrap();
    assert!(
        upload < replaced.stderr.find("Deleting runtime").unwrap(),
        "{}",
        replaced.stderr
    );
    let new = there(&emulator);
    assert_ne!(new["id"], old["id"]);
    is_archive_with_its_endpoint(&new);
    assert_eq!(status(&project, &emulator)["differences"], json!([]));
    deploy(&project, &["--check"])
        .on(&emulator)
        .run()
        .succeeds();

    ship_as(&project, "image");
    deploy(&project, &["--yes"]).on(&emulator).run().succeeds();
    let last = there(&emulator);
    assert_eq!(last["kind"], "containerConfiguration", "{last}");
    assert_eq!(last["endpoints"], new["endpoints"], "{last}");
    // The table alone does not tell what the image left.
    ship_as(&project, "zip");
    deploy(&project, &["--yes"]).on(&emulator).run().succeeds();
    cli(&project, &["clean", "--yes", "--logs"])
        .on(&emulator)
        .run()
        .succeeds();
    assert_eq!(listing(&emulator), before);
}

/// The writes of a replacement, each of which a kill can follow.
const WRITES: [&str; 8] = [
    "s3:PutObject",
    "iam:TagRole",
    "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
    "bedrock-agentcore:DeleteAgentRuntime",
    "iam:PutRolePolicy",
    "bedrock-agentcore:CreateAgentRuntime",
    "bedrock-agentcore:CreateAgentRuntimeEndpoint",
    "iam:UntagRole",
];

#[test]
fn a_replacement_killed_after_any_write_is_finished_by_the_next_deploy() {
    let emulator = Ministack::start();
    let replacing = || {
        let project = project();
        deploy(&project, &[]).on(&emulator).run().succeeds();
        more(&project, &emulator);
        ship_as(&project, "zip");
        project
    };
    let project = replacing();
    let undisturbed = Proxy::to(&emulator);
    deploy(&project, &["--yes"])
        .at(&undisturbed.url())
        .run()
        .succeeds();
    let requests = undisturbed.requests();
    let places: Vec<(usize, &str)> = requests
        .iter()
        .zip(1..)
        .filter_map(|(request, at)| Some((at, request.calls.first()?.action.as_str())))
        .filter(|(_, action)| WRITES.contains(action))
        .collect();
    for write in WRITES {
        assert!(
            places.iter().any(|(_, action)| *action == write),
            "{write}: {places:?}"
        );
    }
    let printed = deployer_policy(&project, &emulator);
    let needed = undisturbed.actions();
    // This needs no permission.
    for action in needed
        .iter()
        .filter(|action| *action != "sts:GetCallerIdentity")
    {
        assert!(
            printed.contains(&format!("\"{action}\"")),
            "{action}: {printed}"
        );
    }
    for (at, write) in places {
        emulator.reset();
        let project = replacing();
        let proxy = Proxy::to(&emulator);
        let killed = proxy.kill_at(
            deploy(&project, &["--yes"]),
            at,
            Counted::All,
            Moment::After,
        );
        assert!(killed.is_ok(), "{write}: {killed:?}");
        let report = match write {
            "bedrock-agentcore:DeleteAgentRuntime" => Some(("restores_endpoints", "prod")),
            "bedrock-agentcore:CreateAgentRuntime" => {
                Some(("differences", "create endpoint `prod`"))
            }
            _ => None,
        };
        if let Some((field, words)) = report {
            let status = status(&project, &emulator);
            assert!(
                status[field].to_string().contains(words),
                "{write}: {status}"
            );
        }
        deploy(&project, &["--yes"]).on(&emulator).run().succeeds();
        is_archive_with_its_endpoint(&there(&emulator));
        deploy(&project, &["--check"])
            .on(&emulator)
            .run()
            .succeeds();
    }
}
