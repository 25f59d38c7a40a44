//! Developers whose machines compile differently do not replace each other's versions.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Cli, Ministack, boto3, project, settling};

/// Gives the runtime an archive of the same files, compiled by another machine's Python.
const COMPILED_ELSEWHERE: &str = r"
c, s3 = client('bedrock-agentcore-control'), client('s3')
found = c.get_agent_runtime(agentRuntimeId=RUNTIME)
artifact = found['agentRuntimeArtifact']
code = artifact['codeConfiguration']['code']['s3']
key = code['prefix'][:-20] + 15 * 'f' + 'c.zip'
s3.copy_object(Bucket=code['bucket'], Key=key, CopySource={'Bucket': code['bucket'], 'Key': code['prefix']})
code['prefix'] = key
names = ['roleArn', 'networkConfiguration', 'environmentVariables', 'protocolConfiguration', 'lifecycleConfiguration']
kept = {name: found[name] for name in names if name in found}
c.update_agent_runtime(agentRuntimeId=RUNTIME, agentRuntimeArtifact=artifact, **kept)
print(key)
";

#[test]
fn what_another_machine_compiled_is_no_reason_for_a_new_version() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = settling(&emulator);
    // Only cargo, without a Python that could compile.
    let path = Path::new(env!("CARGO")).parent().unwrap();
    let run = |words: &[&str]| {
        let command = Cli::new(&project).at(&proxy.url()).env("PATH", path);
        command.args(words).run()
    };
    let deployed = || -> Value {
        let outcome = run(&["deploy", "--output", "json"]).succeeds();
        outcome.json()["agents"][0].clone()
    };
    let first = deployed();
    assert_eq!(first["did"], "created");
    let ours = first["artifact"]["key"].as_str().unwrap().to_owned();
    assert!(ours.ends_with("0.zip"), "{ours}");
    let id = first["runtime"]["id"].as_str().unwrap();
    let script = COMPILED_ELSEWHERE.replace("RUNTIME", &format!("'{id}'"));
    let theirs = boto3(&emulator, &script).trim().to_owned();
    assert_ne!(theirs, ours);

    let again = run(&["deploy", "--output", "json"]).succeeds();
    let agent = again.json()["agents"][0].clone();
    assert_eq!(agent["did"], "unchanged", "{agent}");
    assert_eq!(agent["artifact"]["key"], theirs);
    assert!(
        again.stderr.contains("contains the same files and is kept"),
        "{}",
        again.stderr
    );
    run(&["deploy", "--check"]).succeeds();
    let status = run(&["status", "--output", "json"]).succeeds();
    assert!(status.stdout.contains("\"equal\""), "{}", status.stdout);

    // Other files still make a new version, and so does a setting in the table.
    project.write("one/more.py", "A = 1\n");
    assert_eq!(deployed()["did"], "updated");
    fs::remove_file(project.path().join("one/more.py")).unwrap();
    assert_eq!(deployed()["did"], "updated");
    boto3(&emulator, &script);
    let manifest = project.read("Cargo.toml");
    let table = "agents.one]\n";
    let never = manifest.replace(table, &format!("{table}bytecode = \"never\"\n"));
    assert_ne!(never, manifest);
    project.write("Cargo.toml", never);
    let agent = deployed();
    assert_eq!(agent["did"], "updated", "{agent}");
    assert_eq!(agent["artifact"]["key"], ours);
}
