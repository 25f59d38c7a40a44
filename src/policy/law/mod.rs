//! Properties of every policy, whatever the metadata declares.

mod authorization;
mod build;
mod declared;
mod deployer;
mod evaluate;
mod fixture;
mod golden;
mod project_tag;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use self::{
    authorization::{Level, level},
    evaluate::{about, is_met, matches, samples},
    fixture::{ACCOUNT, ELSEWHERE, agent, capabilities, scope, target},
};
use super::*;
use crate::config::{Agent, Manifest, Permission, RoleSettings, Stage, load};

/// Partitions with regions that AgentCore has or may have.
const REGIONS: [&str; 5] = [
    "us-west-2",
    "eu-central-1",
    "us-gov-west-1",
    "cn-north-1",
    "eusc-de-east-1",
];

/// Returns what must be declared for a statement with this name.
fn asks_for(sid: &str) -> Option<&'static [&'static str]> {
    let kinds: [(&str, &[&str]); 27] = [
        ("LogGroups", &["logs"]),
        ("LogStreams", &["logs"]),
        ("Traces", &["traces"]),
        ("Metrics", &["metrics"]),
        ("Model", &["models"]),
        ("CodeInterpreter", &["code-interpreter"]),
        ("BrowserStreams", &["browser"]),
        ("Image", &["artifact"]),
        ("Browser", &["browser"]),
        ("Pricing", &["pricing"]),
        ("Memory", &["memory"]),
        ("Gateway", &["gateway"]),
        ("Guardrail", &["guardrail"]),
        ("S3", &["s3"]),
        ("Secret", &["secret"]),
        ("IdentityWorkload", &["identity"]),
        ("ApiKey", &["api-key"]),
        ("OAuth", &["oauth"]),
        ("Agent", &["agent"]),
        ("InferenceProfile", &["inference-profile"]),
        ("KnowledgeBase", &["knowledge-base"]),
        ("DynamoDb", &["dynamodb"]),
        ("Ssm", &["ssm"]),
        ("Sqs", &["sqs"]),
        ("Sns", &["sns"]),
        ("Lambda", &["lambda"]),
        ("Allow", &["allow"]),
    ];
    if sid == "Marketplace" {
        return Some(&["marketplace"]);
    }
    kinds
        .into_iter()
        .find(|(kind, _)| sid.starts_with(kind))
        .map(|(_, words)| words)
}

fn obeys(agent: &Agent, scope: &Scope) {
    let grants = execution_grants(agent, scope);
    let mut names = BTreeSet::new();
    for grant in &grants {
        let statement = &grant.statement;
        let shown = format!("{statement:?}");
        assert_eq!(statement.effect, Effect::Allow, "{shown}");
        assert!(
            statement.sid.bytes().all(|c| c.is_ascii_alphanumeric()),
            "{shown}"
        );
        assert!(
            names.insert(statement.sid.clone()),
            "the name stands twice: {shown}"
        );
        let words = asks_for(&statement.sid).expect(&shown);
        assert!(
            words.iter().any(|word| grant.asked_by.contains(word)),
            "{grant:?}"
        );
        assert!(
            !statement.action.is_empty() && !statement.resource.is_empty(),
            "{shown}"
        );
        for action in &statement.action {
            assert!(!action.contains(['*', '?']), "{shown}");
            match level(action) {
                Level::None => assert_eq!(statement.resource, ["*"], "{action}: {shown}"),
                // Only AWS knows the model behind an application inference profile, so the
                // condition names the profile instead.
                Level::Resource(_) if statement.sid.starts_with("InferenceProfileModels") => {}
                Level::Resource(types) => statement
                    .resource
                    .iter()
                    .for_each(|arn| named(arn, types, scope)),
            }
            conditioned(action, statement);
        }
    }
}

/// Checks that the ARN has one of the action's resource types and names one resource in this
/// account and region.
fn named(arn: &str, types: &[&str], scope: &Scope) {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = fields[..] else {
        panic!("`{arn}` is no ARN");
    };
    assert_eq!(partition, scope.partition.as_str(), "{arn}");
    let kind = types
        .iter()
        .find(|kind| resource.starts_with(**kind))
        .unwrap_or_else(|| panic!("`{arn}` is none of {types:?}"));
    let name = &resource[kind.len()..];
    assert!(
        !name.is_empty() && !name.starts_with(['*', '?']),
        "{arn} reaches every {kind}"
    );
    match service {
        // The metadata names these by their full ARNs.
        "secretsmanager" | "rds" => assert!(!region.contains('*') && account == ACCOUNT, "{arn}"),
        "s3" => assert!(region.is_empty() && account.is_empty(), "{arn}"),
        "bedrock" if *kind == "foundation-model/" => {
            assert!(account.is_empty() && !name.contains('*'), "{arn}");
        }
        // Parameters that AWS publishes belong to no account.
        "ssm" if account.is_empty() => {
            assert_eq!(region, scope.region.as_str(), "{arn}");
            assert!(resource.starts_with("parameter/aws/service/"), "{arn}");
        }
        // The metadata names resources elsewhere by their full ARNs.
        "dynamodb" | "sqs" if (region, account) == ELSEWHERE => {}
        _ => {
            assert_eq!(region, scope.region.as_str(), "{arn}");
            let shared = account == "aws" && name.starts_with("aws.");
            assert!(shared || account == scope.account.as_str(), "{arn}");
        }
    }
}

fn conditioned(action: &str, statement: &Statement) {
    let equals = |key: &str| -> Option<&Vec<String>> {
        statement
            .condition
            .get("StringEquals")
            .and_then(|keys| keys.get(key))
    };
    let wants = |key: &str, value: &str| {
        assert_eq!(equals(key), Some(&vec![value.to_owned()]), "{statement:?}");
    };
    match action {
        "cloudwatch:PutMetricData" => wants("cloudwatch:namespace", "bedrock-agentcore"),
        "aws-marketplace:Subscribe" | "aws-marketplace:ViewSubscriptions" => {
            wants("aws:CalledViaLast", "bedrock.amazonaws.com");
        }
        "iam:PassRole" if statement.sid.starts_with("BuildRolePass") => {
            wants("iam:PassedToService", "codebuild.amazonaws.com");
        }
        "iam:PassRole" => wants("iam:PassedToService", "bedrock-agentcore.amazonaws.com"),
        "iam:CreateServiceLinkedRole" => {
            let service = equals("iam:AWSServiceName").expect("it is conditioned");
            assert!(
                service
                    .iter()
                    .all(|s| s.ends_with(".bedrock-agentcore.amazonaws.com")),
                "{statement:?}"
            );
        }
        "bedrock:InvokeModel" if statement.sid.starts_with("InferenceProfileModels") => {
            let profiles = equals("bedrock:InferenceProfileArn").expect("it is conditioned");
            let is_one = |arn: &String| arn.contains(":application-inference-profile/");
            assert!(profiles.iter().all(is_one), "{statement:?}");
            let pattern = |arn: &String| arn.contains(['*', '?']);
            assert!(!profiles.iter().any(pattern), "{statement:?}");
        }
        "bedrock:InvokeModel" if statement.sid.starts_with("ModelTargets") => {
            assert!(
                equals("bedrock:InferenceProfileArn").is_some(),
                "{statement:?}"
            );
        }
        // The key is absent while the profile itself is checked.
        "bedrock:InvokeModel" => assert_eq!(statement.condition, BTreeMap::new(), "{statement:?}"),
        _ => {}
    }
}

#[test]
fn the_law_holds_for_every_pair_of_capabilities_in_every_partition() {
    for region in REGIONS {
        let scope = scope("my_agent", region);
        let all = capabilities(scope.partition, "one");
        for one in &all {
            for other in &all {
                obeys(&agent("my_agent", &[one.clone(), other.clone()]), &scope);
            }
        }
        obeys(&agent("my_agent", &all), &scope);
        let mut image = agent("my_agent", &all);
        fixture::into_image(&mut image);
        obeys(&image, &scope);
    }
}

proptest! {
    #[test]
    fn the_law_holds_for_every_combination_of_capabilities(
        chosen in proptest::collection::vec(any::<bool>(), 36),
        region in 0..REGIONS.len(),
    ) {
        let scope = scope("my_agent", REGIONS[region]);
        let all = capabilities(scope.partition, "one");
        let some: Vec<_> = all.into_iter().zip(&chosen).filter(|(_, on)| **on).map(|(c, _)| c).collect();
        let agent = agent("my_agent", &some);
        obeys(&agent, &scope);
        let mut turned = some;
        turned.reverse();
        // The order in the metadata does not matter.
        prop_assert_eq!(execution(&agent, &scope), execution(&fixture::agent("my_agent", &turned), &scope));
    }

}

proptest! {
    /// Without a reason, `allow` reaches no other region or account, and no resource of the same
    /// type with another name.
    #[test]
    fn the_law_holds_for_whatever_is_allowed_without_a_reason(
        service in prop::sample::select(vec!["dynamodb", "s3", "sqs", "rds", "*", "s?"]),
        region in prop::sample::select(vec!["us-west-2", "", "*", "us-*-2", "us-west-?"]),
        account in prop::sample::select(vec![ACCOUNT, "", "*", "aws", "12345678901?"]),
        resource in "(table[/:])?[ab]{0,2}[*?/:]{0,2}[ab]{0,2}[*?]?",
    ) {
        let arn = |region: &str, account: &str, resource: &str| {
            format!("arn:aws:{service}:{region}:{account}:{resource}")
        };
        let pattern = arn(region, account, &resource);
        let text = format!(
            "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\npermissions = [{{ allow = [\"a:B\"], on = [\"{pattern}\"] }}]\n"
        );
        let manifest = Manifest::new("/real/fake/Cargo.toml", text);
        let Ok(config) = load(&[manifest], &Stage::None) else {
            return Ok(());
        };
        let agent = &config.agents[0];
        let scope = scope("a", "us-west-2");
        let grants = execution_grants(agent, &scope);
        let grant = grants.last().unwrap();
        prop_assert_eq!(&grant.statement.action, &["a:B"]);
        prop_assert_eq!(&grant.statement.resource, std::slice::from_ref(&pattern));
        let kind = resource.find(['/', ':']).map_or("", |end| &resource[..=end]);
        // What holds a wildcard is a name: `a?:*` of SQS covers no more than the queues `a*`.
        let kind = if kind.contains(['*', '?']) { "" } else { kind };
        let other = if service == "s3" { "zzzzz/".to_owned() } else { kind.to_owned() };
        let mut others = vec![arn(region, account, "zzzzz"), arn(region, account, &format!("{other}zzzzz"))];
        if !region.is_empty() {
            others.push(arn("us-east-2", account, &resource));
        }
        if !account.is_empty() {
            others.push(arn(region, "999999999999", &resource));
        }
        for other in others {
            prop_assert!(!matches(&pattern, &other) || other == pattern, "{} reaches {}", pattern, other);
        }
    }
}

proptest! {
    // Each case evaluates tens of thousands of requests.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_boundary_allows_what_the_agents_may_do_together_and_nothing_else(
        chosen in proptest::collection::vec((any::<bool>(), any::<bool>()), 36),
        regions in proptest::sample::subsequence(vec!["us-west-2", "eu-central-1"], 1..=2),
    ) {
        let pick = |mark: &str, on: fn(&(bool, bool)) -> bool| -> Vec<_> {
            let all = capabilities(Partition::Aws, mark).into_iter().zip(&chosen);
            all.filter(|(_, chosen)| on(chosen)).map(|(c, _)| c).collect()
        };
        let one = agent("one", &pick("one", |c| c.0));
        let two = agent("two", &pick("two", |c| c.1));
        let targets: Vec<Target<'_>> = [&one, &two]
            .into_iter()
            .flat_map(|agent| regions.iter().map(move |region| target(agent, region)))
            .collect();
        let executions: Vec<Document> = targets.iter().map(|t| execution(t.agent, &t.scope)).collect();
        let boundary = boundary(&targets);
        let mut documents: Vec<&Document> = executions.iter().collect();
        documents.push(&boundary);
        let samples = samples(&documents);
        for action in &samples.actions {
            for resource in &samples.resources {
                // Patterns take longest to match, so they are matched once for all contexts.
                let boundary = about(&boundary, action, resource);
                let executions: Vec<_> =
                    executions.iter().flat_map(|d| about(d, action, resource)).collect();
                for context in &samples.contexts {
                    let wanted = executions.iter().any(|s| is_met(s, context));
                    let given = boundary.iter().any(|s| is_met(s, context));
                    prop_assert_eq!(given, wanted, "{} on {} with {:?}", action, resource, context);
                }
            }
        }
    }
}

#[test]
fn the_boundary_of_several_agents_is_smaller_than_their_policies() {
    let all = capabilities(Partition::Aws, "one");
    let agents = [agent("one", &all), agent("two", &all)];
    let targets: Vec<Target<'_>> = agents.iter().map(|a| target(a, "us-west-2")).collect();
    let apart: usize = targets
        .iter()
        .map(|t| execution(t.agent, &t.scope).size())
        .sum();
    let together = boundary(&targets);
    assert!(
        together.size() < apart / 2 + 1_000,
        "{} of {apart}",
        together.size()
    );
    let names: BTreeSet<&String> = together.statement.iter().map(|s| &s.sid).collect();
    assert_eq!(names.len(), together.statement.len());
    assert!(
        together
            .statement
            .iter()
            .all(|s| asks_for(&s.sid).is_some())
    );
}

#[test]
fn a_boundary_that_is_too_long_says_what_takes_the_space() {
    let names: Vec<String> = (0..40)
        .map(|n| format!("a_rather_long_agent_name_{n}"))
        .collect();
    let agents: Vec<Agent> = names.iter().map(|name| agent(name, &[])).collect();
    let targets: Vec<Target<'_>> = agents.iter().map(|a| target(a, "us-west-2")).collect();
    let few = boundary_grants(&targets[..3]);
    assert_eq!(
        size::managed_problem("the permissions boundary", &few),
        None
    );
    let grants = boundary_grants(&targets);
    let problem = size::managed_problem("the permissions boundary", &grants).unwrap();
    assert!(problem.notes[0].ends_with("in `LogStreams`"), "{problem:?}");
}

/// Returns the resources of an agent that no other agent's policy may reach.
fn things(name: &str, mark: &str) -> Vec<String> {
    let agentcore = format!("arn:aws:bedrock-agentcore:us-west-2:{ACCOUNT}");
    let groups =
        format!("arn:aws:logs:us-west-2:{ACCOUNT}:log-group:/aws/bedrock-agentcore/runtimes");
    let id = format!("{name}-AbCdEf1234");
    let secrets = format!("arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret");
    let identity = "bedrock-agentcore-identity!default";
    let base = format!("kb{}0000000000", mark.replace('-', "x"));
    let of =
        |service: &str, resource: &str| format!("arn:aws:{service}:us-west-2:{ACCOUNT}:{resource}");
    let (region, account) = ELSEWHERE;
    vec![
        of("rds", &format!("cluster:cluster-{mark}")),
        of(
            "bedrock",
            &format!("application-inference-profile/profile-{mark}"),
        ),
        of("bedrock", &format!("knowledge-base/{}", &base[..10])),
        of("dynamodb", &format!("table/read-{mark}")),
        of("dynamodb", &format!("table/read-{mark}/index/by-date")),
        of("dynamodb", &format!("table/write-{mark}")),
        format!("arn:aws:dynamodb:{region}:{account}:table/table-{mark}/index/by-date"),
        of("ssm", &format!("parameter/parameter-{mark}")),
        of("ssm", &format!("parameter/path-{mark}")),
        of("ssm", &format!("parameter/path-{mark}/deep/down")),
        of("sqs", &format!("send-{mark}")),
        of("sqs", &format!("receive-{mark}.fifo")),
        format!("arn:aws:sqs:{region}:{account}:both-{mark}"),
        of("sns", &format!("topic-{mark}")),
        of("lambda", &format!("function:function-{mark}")),
        of("lambda", &format!("function:function-{mark}:live")),
        format!("{groups}/{id}-DEFAULT"),
        format!("{groups}/{id}-DEFAULT:*"),
        format!("{groups}/{id}-DEFAULT:log-stream:2026"),
        format!("{agentcore}:runtime/{id}"),
        format!("{agentcore}:runtime/{id}/runtime-endpoint/DEFAULT"),
        format!("{agentcore}:workload-identity-directory/default/workload-identity/{id}"),
        format!("{agentcore}:memory/memory_{mark}-AbCdEf1234"),
        format!("{agentcore}:gateway/gateway-{mark}"),
        format!("{agentcore}:code-interpreter-custom/interpreter-{mark}"),
        format!("{agentcore}:browser-custom/browser-{mark}"),
        format!("{agentcore}:token-vault/default/apikeycredentialprovider/key-{mark}"),
        format!("{agentcore}:token-vault/default/oauth2credentialprovider/oauth-{mark}"),
        format!("{secrets}:{identity}/apikey/key-{mark}-AbCdEf"),
        format!("{secrets}:{identity}/oauth2/oauth-{mark}-AbCdEf"),
        format!("{secrets}:secret-{mark}-AbCdEf"),
        format!("arn:aws:s3:::bucket-{mark}/read/x"),
        format!("arn:aws:s3:::bucket-{mark}/write/x"),
        format!("arn:aws:bedrock:us-west-2:{ACCOUNT}:guardrail/guardrail{mark}"),
        format!("arn:aws:iam::{ACCOUNT}:role/agents/AgentCoreRole-{name}"),
        format!("arn:aws:ecr:us-west-2:{ACCOUNT}:repository/bedrock-agentcore-{name}"),
        format!(
            "arn:aws:s3:::bedrock-agentcore-codebuild-sources-{ACCOUNT}-us-west-2/{name}/deployment.zip"
        ),
        format!("{}/{name}/0a1b.zip", fixture::bucket()),
    ]
}

#[test]
fn no_document_reaches_the_things_of_another_agent() {
    // Names with common prefixes, and marks with common prefixes up to a hyphen.
    let named = [
        ("ag", "k"),
        ("agb", "k-2"),
        ("ag_b", "k2"),
        ("ag_prod", "k-k-2"),
        ("bc", "2"),
    ];
    for (name, mark) in named {
        let own = agent(name, &capabilities(Partition::Aws, mark));
        let targets = [target(&own, "us-west-2")];
        let documents = [
            execution(&own, &targets[0].scope),
            boundary(&targets),
            document_of(&deployer_grants(&targets, Deployer::WithRoles)),
            document_of(&deployer_grants(&targets, Deployer::WithoutRoles)),
        ];
        let patterns = || {
            documents
                .iter()
                .flat_map(|document| &document.statement)
                .flat_map(|statement| &statement.resource)
                .filter(|resource| *resource != "*")
        };
        for thing in things(name, mark) {
            assert!(
                patterns().any(|pattern| matches(pattern, &thing)),
                "nothing reaches {thing}"
            );
        }
        for (other, other_mark) in named.into_iter().filter(|(other, _)| *other != name) {
            for thing in things(other, other_mark) {
                let reached = patterns().find(|pattern| matches(pattern, &thing));
                assert_eq!(reached, None, "`{name}` reaches {thing}");
            }
        }
    }
}
