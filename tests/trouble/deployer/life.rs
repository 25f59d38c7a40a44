//! The life of an agent in which every action of the document is needed once, and missed.

use super::{POLICY, declare_policies, declare_tags, taken_away::Deployer};
use crate::{
    support::{Answer, Fault, Times, boto3},
    yaml,
};

/// The role's trust policy as somebody else might leave it.
const CHANGED_TRUST: &str = r#"
client("iam").update_assume_role_policy(RoleName="AgentCoreRole-one", PolicyDocument='{"Version":"2012-10-17","Statement":[]}')
"#;

/// A log group of the agent's runtime, as its first session makes it.
const GROUP: &str = r#"
id = client("bedrock-agentcore-control").list_agent_runtimes()["agentRuntimes"][0]["agentRuntimeId"]
client("logs").create_log_group(logGroupName=f"/aws/bedrock-agentcore/runtimes/{id}-DEFAULT")
"#;

/// An upload that was begun and never finished, and what the toolkit makes beside a runtime.
const LEFTOVERS: &str = r#"
s3, ecr = client("s3"), client("ecr")
own = [b["Name"] for b in s3.list_buckets()["Buckets"]][0]
s3.create_multipart_upload(Bucket=own, Key="one/unfinished.zip")
s3.create_bucket(Bucket=f"bedrock-agentcore-codebuild-sources-{account}-us-east-1")
ecr.create_repository(repositoryName="bedrock-agentcore-one")
manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + 64 * "0"}, "layers": []}
ecr.put_image(repositoryName="bedrock-agentcore-one", imageTag="latest", imageManifest=json.dumps(manifest))
"#;

/// The archive that the toolkit sends.
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
    // What the bucket was made with is looked at once there is one.
    deployer.project.write("one/more.py", "MORE = 1\n");
    if deployer.is_answered() {
        // ministack says of an object that it is not there also to whom may not list.
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

/// An archive of which the store has other bytes than were sent; they are deleted again.
fn send_in_vain(deployer: &mut Deployer<'_>) {
    deployer.project.write("one/more.py", "MORE = 2\n");
    deployer.proxy.fault(
        "s3:GetObject",
        // First it is looked for, then looked at.
        Times::Nth(2),
        Fault::Answer(Answer::new(200, "application/zip", "short")),
    );
    deployer.misses(&["deploy"], &["s3:DeleteObject"]);
}

/// An agent works without it.
fn enable_tracing(deployer: &mut Deployer<'_>) {
    let words = &["deploy", "--enable-tracing"];
    deployer.is_warned_of(
        words,
        "warning: tracing was not switched on",
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
        &["status"],
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
    // Once more for `clean`.
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
        // Of the first version of a batch ministack asks for `s3:DeleteObject` where AWS asks for
        // `s3:DeleteObjectVersion`, and in the toolkit's bucket the document does not allow that. Of the
        // other versions it asks as AWS does: with it, the project's own archives show it.
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
            "s3:DeleteBucket",
            "logs:DeleteLogGroup",
            "iam:DeleteRolePolicy",
            "iam:DeleteRole",
        ],
    );
}
