//! The printed policy allows exactly what the commands call.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{
    DEPLOYED,
    support::{Answer, Call, Cli, Emulator, Fault, Ministack, Moto, Project, Proxy, Times, boto3},
    yaml,
};
use super::{
    POLICY, WITH_TLS_ONLY, agent, declare_policies, declare_tags, document, proxy_to, words,
};

/// Returns true if a pattern of a policy matches: `*` matches anything.
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

/// An action on the resources of a pattern, under conditions.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Permission {
    action: String,
    resource: String,
    /// The patterns by operator and key; one of them must match.
    conditions: BTreeMap<(String, String), Vec<String>>,
}

impl Permission {
    fn allows(&self, call: &Call) -> bool {
        self.action == call.action
            && matches(&self.resource, &call.resource)
            && self.conditions.iter().all(|((operator, key), patterns)| {
                let value = call.keys.get(key);
                let is_like = |text: &str| patterns.iter().any(|one| matches(one, text));
                // A resource's tags are not in the request.
                key.starts_with("aws:ResourceTag/")
                    || match operator.as_str() {
                        "ForAllValues:StringLike" => {
                            value.is_none_or(|values| values.lines().all(is_like))
                        }
                        "StringEqualsIfExists" => value.is_none_or(|value| is_like(value)),
                        _ => value.is_some_and(|value| is_like(value)),
                    }
            })
    }
}

/// Returns every permission of the policy, without actions on another service's resources.
fn permissions(document: &Value) -> BTreeSet<Permission> {
    let owned = |value: &Value| words(value).into_iter().map(str::to_owned).collect();
    let mut found = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        let operators = statement["Condition"].as_object().into_iter().flatten();
        let conditions: BTreeMap<(String, String), Vec<String>> = operators
            .flat_map(|(operator, keys)| {
                let keys = keys.as_object().unwrap().iter();
                keys.map(move |(key, values)| ((operator.clone(), key.clone()), owned(values)))
            })
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

/// The life of an agent with every command: prepared, deployed, used, changed.
fn live(project: &Project, emulator: &Emulator, proxy: &Proxy) {
    let run = |words: &[&str]| Cli::new(project).at(&proxy.url()).args(words).run();
    run(&["prepare"]).succeeds();
    // A changed trust policy and a changed tag are restored.
    boto3(
        emulator,
        r#"
iam = client("iam")
iam.update_assume_role_policy(RoleName="AgentCoreRole-one", PolicyDocument='{"Version":"2012-10-17","Statement":[]}')
"#,
    );
    declare_tags(project, "{ team = \"x\" }");
    declare_policies(project, &[POLICY]);
    run(&["deploy", "--enable-tracing", "--smoke", "{}"]).succeeds();
    project.write(
        "one/agent.py",
        "def answer(prompt: str) -> str:\n    return \"new\"\n",
    );
    // A tag that is no longer declared is removed, and a policy detached.
    declare_tags(project, "{}");
    declare_policies(project, &[]);
    run(&["deploy"]).succeeds();
    run(&["invoke", "{}", "--user", "somebody"]).succeeds();
    run(&["stop-session", "--session", &"s".repeat(33)]).succeeds();
    run(&["status"]).succeeds();
    run(&["logs"]).succeeds();
    run(&["versions"]).succeeds();
    run(&["endpoint", "set", "prod", "--version", "1"]).succeeds();
    run(&["endpoint", "set", "prod", "--version", "2"]).succeeds();
    run(&["rollback"]).succeeds();
    run(&["endpoint", "delete", "prod", "--yes"]).succeeds();
}

/// Uploads fail; the archives are large enough for multipart uploads.
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
    // The object that is checked after the upload is too short.
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

/// Returns the calls that write runtimes' tags, which only one emulator supports.
fn tagged() -> Vec<Call> {
    let emulator = Moto::start();
    let project = agent();
    let proxy = proxy_to(&emulator);
    for tags in ["{}", "{ team = \"x\" }", "{}"] {
        declare_tags(&project, tags);
        Cli::new(&project)
            .at(&proxy.url())
            .arg("deploy")
            .run()
            .succeeds();
    }
    // Its account differs, and its runtime ARNs do not match AWS's.
    let resource = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/one-AbCdEf1234";
    let own = proxy.recorded().into_iter().filter(|call| {
        let is_of_tags =
            call.action.ends_with(":TagResource") || call.action.ends_with(":UntagResource");
        is_of_tags && !call.implied
    });
    own.map(|call| Call {
        resource: resource.to_owned(),
        ..call
    })
    .collect()
}

#[test]
fn what_the_commands_call_is_what_the_deployer_may_do() {
    let tagged = std::thread::spawn(tagged);
    let emulator = Ministack::start();
    let project = agent();
    let proxy = proxy_to(&emulator);
    live(&project, &emulator, &proxy);
    let failing = fail_to_send(&project, &emulator);
    let clean = |words: &[&str]| {
        let cli = Cli::new(&project).at(&proxy.url()).args(["clean", "--yes"]);
        cli.args(words).run().succeeds();
    };
    // The role without its policy.
    boto3(
        &emulator,
        "client('iam').delete_role_policy(RoleName='AgentCoreRole-one', PolicyName='AgentCore-us-east-1')",
    );
    clean(&[]);
    // Resources of the toolkit, and a log group, for `clean` to find.
    Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    boto3(&emulator, DEPLOYED);
    yaml(&project, &emulator);
    clean(&["--logs"]);

    let permissions = permissions(&document(&project, emulator.account()));
    let tagged = tagged.join().unwrap();
    let mut called = [proxy.recorded(), failing.recorded(), tagged].concat();
    // Identifying the caller needs no permission.
    called.retain(|call| call.action != "sts:GetCallerIdentity");
    for call in &called {
        assert!(
            permissions.iter().any(|permission| permission.allows(call)),
            "called and not printed: {call:#?}"
        );
    }
    let is_called = |permission: &&Permission| called.iter().any(|call| permission.allows(call));
    let testable = permissions
        .iter()
        .filter(|permission| !WITH_TLS_ONLY.contains(&permission.action.as_str()));
    let (_, unused): (Vec<_>, Vec<_>) = testable.partition(is_called);
    assert!(unused.is_empty(), "printed and not called: {unused:#?}");
}
