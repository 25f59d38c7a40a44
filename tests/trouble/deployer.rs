//! The deployer's document suffices for every command, and holds nothing that no command needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    DEPLOYED, project,
    support::{
        Answer, Call, Cli, Emulator, Fault, Ministack, Moto, Outcome, Project, Proxy, Times, boto3,
    },
    yaml,
};

/// What the service asks for by itself, or what only an emulator never shows.
const NOT_REQUESTED: [&str; 2] = [
    // With the first runtime of an account.
    "iam:CreateServiceLinkedRole",
    // Of images, which only the toolkit pushes.
    "ecr:BatchDeleteImage",
];

/// Of a runtime, which one emulator alone keeps.
const WITH_TAGS: [&str; 2] = [
    "bedrock-agentcore:TagResource",
    "bedrock-agentcore:UntagResource",
];

/// A log group of the agent's runtime, as its first session makes it.
const GROUP: &str = r#"
id = client("bedrock-agentcore-control").list_agent_runtimes()["agentRuntimes"][0]["agentRuntimeId"]
client("logs").create_log_group(logGroupName=f"/aws/bedrock-agentcore/runtimes/{id}-DEFAULT")
"#;

/// What the toolkit makes beside a runtime. No object: to delete a version of one, the emulator asks for
/// `s3:DeleteObject` where AWS asks for `s3:DeleteObjectVersion`.
const TOOLKIT: &str = r#"
bucket = f"bedrock-agentcore-codebuild-sources-{account}-us-east-1"
client("s3").create_bucket(Bucket=bucket)
client("ecr").create_repository(repositoryName="bedrock-agentcore-one")
"#;

fn document(project: &Project, account: &str) -> Value {
    let arguments = ["policy", "--only", "deployer", "--region", "us-east-1"];
    let printed = Cli::new(project)
        .args(arguments)
        .args(["--account", account])
        .run()
        .succeeds();
    serde_json::from_str(&printed.stdout).unwrap()
}

fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        many => many
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect(),
    }
}

/// Whether a pattern of a policy matches: `*` is anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .any(|at| matches(rest, &text[at..]))
        }),
    }
}

/// An action on the things of a pattern, under conditions.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    action: String,
    resource: String,
    /// Patterns of which one has to match, by key.
    conditions: BTreeMap<String, Vec<String>>,
}

impl Permission {
    fn allows(&self, call: &Call) -> bool {
        self.action == call.action
            && matches(&self.resource, &call.resource)
            && self.conditions.iter().all(|(key, patterns)| {
                let value = call.keys.get(key);
                // What a thing is tagged with stands in no request.
                key.starts_with("aws:ResourceTag/")
                    || value.is_some_and(|value| patterns.iter().any(|one| matches(one, value)))
            })
    }
}

/// Every permission of the document. No action knows a thing of another service.
fn permissions(document: &Value) -> BTreeSet<Permission> {
    let owned = |value: &Value| words(value).into_iter().map(str::to_owned).collect();
    let mut found = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        let operators = statement["Condition"].as_object().into_iter().flatten();
        let conditions: BTreeMap<String, Vec<String>> = operators
            .flat_map(|(_, keys)| keys.as_object().unwrap())
            .map(|(key, values)| (key.clone(), owned(values)))
            .collect();
        for action in words(&statement["Action"]) {
            let (service, _) = action.split_once(':').unwrap();
            for resource in words(&statement["Resource"]) {
                if resource == "*" || resource.split(':').nth(2) == Some(service) {
                    found.insert(Permission {
                        action: action.to_owned(),
                        resource: resource.to_owned(),
                        conditions: conditions.clone(),
                    });
                }
            }
        }
    }
    found
}

/// Changes the tags that the metadata declares.
fn declare_tags(project: &Project, tags: &str) {
    let text = project.read("Cargo.toml");
    let lines = text.lines().filter(|line| !line.starts_with("tags = "));
    let lines: Vec<String> = lines
        .map(|line| match line {
            "region = \"us-east-1\"" => format!("{line}\ntags = {tags}"),
            _ => line.to_owned(),
        })
        .collect();
    project.write("Cargo.toml", lines.join("\n"));
}

/// An agent without dependencies, so that no index is asked.
fn agent() -> Project {
    let project = project();
    project.write("deployment/requirements.txt", "");
    project
}

/// moto leaves an updated runtime UPDATING for ever; no emulator knows X-Ray's settings.
fn proxy_to(emulator: &Emulator) -> Proxy {
    let proxy = Proxy::to(emulator);
    proxy.fault(
        "bedrock-agentcore:GetAgentRuntime",
        Times::Always,
        Fault::Reworded("UPDATING", "READY"),
    );
    let destination = serde_json::json!({"Destination": "XRay"});
    proxy.fault(
        "xray:*",
        Times::Always,
        Fault::Answer(Answer::json(200, &destination)),
    );
    proxy
}

/// The life of an agent with every command: prepared, deployed, used, changed.
fn live(project: &Project, emulator: &Emulator, proxy: &Proxy) {
    let run = |words: &[&str]| Cli::new(project).at(&proxy.url()).args(words).run();
    run(&["prepare"]).succeeds();
    // A changed trust policy and a changed tag are written again.
    boto3(
        emulator,
        r#"
iam = client("iam")
iam.update_assume_role_policy(RoleName="AgentCoreRole-one", PolicyDocument='{"Version":"2012-10-17","Statement":[]}')
"#,
    );
    declare_tags(project, "{ team = \"x\" }");
    run(&["deploy", "--enable-tracing", "--smoke", "{}"]).succeeds();
    project.write(
        "one/agent.py",
        "def answer(prompt: str) -> str:\n    return \"new\"\n",
    );
    // And a tag that is declared no longer is taken off.
    declare_tags(project, "{}");
    run(&["deploy"]).succeeds();
    run(&["invoke", "{}", "--user", "somebody"]).succeeds();
    // The emulator knows no such thing.
    run(&["stop-session", "--session", &"s".repeat(33)]).exits(1);
    run(&["status"]).succeeds();
    run(&["logs"]).succeeds();
    run(&["versions"]).succeeds();
    run(&["endpoint", "set", "prod", "--version", "1"]).succeeds();
    run(&["endpoint", "set", "prod", "--version", "2"]).succeeds();
    run(&["rollback"]).succeeds();
    run(&["endpoint", "delete", "prod", "--yes"]).succeeds();
}

/// Archives that do not arrive whole, large enough to be sent in parts.
fn fail_to_send(project: &Project, emulator: &Emulator) -> Proxy {
    let proxy = proxy_to(emulator);
    let deploy = || Cli::new(project).at(&proxy.url()).arg("deploy").run();
    proxy.fault(
        "s3:PutObject",
        Times::Nth(2),
        Fault::error(400, "InvalidPart", ""),
    );
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(1_200_000)
    .flatten()
    .collect();
    project.write("deployment/large.bin", noise);
    deploy().exits(1);
    // What is looked for again after it was sent is shorter than that.
    let looked = proxy
        .actions()
        .iter()
        .filter(|a| *a == "s3:GetObject")
        .count();
    proxy.fault(
        "s3:GetObject",
        Times::Nth(looked + 1),
        Fault::Answer(Answer::new(200, "application/zip", "short")),
    );
    deploy().exits(1);
    proxy
}

#[test]
fn what_the_commands_call_is_what_the_deployer_may_do() {
    let emulator = Ministack::start();
    let project = agent();
    let proxy = proxy_to(&emulator);
    live(&project, &emulator, &proxy);
    let failing = fail_to_send(&project, &emulator);
    // What the toolkit leaves, and a log group, for `clean` to find.
    boto3(
        &emulator,
        "client('iam').delete_role_policy(RoleName='AgentCoreRole-one', PolicyName='AgentCore-us-east-1')",
    );
    Cli::new(&project)
        .at(&proxy.url())
        .args(["clean", "--yes"])
        .run()
        .succeeds();
    Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    boto3(&emulator, DEPLOYED);
    yaml(&project, &emulator);
    Cli::new(&project)
        .at(&proxy.url())
        .args(["clean", "--yes", "--logs"])
        .run()
        .succeeds();

    let permissions = permissions(&document(&project, emulator.account()));
    let called: Vec<Call> = [proxy.recorded(), failing.recorded()]
        .concat()
        .into_iter()
        .filter(|call| call.action != "sts:GetCallerIdentity")
        .collect();
    for call in &called {
        assert!(
            permissions.iter().any(|permission| permission.allows(call)),
            "called and not printed: {call:#?}"
        );
    }
    let unrequested = [&NOT_REQUESTED[..], &WITH_TAGS[..]].concat();
    let unused: Vec<_> = permissions
        .iter()
        .filter(|permission| {
            !called.iter().any(|call| permission.allows(call))
                && !unrequested.contains(&permission.action.as_str())
        })
        .collect();
    assert!(unused.is_empty(), "printed and not called: {unused:#?}");
}

#[test]
fn tags_of_a_runtime_are_written_where_the_store_keeps_them() {
    let emulator = Moto::start();
    let project = agent();
    let proxy = proxy_to(&emulator);
    let deploy = || Cli::new(&project).at(&proxy.url()).arg("deploy").run();
    deploy().succeeds();
    declare_tags(&project, "{ team = \"x\" }");
    deploy().succeeds();
    declare_tags(&project, "{}");
    deploy().succeeds();
    let permissions = permissions(&document(&project, emulator.account()));
    for action in WITH_TAGS {
        let called = proxy.recorded();
        let own = |call: &&Call| call.action == action && !call.implied;
        let call = called.iter().find(own).expect(action);
        // The emulator's ARN of a runtime is not AWS's.
        let resource = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/one-AbCdEf1234";
        let call = Call {
            resource: resource.to_owned(),
            ..call.clone()
        };
        assert!(permissions.iter().any(|one| one.allows(&call)), "{call:?}");
    }
}

/// A user who may do what the document says, but for one action.
struct Deployer<'a> {
    project: &'a Project,
    emulator: &'a Emulator,
    document: String,
    key: (String, String),
}

impl<'a> Deployer<'a> {
    fn new(project: &'a Project, emulator: &'a Emulator) -> Self {
        let document = document(project, emulator.account()).to_string();
        let key = boto3(
            emulator,
            "iam = client('iam')\niam.create_user(UserName='deployer')\nkey = iam.create_access_key(UserName='deployer')['AccessKey']\nprint(key['AccessKeyId'], key['SecretAccessKey'])",
        );
        let (id, secret) = key.trim().split_once(' ').unwrap();
        let deployer = Self {
            project,
            emulator,
            document,
            key: (id.to_owned(), secret.to_owned()),
        };
        deployer.loses("none:None");
        deployer
    }

    /// Everything but this action.
    fn loses(&self, action: &str) {
        let document = &self.document;
        boto3(
            self.emulator,
            &format!(
                r#"
document = json.loads('''{document}''')
for statement in document["Statement"]:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    statement["Action"] = [a for a in actions if a != "{action}"] or ["none:None"]
client("iam").put_user_policy(UserName="deployer", PolicyName="p", PolicyDocument=json.dumps(document))
"#
            ),
        );
    }

    fn run(&self, words: &[&str]) -> Outcome {
        Cli::new(self.project)
            .on(self.emulator)
            .env("AWS_ACCESS_KEY_ID", &self.key.0)
            .env("AWS_SECRET_ACCESS_KEY", &self.key.1)
            .args(words)
            .run()
    }

    /// Each action is missed in turn, by its name; what was done before stays for the next.
    fn misses(&self, words: &[&str], actions: &[&str]) {
        for action in actions {
            self.loses(action);
            let denied = self.run(words);
            let is_denied = denied.status.code() == Some(4) && denied.stderr.contains(action);
            assert!(is_denied, "{action}: {denied:?}");
        }
        self.loses("none:None");
        self.run(words).succeeds();
    }
}

#[test]
fn with_exactly_the_printed_document_every_command_succeeds_and_less_is_denied_by_name() {
    let emulator = Ministack::start_with(&[("AUTH", "true")]);
    let project = agent();
    let deployer = Deployer::new(&project, &emulator);
    for words in [
        &["prepare"][..],
        &["prepare", "--check"],
        &["deploy"],
        &["invoke", "{}"],
        &["status"],
        &["logs"],
        &["versions"],
        &["endpoint", "set", "prod", "--version", "1"],
        &["endpoint", "delete", "prod", "--yes"],
        &["clean", "--yes", "--logs"],
    ] {
        deployer.run(words).succeeds();
    }
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
    boto3(
        &emulator,
        "client('iam').update_assume_role_policy(RoleName='AgentCoreRole-one', PolicyDocument='{\"Version\":\"2012-10-17\",\"Statement\":[]}')",
    );
    deployer.misses(&["prepare"], &["iam:UpdateAssumeRolePolicy"]);
    declare_tags(&project, "{ team = \"x\" }");
    deployer.misses(&["prepare"], &["iam:TagRole"]);
    declare_tags(&project, "{}");
    deployer.misses(&["prepare"], &["iam:UntagRole"]);
    deployer.misses(
        &["deploy"],
        &[
            "s3:GetBucketTagging",
            "s3:CreateBucket",
            "s3:PutBucketPublicAccessBlock",
            "s3:ListBucket",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketTagging",
            "s3:PutObject",
            "s3:GetObject",
        ],
    );
    // What the bucket was made with is looked at once there is one.
    project.write("one/more.py", "MORE = 1\n");
    deployer.misses(
        &["deploy"],
        &[
            "s3:GetBucketPublicAccessBlock",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
        ],
    );
    boto3(&emulator, GROUP);
    deployer.misses(&["logs"], &["logs:FilterLogEvents"]);
    boto3(&emulator, TOOLKIT);
    yaml(&project, &emulator);
    deployer.misses(
        &["clean", "--yes", "--logs"],
        &[
            "ecr:ListImages",
            "s3:ListBucketVersions",
            "s3:GetBucketTagging",
            "s3:ListBucketMultipartUploads",
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "iam:ListInstanceProfilesForRole",
            "logs:TagResource",
            "ecr:DeleteRepository",
            "s3:DeleteBucket",
            "logs:DeleteLogGroup",
            "iam:DeleteRolePolicy",
            "iam:DeleteRole",
        ],
    );
}
