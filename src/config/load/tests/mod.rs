mod authorizer;
mod collisions;
mod local;
mod permissions;
mod variables;

use std::path::Path;

use super::*;
use crate::{
    config::{
        CargoPackage, LocalModels, ManagedPolicy, Model, Network, Permission, RoleSettings, Runtime,
    },
    names::{RuntimeName, StageName},
};

fn manifest(text: &str) -> Manifest {
    Manifest::new("/real/fake/Cargo.toml", text)
}

fn loaded(text: &str) -> Config {
    load(&[manifest(text)], &Stage::None).unwrap()
}

fn problems(text: &str) -> Vec<(String, String)> {
    let failure = load(&[manifest(text)], &Stage::None).unwrap_err();
    assert_eq!(failure.exit, Exit::Config);
    let marked = |message: &Message| {
        message
            .at
            .as_ref()
            .map_or(String::new(), |at| text[at.span.clone()].to_owned())
    };
    failure
        .messages
        .iter()
        .map(|message| (message.what.clone(), marked(message)))
        .collect()
}

const WHOLE: &str = r#"
[workspace]
[workspace.metadata.agentcore]
project = "my-agent-7k2qpx"
region = "us-west-2"
account = "123456789012"
profile = "dev"
tags = { team = "research" }

[workspace.metadata.agentcore.role]
permissions-boundary = "AgentBoundary"
path = "/agents/"

[workspace.metadata.agentcore.agents.my_agent]
source = "my_agent"
models = ["us.anthropic.claude-sonnet-4-6", "amazon.nova-lite-v1:0"]
permissions = ["code-interpreter", "pricing", { memory = "my_mem-AbCdEf1234" }]
env = { LOG_LEVEL = "INFO" }
lifecycle = { idle-timeout = 900, max-lifetime = 28800 }

[workspace.metadata.agentcore.stages.prod]
account = "210987654321"
env = { LOG_LEVEL = "WARN", EXTRA = "1" }
network = { subnets = ["subnet-1a"], security-groups = ["sg-2b"] }
"#;

#[test]
fn reads_every_key_of_the_reference() {
    let config = loaded(WHOLE);
    let [agent] = &config.agents[..] else {
        panic!("one agent")
    };
    assert_eq!(agent.runtime_name.as_str(), "my_agent");
    assert_eq!(agent.project.as_str(), "my-agent-7k2qpx");
    assert_eq!(agent.dir, Path::new("/real/fake"));
    assert_eq!(agent.models[0].id(), "us.anthropic.claude-sonnet-4-6");
    assert!(matches!(&agent.models[1], Model::Foundation(id) if id == "amazon.nova-lite-v1:0"));
    assert_eq!(
        agent.permissions[2],
        Permission::Memory("my_mem-AbCdEf1234".into())
    );
    assert_eq!(agent.runtime, Runtime::Python313);
    let RoleSettings::Managed {
        name,
        path,
        boundary,
        policies,
    } = &agent.role
    else {
        panic!("managed")
    };
    assert_eq!(
        (name.as_str(), path.as_str()),
        ("AgentCoreRole-my_agent", "/agents/")
    );
    assert_eq!(boundary, &Some(ManagedPolicy::Name("AgentBoundary".into())));
    assert!(policies.is_empty());
    assert!(config.warnings.is_empty());
}

#[test]
fn a_stage_lies_over_the_agent_and_joins_its_variables() {
    let stage = Stage::Named(StageName::parse("prod").unwrap());
    let config = load(&[manifest(WHOLE)], &stage).unwrap();
    let agent = &config.agents[0];
    assert_eq!(agent.runtime_name.as_str(), "my_agent_prod");
    assert_eq!(agent.account.as_ref().unwrap().as_str(), "210987654321");
    assert_eq!(agent.env["LOG_LEVEL"], "WARN");
    assert_eq!(agent.env["EXTRA"], "1");
    assert!(matches!(&agent.network, Network::Vpc { .. }));
}

#[test]
fn the_local_stage_keeps_the_names_and_drops_account_and_profile() {
    let config = load(&[manifest(WHOLE)], &Stage::Local).unwrap();
    let agent = &config.agents[0];
    assert_eq!(agent.runtime_name.as_str(), "my_agent");
    assert_eq!(agent.stage.as_ref().unwrap().as_str(), "local");
    assert_eq!((&agent.account, &agent.profile), (&None, &None));
}

#[test]
fn all_problems_come_at_once_and_point_at_the_characters() {
    let text = r#"
[workspace.metadata.agentcore]
project = "p-1"
region = "us_west_2"
acount = "123456789012"
[workspace.metadata.agentcore.agents.a]
netwrok = {}
models = "us.x"
permissions = ["pricng", { memory = 1 }, { s3 = "arn:aws:s3:::b" }, "memory", { s3 = "arn:aws:s3:::b", acess = "read" }, { memory = "a", gateway = "b" }, { dynamodb = "t", access = "read" }, { sqs = "jobs", access = "read" }, { sns = "news", access = "send" }]
lifecycle = { idle-timeout = 5 }
runtime = "python3.9"
deployment = "../x"
[workspace.metadata.agentcore.stages.local]
"#;
    let found = problems(text);
    let wanted = [
        (
            "invalid region `us_west_2`: did you mean `us-west-2`?",
            "\"us_west_2\"",
        ),
        (
            "`models` in `[workspace.metadata.agentcore.agents.a]` must be a list of strings",
            "\"us.x\"",
        ),
        (
            "unknown permission `pricng`; did you mean `pricing`?",
            "\"pricng\"",
        ),
        ("`memory` must be a string", "1"),
        ("`memory` needs a value: `{ memory = \"…\" }`", "\"memory\""),
        (
            "unknown key `acess` in a permission; did you mean `access`?",
            "acess",
        ),
        (
            "a permission's table names one thing; write a table for each",
            "memory",
        ),
        (
            "invalid DynamoDB table `t`: expected 3 to 255 letters, digits, `_`, `.` and `-`",
            "\"t\"",
        ),
        (
            "unknown access `read`, expected one of `send`, `receive`, `send-receive`",
            "\"read\"",
        ),
        ("only `s3`, `dynamodb` and `sqs` take `access`", "\"send\""),
        (
            "`idle-timeout` in `[workspace.metadata.agentcore.agents.a.lifecycle]` must be a whole number from 60 to 28800",
            "5",
        ),
        (
            "unknown runtime `python3.9`, expected one of `python3.12`, `python3.13`, `python3.14`; did you mean `python3.12`?",
            "\"python3.9\"",
        ),
        (
            "`../x` must be a relative path without `.` and `..`",
            "\"../x\"",
        ),
        (
            "unknown key `netwrok` in `[workspace.metadata.agentcore.agents.a]`",
            "netwrok",
        ),
        ("a stage cannot be called `local`", "local"),
        (
            "unknown key `acount` in `[workspace.metadata.agentcore]`",
            "acount",
        ),
    ];
    for (what, marked) in wanted {
        assert!(
            found.iter().any(|(w, m)| w == what && m == marked),
            "no {what} at {marked} in {found:#?}"
        );
    }
    assert_eq!(found.len(), wanted.len() + 1, "{found:#?}");
}

#[test]
fn text_that_is_no_toml_points_at_its_place() {
    let found = problems("[workspace.metadata.agentcore]\nproject = \n");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn without_metadata_project_or_agents_the_message_says_what_to_add() {
    assert!(
        problems("[workspace]\n")[0]
            .0
            .starts_with("no `[workspace.metadata.agentcore]`")
    );
    let found = problems("[workspace.metadata.agentcore.agents.a]\n");
    assert_eq!(
        found[0],
        ("the agent `a` belongs to no project".into(), "a".into())
    );
    let found = problems("[workspace.metadata.agentcore]\nproject = \"x\"\n");
    assert_eq!(found[0].0, "the metadata declares no agent");
}

#[test]
fn a_hyphen_becomes_an_underscore_with_one_line() {
    let config = loaded(
        "[workspace.metadata.agentcore]\nproject = \"x\"\n[workspace.metadata.agentcore.agents.my-agent]\n",
    );
    assert_eq!(config.agents[0].name.as_str(), "my_agent");
    assert_eq!(config.warnings.len(), 1);
}

#[test]
fn an_agent_that_hides_a_module_of_python_is_a_warning() {
    let text = "[workspace.metadata.agentcore]\nproject = \"x\"\n\
                [workspace.metadata.agentcore.agents.json]\n\
                [workspace.metadata.agentcore.agents.mine]\ndeployment = \"other\"\n\
                [workspace.metadata.agentcore.agents.queue]\nlanguage = \"rust\"\n";
    let mut root = manifest(text);
    root.packages = vec![CargoPackage {
        name: "queue".into(),
        manifest: "/real/fake/queue/Cargo.toml".into(),
        bins: vec!["queue".into()],
        default_run: None,
    }];
    let warnings = load(&[root], &Stage::None).unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].what.contains("the package `json`"),
        "{warnings:?}"
    );
    assert_eq!(&text[warnings[0].at.as_ref().unwrap().span.clone()], "json");
}

#[test]
fn a_project_is_known_although_all_else_is_wrong() {
    let known = |text: &str| -> Vec<String> {
        declared_projects(text)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let table = "[workspace.metadata.agentcore]\nproject = \"shop-1\"\n";
    for wrong in [
        "nope = 1\n",
        "region = \n",
        "[half\n",
        "region = \"open\n",
        "agents = 3\n",
    ] {
        assert_eq!(known(&format!("{table}{wrong}")), ["shop-1"], "{wrong}");
    }
    assert!(known("[workspace.metadata.agentcore]\nproject = 1\n").is_empty());
    assert!(known("[workspace]\n").is_empty());
}

#[test]
fn an_agent_that_is_not_declared_is_made_of_what_lies_below_and_only_where_it_is_asked_for() {
    let names = |config: &Config| -> Vec<String> {
        config
            .agents
            .iter()
            .map(|agent| agent.name.to_string())
            .collect()
    };
    let asked = ["my_agent", "old"].map(|name| AgentName::parse(name).unwrap());
    let stage = Stage::Named(StageName::parse("prod").unwrap());
    let config = load_with(&[manifest(WHOLE)], &stage, &asked).unwrap();
    assert_eq!(names(&config), ["my_agent", "old"]);
    assert_eq!(config.declared, loaded(WHOLE).declared);
    assert_eq!(names(&loaded(WHOLE)), ["my_agent"]);
    let old = &config.agents[1];
    assert_eq!(old.runtime_name.as_str(), "old_prod");
    assert_eq!(old.account.as_ref().unwrap().as_str(), "210987654321");
    let RoleSettings::Managed { name, path, .. } = &old.role else {
        panic!("{:?}", old.role)
    };
    assert_eq!(
        (name.as_str(), path.as_str()),
        ("AgentCoreRole-old_prod", "/agents/")
    );
    let knows = |runtime| config.declared.knows(runtime);
    assert!(knows("my_agent") && knows("my_agent_prod"));
    assert!(!knows("my_agent_test") && !knows("my_agents") && !knows("old"));
}

#[test]
fn problems_come_in_the_order_of_their_lines() {
    let text = "[workspace.metadata.agentcore.stages.prod]\naccount = \"1\"\n\
         [workspace.metadata.agentcore.agents.b]\nsorce = \"b\"\nruntime = \"python2\"\n\
         [workspace.metadata.agentcore]\nregoin = \"us-east-1\"\nproject = \"\"\n\
         [workspace.metadata.agentcore.agents.a]\nprotocol = \"ftp\"\n";
    let marked: Vec<String> = problems(text).into_iter().map(|(_, at)| at).collect();
    // A conflict between two agents has no single position and comes last.
    let expected = [
        "\"1\"",
        "sorce",
        "\"python2\"",
        "regoin",
        "\"\"",
        "\"ftp\"",
        "",
    ];
    assert_eq!(marked, expected);
}

#[test]
fn what_the_service_refuses_is_valid_and_remembered_with_its_line() {
    let text = "[workspace.metadata.agentcore]\nproject = \"x\"\n\
         [workspace.metadata.agentcore.agents.old]\nruntime = \"python3.11\"\n\
         [workspace.metadata.agentcore.agents.new]\ndeployment = \"d\"\nruntime = \"python3.12\"\n";
    let config = loaded(text);
    assert_eq!(config.warnings, []);
    let [(name, message)] = &Vec::from_iter(&config.refused)[..] else {
        panic!("{:?}", config.refused)
    };
    assert_eq!(name.as_str(), "old");
    let at = message.at.clone().unwrap();
    assert_eq!(&text[at.span], "\"python3.11\"");
}

#[test]
fn a_package_wins_over_the_workspace_for_its_own_agents() {
    let root =
        manifest("[workspace.metadata.agentcore]\nproject = \"root\"\nregion = \"us-west-2\"\n");
    let member = Manifest::new(
        "/real/fake/one/Cargo.toml",
        "[package.metadata.agentcore]\nproject = \"one\"\n[package.metadata.agentcore.agents.one]\n",
    );
    let config = load(&[root, member], &Stage::None).unwrap();
    assert_eq!(config.agents[0].project.as_str(), "one");
    assert_eq!(
        config.agents[0].region.as_ref().unwrap().as_str(),
        "us-west-2"
    );
    assert_eq!(config.agents[0].dir, Path::new("/real/fake/one"));
}

#[test]
fn a_long_role_name_is_cut_and_stays_unique() {
    let runtime = |last: char| RuntimeName::parse(&format!("{}{last}", "a".repeat(47))).unwrap();
    let pattern = "A-rather-long-prefix-for-roles-{runtime}";
    let one = resolve::role_name(pattern, &runtime('x')).unwrap();
    let two = resolve::role_name(pattern, &runtime('y')).unwrap();
    assert_eq!(one.as_str().len(), 64);
    assert_ne!(one, two);
}

#[test]
fn an_unknown_stage_names_the_known_ones() {
    let stage = Stage::Named(StageName::parse("qa").unwrap());
    let failure = load(&[manifest(WHOLE)], &stage).unwrap_err();
    assert_eq!(failure.messages[0].notes, ["the stages are `prod`"]);
}
