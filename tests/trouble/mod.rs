//! Failures: kills at every request, AWS faults, missing permissions, bad input, and a disk that
//! refuses writes. Checks the message, the exit code, and that the next run completes the work.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod copies;
mod deployer;
mod foreign;
mod input;
mod kills;
mod permissions;
mod proxies;
mod reaching;
mod service;

use crate::support::{self, Cli, Emulator, Outcome, Project, boto3};

/// Roles, objects and runtimes as the toolkit leaves them, for `clean` to delete.
const DEPLOYED: &str = r#"
role = f"arn:aws:iam::{account}:role/AgentCoreRole-one"
bucket = f"bedrock-agentcore-codebuild-sources-{account}-us-east-1"
client("s3").create_bucket(Bucket=bucket)
client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
for body in (b"1", b"2"):
    client("s3").put_object(Bucket=bucket, Key="one/deployment.zip", Body=body)
ecr = client("ecr")
ecr.create_repository(repositoryName="bedrock-agentcore-one")
manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + 64 * "0"}, "layers": []}
ecr.put_image(repositoryName="bedrock-agentcore-one", imageTag="latest", imageManifest=json.dumps(manifest))
control = client("bedrock-agentcore-control")
runtime = control.create_agent_runtime(
    agentRuntimeName="one",
    roleArn=role,
    agentRuntimeArtifact={"codeConfiguration": {"code": {"s3": {"bucket": bucket, "prefix": "one/deployment.zip"}}, "runtime": "PYTHON_3_13", "entryPoint": ["invoke.py"]}},
    networkConfiguration={"networkMode": "PUBLIC"},
)
control.create_agent_runtime_endpoint(agentRuntimeId=runtime["agentRuntimeId"], name="prod")
client("logs").create_log_group(logGroupName=f"/aws/bedrock-agentcore/runtimes/{runtime['agentRuntimeId']}-DEFAULT")
"#;

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

fn prepare(project: &Project, emulator: &Emulator) -> Outcome {
    Cli::new(project).on(emulator).arg("prepare").run()
}

/// Deploys like the toolkit, including its file.
fn deploy(project: &Project, emulator: &Emulator) {
    prepare(project, emulator).succeeds();
    boto3(emulator, DEPLOYED);
    yaml(project, emulator);
}

/// Writes the toolkit's file for what [`DEPLOYED`] created, with the user's own bucket.
fn yaml(project: &Project, emulator: &Emulator) {
    let id = boto3(
        emulator,
        "print(client('bedrock-agentcore-control').list_agent_runtimes()['agentRuntimes'][0]['agentRuntimeId'])",
    );
    let account = emulator.account();
    project.write(
        ".bedrock_agentcore.yaml",
        format!(
            "default_agent: one\nagents:\n  one:\n    name: one\n    aws:\n      execution_role: arn:aws:iam::{account}:role/AgentCoreRole-one\n      account: '{account}'\n      region: us-east-1\n      ecr_repository: {account}.dkr.ecr.us-east-1.amazonaws.com/bedrock-agentcore-one\n      s3_path: s3://mine/team\n    bedrock_agentcore:\n      agent_id: {}\n",
            id.trim()
        ),
    );
}
