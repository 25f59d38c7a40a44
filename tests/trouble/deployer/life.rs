//! The life of an agent that needs every action of the policy once, with the action missing first.

use super::super::{
    support::{Answer, Fault, Times, boto3},
    yaml,
};
use super::{POLICY, declare_policies, declare_tags, taken_away::Deployer};

/// Changes the role's trust policy, as another person might.
const CHANGED_TRUST: &str = r#"
client("iam").update_assume_role_policy(RoleName="AgentCoreRole-one", PolicyDocument='{"Version":"2012-10-17","Statement":[]}')
"#;

/// A log group of the agent's runtime, as its first session creates it.
const GROUP: &str = r#"
id = client("bedrock-agentcore-control").list_agent_runtimes()["agentRuntimes"][0]["agentRuntimeId"]
client("logs").create_log_group(logGroupName=f"/aws/bedrock-agentcore/runtimes/{id}-DEFAULT")
"#;

/// An unfinished upload, and the toolkit's resources next to a runtime.
const LEFTOVERS: &str = r#"
s3, ecr = client("s3"), client("ecr")
own = [b["Name"] for b in s3.list_buckets()["Buckets"]][0]
s3.create_multipart_upload(Bucket=own, Key="one/unfinished.zip")
s3.create_bucket(Bucket=f"bedrock-agentcore-codebuild-sources-{account}-us-east-1")
ecr.create_repository(repositoryName="bedrock-agentcore-one")
manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + 64 * "0"}, "layers": []}
ecr.put_image(repositoryName="bedrock-agentcore-one", imageTag="latest", imageManifest=json.dumps(manifest))
"#;

/// The archive that the toolkit uploads.
const TOOLKITS_OBJECT: &str = r#"
client("s3").put_object(Bucket=f"bedrock-agentcore-codebuild-sources-{account}-us-east-1", Key="one/deployment.zip", Body=b"1")
"#;

pub(super) fn life(deployer: &mut Deployer<'_>) {
    prepare(deployer);
    deploy(deployer);
    send_in_vain(deployer);
    enable_tracing(deployer);
    use_it(deployer);
    endpoints(deployer);
    clean(deployer);
}

fn prepare(deployer: &mut Deployer<'_>) {
    deployer.misses(
        &["prepare"],
        &[
            "iam:GetRole",
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:ListRolePolicies",
            "iam:ListAttachedRolePolicies",
            "iam:GetRolePolicy",
        ],
    );
    boto3(deployer.emulator, CHANGED_TRUST);
    deployer.misses(&["prepare"], &["iam:UpdateAssumeRolePolicy"]);
    declare_tags(deployer.project, "{ team = \"x\" }");
    deployer.misses(&["prepare"], &["iam:TagRole"]);
    declare_tags(deployer.project, "{}");
    deployer.misses(&["prepare"], &["iam:UntagRole"]);
    declare_policies(deployer.project, &[POLICY]);
    deployer.misses(&["prepare"], &["iam:AttachRolePolicy"]);
    declare_policies(deployer.project, &[]);
    deployer.misses(&["prepare"], &["iam:DetachRolePolicy"]);
    deployer.run(&["prepare", "--check"]).succeeds();
}

fn deploy(deployer: &mut Deployer<'_>) {
    deployer.misses(
        &["deploy"],
        &[
            "bedrock-agentcore:ListAgentRuntimes",
            "s3:GetBucketTagging",
            "s3:CreateBucket",
            "s3:PutBucketPublicAccessBlock",
            "s3:ListBucket",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketTagging",
            "s3:PutObject",
            "s3:GetObject",
            "iam:PassRole",
            "iam:CreateServiceLinkedRole",
            "bedrock-agentcore:CreateWorkloadIdentity",
            "bedrock-agentcore:TagResource",
            "bedrock-agentcore:CreateAgentRuntime",
            "bedrock-agentcore:GetAgentRuntime",
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            "bedrock-agentcore:ListTagsForResource",
        ],
    );
    // The settings of an existing bucket are checked.
    deployer.project.write("one/more.py", "MORE = 1\n");
    if deployer.is_answered() {
        // ministack reports a missing object even without permission to list.
        deployer.misses_once(&["deploy"], "s3:ListBucket");
    }
    deployer.misses(
        &["deploy"],
        &[
            "s3:GetBucketPublicAccessBlock",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "bedrock-agentcore:UpdateAgentRuntime",
        ],
    );
}

/// The store has other bytes than were sent; they are deleted again.
fn send_in_vain(deployer: &mut Deployer<'_>) {
    deployer.project.write("one/more.py", "MORE = 2\n");
    deployer.proxy.fault(
        "s3:GetObject",
        // The object is looked up once before.
        Times::Nth(2),
        Fault::Answer(Answer::new(200, "application/zip", "short")),
    );
    deployer.misses(&["deploy"], &["s3:DeleteObject"]);
}

/// Tracing is optional for an agent.
fn enable_tracing(deployer: &mut Deployer<'_>) {
    let words = &["deploy", "--enable-tracing"];
    deployer.is_warned_of(
        words,
        "warning: tracing was not enabled",
        &[
            "logs:DescribeResourcePolicies",
            "logs:PutResourcePolicy",
            "xray:GetTraceSegmentDestination",
            "xray:UpdateTraceSegmentDestination",
            "xray:UpdateIndexingRule",
        ],
    );
    deployer.run(words).succeeds();
}

fn use_it(deployer: &mut Deployer<'_>) {
    boto3(deployer.emulator, GROUP);
    deployer.misses(&["logs"], &["logs:FilterLogEvents"]);
    deployer.misses(&["invoke", "{}"], &["bedrock-agentcore:InvokeAgentRuntime"]);
    deployer.misses(
        &["invoke", "{}", "--user", "somebody"],
        &["bedrock-agentcore:InvokeAgentRuntimeForUser"],
    );
    deployer.misses(
        &["stop-session", "--session", &"s".repeat(33)],
        &["bedrock-agentcore:StopRuntimeSession"],
    );
    deployer.misses(
        &["endpoint", "list"],
        &["bedrock-agentcore:ListAgentRuntimeEndpoints"],
    );
    deployer.misses(
        &["versions"],
        &["bedrock-agentcore:ListAgentRuntimeVersions"],
    );
}

fn endpoints(deployer: &mut Deployer<'_>) {
    deployer.misses(
        &["endpoint", "set", "prod", "--version", "1"],
        &["bedrock-agentcore:CreateAgentRuntimeEndpoint"],
    );
    deployer.misses(
        &["endpoint", "set", "prod", "--version", "2"],
        &["bedrock-agentcore:UpdateAgentRuntimeEndpoint"],
    );
    deployer.run(&["rollback"]).succeeds();
    // For `clean`.
    deployer
        .run(&["endpoint", "set", "other", "--version", "1"])
        .succeeds();
    deployer.misses(
        &["endpoint", "delete", "prod", "--yes"],
        &["bedrock-agentcore:DeleteAgentRuntimeEndpoint"],
    );
}

fn clean(deployer: &mut Deployer<'_>) {
    boto3(deployer.emulator, LEFTOVERS);
    yaml(deployer.project, deployer.emulator);
    let words = &["clean", "--yes", "--logs"];
    if deployer.is_answered() {
        // For the first version in a batch, ministack checks `s3:DeleteObject` instead of
        // `s3:DeleteObjectVersion`, which the policy does not allow in the toolkit's bucket. For
        // the other versions it checks the same as AWS, as the project's own archives show.
        boto3(deployer.emulator, TOOLKITS_OBJECT);
    }
    deployer.misses(
        words,
        &[
            "ecr:ListImages",
            "s3:ListBucketVersions",
            "s3:GetBucketTagging",
            "s3:ListBucketMultipartUploads",
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "iam:ListInstanceProfilesForRole",
            "logs:TagResource",
            "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
            "bedrock-agentcore:DeleteWorkloadIdentity",
            "bedrock-agentcore:DeleteAgentRuntime",
            "ecr:BatchDeleteImage",
            "ecr:DeleteRepository",
            "s3:AbortMultipartUpload",
            "s3:DeleteObjectVersion",
            "logs:DeleteLogGroup",
            "s3:DeleteBucket",
            "iam:DeleteRolePolicy",
            "iam:DeleteRole",
        ],
    );
}
