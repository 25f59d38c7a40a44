use super::*;
use crate::{
    config::{
        CargoPackage, LocalModels, ManagedPolicy, Model, Network, Permission, RoleSettings, Runtime,
    },
    names::RuntimeName,
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
            "unknown access `read`: `send`, `receive`, `send-receive`",
            "\"read\"",
        ),
        ("only `s3`, `dynamodb` and `sqs` take `access`", "\"send\""),
        (
            "`idle-timeout` in `[workspace.metadata.agentcore.agents.a.lifecycle]` must be a whole number from 60 to 28800",
            "5",
        ),
        (
            "unknown runtime `python3.9`: `python3.12`, `python3.13`, `python3.14`; did you mean `python3.12`?",
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
fn an_allow_list_holds_only_headers_that_the_service_lets_through() {
    let text = r#"
[workspace.metadata.agentcore]
project = "p-1"
[workspace.metadata.agentcore.agents.a]
header-allowlist = ["X-Tenant", "X-TENANT", "Cookie", "X-Forwarded-For", "x-amz-date", "X Y", "Authorization"]
"#;
    let found = problems(text);
    assert_eq!(
        found,
        [
            ("the header `X-TENANT` is listed twice", "\"X-TENANT\""),
            ("the header `Cookie` cannot be passed on", "\"Cookie\""),
            (
                "the header `X-Forwarded-For` cannot be passed on",
                "\"X-Forwarded-For\""
            ),
            (
                "the header `x-amz-date` cannot be passed on",
                "\"x-amz-date\""
            ),
            ("invalid header name `X Y`", "\"X Y\""),
            (
                "the header `Authorization` needs an `authorizer`",
                "\"Authorization\""
            ),
        ]
        .map(|(what, marked)| (what.to_owned(), marked.to_owned()))
    );
    let authorizer =
        "authorizer = { discovery-url = \"https://i.example/.well-known/openid-configuration\" }";
    let text = format!(
        "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\n{authorizer}\nheader-allowlist = [\"Authorization\"]\n"
    );
    assert_eq!(loaded(&text).agents[0].header_allowlist, ["Authorization"]);
}

#[test]
fn a_discovery_url_follows_the_pattern_of_the_service() {
    let with = |url: &str| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\nauthorizer = {{ discovery-url = \"{url}\", allowed-clients = [\"c\"] }}\n"
        )
    };
    for url in [
        "https://i.example/.well-known/openid-configuration",
        "https://i.example/tenant/.well-known/openid-configuration",
        "https://i.example/.well-known/oauth-authorization-server",
        "https://i.example/.well-known/oauth-authorization-server/tenant/a",
    ] {
        assert_eq!(loaded(&with(url)).warnings, [], "{url}");
    }
    for url in [
        "http://i.example/.well-known/openid-configuration",
        "https:///.well-known/openid-configuration",
        "https://i.example/.well-known/openid-configuration/",
        "https://i.example/.well-known/openid-configurations",
        "https://i.example/.well-known/openid-configuration?a=b",
        "https://i.example/openid-configuration",
    ] {
        let found = problems(&with(url));
        assert!(found[0].0.contains("invalid discovery URL"), "{found:?}");
    }
}

#[test]
fn an_authorizer_that_accepts_every_token_is_a_warning() {
    let text = "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a.authorizer]\ndiscovery-url = \"https://i.example/.well-known/openid-configuration\"\n";
    let warnings = loaded(text).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].what.contains("accepts every token"),
        "{warnings:?}"
    );
    for limit in ["audience", "clients", "scopes"] {
        let limited = format!("{text}allowed-{limit} = [\"x\"]\n");
        assert_eq!(loaded(&limited).warnings, []);
    }
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
fn agents_that_would_meet_are_refused_ignoring_case() {
    let found = problems(
        "[workspace.metadata.agentcore]\nproject = \"x\"\n\
         [workspace.metadata.agentcore.agents.a]\n[workspace.metadata.agentcore.agents.A]\ndeployment = \"d\"\n\
         [workspace.metadata.agentcore.agents.b]\n",
    );
    let whats: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "the agents `A` and `a` are both called `a`",
            "the agents `a` and `b` share the deployment folder `/real/fake/deployment`"
        ]
    );
}

#[test]
fn an_agent_whose_name_is_that_of_another_at_a_stage_is_refused() {
    let found = problems(
        "[workspace.metadata.agentcore]\nproject = \"x\"\n\
         [workspace.metadata.agentcore.stages.prod]\n\
         [workspace.metadata.agentcore.agents.a]\n\
         [workspace.metadata.agentcore.agents.A_Prod]\ndeployment = \"d\"\n",
    );
    let whats: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "the agent `a` at the stage `prod` and the agent `A_Prod` have the same runtime name, `a_prod`"
        ]
    );
}

#[test]
fn agents_that_would_meet_are_told_beside_what_cannot_be_read() {
    let whats = |text: &str| -> Vec<String> {
        let text = format!("[workspace.metadata.agentcore]\n{text}");
        problems(&text).into_iter().map(|(what, _)| what).collect()
    };
    let agents = "[workspace.metadata.agentcore.agents.";
    let env = "invalid variable name ``: expected 1 to 100 characters without `=`";
    assert_eq!(
        whats(&format!(
            "project = \"x\"\nenv = {{ \"\" = \"y\" }}\n{agents}a]\n{agents}A]\ndeployment = \"d\"\n"
        )),
        [env, "the agents `A` and `a` are both called `a`"]
    );
    let excludes = "`arn` in `[workspace.metadata.agentcore.role]` excludes `name`, `path` and `permissions-boundary`";
    let folder = "the agents `a` and `b` share the deployment folder `/real/fake/deployment`";
    let role = "role = { arn = \"arn:aws:iam::123456789012:role/x\", name = \"x\" }";
    assert_eq!(
        whats(&format!(
            "project = \"x\"\n{role}\n{agents}a]\n{agents}b]\n"
        )),
        [excludes, folder]
    );
    let nowhere = "the agent `a` belongs to no project";
    assert_eq!(whats(&format!("{role}\n{agents}a]\n")), [excludes, nowhere]);
}

/// An invalid folder or project does not count as missing.
#[test]
fn what_cannot_be_read_is_told_once() {
    for (project, one, other) in [
        (
            "project = \"X!\"",
            "deployment = \"a\"",
            "deployment = \"b\"",
        ),
        ("projct = \"x\"", "deployment = \"a\"", "deployment = \"b\""),
        ("project = \"x\"", "", "deployment = 1"),
        ("project = \"x\"", "", "deploymnet = \"b\""),
        ("project = \"x\"", "", "deployment = \"../b\""),
    ] {
        let found = problems(&format!(
            "[workspace.metadata.agentcore]\n{project}\n\
             [workspace.metadata.agentcore.agents.a]\n{one}\n\
             [workspace.metadata.agentcore.agents.b]\n{other}\n"
        ));
        assert_eq!(found.len(), 1, "{found:#?}");
    }
}

/// Each would replace the other at every run.
#[test]
fn tags_that_differ_in_case_only_are_refused_where_they_meet() {
    let text = WHOLE.replace("account = \"210987654321\"", "tags = { Team = \"sales\" }");
    assert!(load(&[manifest(&text)], &Stage::None).is_ok());
    let prod = Stage::Named(StageName::parse("prod").unwrap());
    let failure = load(&[manifest(&text)], &prod).unwrap_err();
    assert_eq!(failure.exit, Exit::Config);
    assert_eq!(
        failure.messages[0].what,
        "the tags `Team` and `team` of agent `my_agent` differ only in case, and IAM treats them as one"
    );
    assert!(failure.messages[0].at.is_some(), "the place is said");
}

#[test]
fn a_deployment_folder_is_the_same_however_it_is_written() {
    for other in ["deploy", "Deploy/", "Deploy"] {
        let found = problems(&format!(
            "[workspace.metadata.agentcore]\nproject = \"x\"\n\
             [workspace.metadata.agentcore.agents.a]\ndeployment = \"Deploy\"\n\
             [workspace.metadata.agentcore.agents.b]\ndeployment = \"{other}\"\n"
        ));
        assert_eq!(found.len(), 1, "{other}");
        assert!(
            found[0].0.contains("share the deployment folder"),
            "{}",
            found[0].0
        );
    }
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

#[test]
fn variables_that_replace_the_role_or_hold_a_secret_are_pointed_at_and_not_shown() {
    let secret = ["gh", "p_", "k9Xw2Lq7Vb4Nc5Qz8Rt1Ym6Hd3Js0Fg7Ue4T"].concat();
    let text = |env: &str| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"x\"\n[workspace.metadata.agentcore.agents.a]\nenv = {{ {env} }}\n"
        )
    };
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ] {
        let text = text(&format!("{name} = \"{secret}\""));
        let failure = load(&[manifest(&text)], &Stage::None).unwrap_err();
        let [message] = &failure.messages[..] else {
            panic!("{failure:?}")
        };
        assert!(message.what.contains("would replace the credentials"));
        let at = message.at.as_ref().unwrap();
        assert_eq!(&at.text[at.span.clone()], name);
        assert!(!format!("{message:?}").contains(&secret));
    }
    let config = loaded(&text(&format!("A = \"é\", TOKEN = \"{secret}\"")));
    let [warning] = &config.warnings[..] else {
        panic!("{:?}", config.warnings)
    };
    assert_eq!(
        warning.what,
        "the value of `TOKEN` in `env` looks like a GitHub token"
    );
    let at = warning.at.as_ref().unwrap();
    assert_eq!(&at.text[at.span.clone()], "TOKEN");
    assert!(!format!("{warning:?}").contains(&secret));
    assert_eq!(config.agents[0].env["TOKEN"], secret);
}

#[test]
fn variables_are_measured_together() {
    let text = |length: usize| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"x\"\nenv = {{ A = \"{}\" }}\n[workspace.metadata.agentcore.agents.a]\nenv = {{ B = \"{}\" }}\n",
            "x".repeat(length),
            "y".repeat(length)
        )
    };
    assert_eq!(loaded(&text(767)).warnings, []);
    for length in [768, 2047] {
        let warnings = loaded(&text(length)).warnings;
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0]
                .what
                .ends_with("the service accepts 1536 on platform version V2")
        );
        assert!(warnings[0].at.is_some());
    }
    let found = problems(&text(2048));
    let what = "the environment variables of agent `a` take 4098 bytes in all, but the service accepts 4096";
    assert_eq!(found, [(what.to_owned(), "a".to_owned())]);
}

/// Returns the problems of an agent with this permission, each with the marked text.
fn problems_of_permission(permission: &str) -> Vec<(String, String)> {
    let text = format!(
        "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\npermissions = [{permission}]\n"
    );
    let Err(failure) = load(&[manifest(&text)], &Stage::None) else {
        return Vec::new();
    };
    failure
        .messages
        .into_iter()
        .map(|message| {
            let at = message.at.unwrap();
            (message.what, at.text[at.span].to_owned())
        })
        .collect()
}

#[test]
fn each_problem_of_an_allowed_action_points_at_its_own_characters() {
    let cluster = "arn:aws:rds:us-west-2:123456789012:cluster";
    for (permission, wanted) in [
        (
            format!(
                r#"{{ allow = ["rds-data:*", "rds-data"], on = ["{cluster}:*", "*", "cluster"] }}"#
            ),
            vec![
                ("`rds-data:*` allows more than one action", "\"rds-data:*\""),
                ("invalid IAM action `rds-data`", "\"rds-data\""),
                ("covers every resource of a type", "cluster:*\""),
                ("`*` covers every resource", "\"*\""),
                ("invalid ARN `cluster`", "\"cluster\""),
            ],
        ),
        (
            r#"{ allow = [], reasn = "x" }"#.to_owned(),
            vec![
                ("`allow` is empty", "allow"),
                ("`allow` needs `on`", "allow"),
                (
                    "unknown key `reasn` beside `allow`; did you mean `reason`?",
                    "reasn",
                ),
            ],
        ),
        (
            r#"{ allow = "a:B", on = [1], reason = " " }"#.to_owned(),
            vec![
                ("`allow` must be a list of strings", "allow"),
                ("`on` must be a list of strings", "1"),
                ("`reason` must not be empty", "\" \""),
            ],
        ),
        (
            r#"{ allow = ["s3:TagResource"], on = ["arn:aws:s3:*:123456789012:bucket/b"] }"#
                .to_owned(),
            vec![
                ("`s3:TagResource` writes tags", "\"s3:TagResource\""),
                ("covers more than one region", "bucket/b\""),
            ],
        ),
        (
            "\"allow\"".to_owned(),
            vec![("`allow` is only for the table", "\"allow\"")],
        ),
    ] {
        let found = problems_of_permission(&permission);
        assert_eq!(found.len(), wanted.len(), "{permission}: {found:#?}");
        for ((what, at), (said, place)) in found.iter().zip(wanted) {
            assert!(what.contains(said), "{said}: {what}");
            assert!(at.ends_with(place), "{said}: {at}");
        }
    }
}

#[test]
fn a_reason_lets_an_action_reach_further_but_never_be_a_pattern() {
    let broad = |action: &str, reason: &str| {
        problems_of_permission(&format!(
            r#"{{ allow = ["{action}"], on = ["*"]{reason} }}"#
        ))
    };
    let because = ", reason = \"nightly report\"";
    for action in [
        "textract:DetectDocumentText",
        "iam:GetUser",
        "ec2:CreateTags",
        "cloudwatch:PutMetricData",
    ] {
        assert_eq!(broad(action, because), [], "{action}");
        assert!(!broad(action, "").is_empty(), "{action}");
    }
    for action in ["*", "iam:*", "s3:Get*", "s3:GetObjec?"] {
        assert!(!broad(action, because).is_empty(), "{action}");
    }
}

#[test]
fn managed_policies_are_names_and_arns_and_each_counts_once() {
    let of = |list: &str| {
        format!(
            "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\nmanaged-policies = [{list}]\n"
        )
    };
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let config = loaded(&of(&format!("\"Reports\", \"{arn}\", \"Reports\"")));
    let RoleSettings::Managed { policies, .. } = &config.agents[0].role else {
        panic!("managed")
    };
    let wanted = [
        ManagedPolicy::Name("Reports".into()),
        ManagedPolicy::Arn(arn.into()),
    ];
    assert_eq!(*policies, wanted.into());
    for wrong in [
        "a b",
        "arn:aws:iam::aws:policy/",
        "arn:aws:iam::aws:role/x",
        "*",
        "",
    ] {
        assert_eq!(problems(&of(&format!("\"{wrong}\""))).len(), 1, "{wrong}");
    }
    let many: Vec<String> = (0..21).map(|n| format!("\"P{n}\"")).collect();
    assert_eq!(problems(&of(&many.join(", "))).len(), 1);
}

#[test]
fn what_answers_for_models_here_is_read_from_the_project_and_a_packages_own_wins() {
    let workspace = "[workspace.metadata.agentcore]\nproject = \"p\"\nprofile = \"dev\"\n\
                     [workspace.metadata.agentcore.local]\nmodels = \"aws\"\n\
                     [workspace.metadata.agentcore.agents.a]\nsource = \"a\"\nprofile = \"other\"\n";
    let package = "[package.metadata.agentcore.local]\nmodels = \"http://127.0.0.1:1\"\n\
                   [package.metadata.agentcore.agents.b]\nsource = \"b\"\n";
    let package = Manifest::new("/real/fake/b/Cargo.toml", package);
    let config = load(&[manifest(workspace), package], &Stage::Local).unwrap();
    let [a, b] = &config.agents[..] else {
        panic!("two agents")
    };
    assert_eq!(a.local.models, LocalModels::Aws);
    assert_eq!(b.local.models.to_string(), "http://127.0.0.1:1/v1");
    // An agent's own profile is for its runtime; the models belong to the project.
    assert_eq!(a.local.profile.as_deref(), Some("dev"));
    assert_eq!(loaded(WHOLE).agents[0].local.models, LocalModels::Emulator);
}

#[test]
fn a_mistake_in_the_local_table_points_at_its_place() {
    let text = "[workspace.metadata.agentcore]\nproject = \"p\"\n\
                [workspace.metadata.agentcore.local]\nmodel = \"aws\"\n\
                [workspace.metadata.agentcore.agents.a]\n";
    let found = problems(text);
    assert_eq!(
        found,
        [(
            "unknown key `model` in `[workspace.metadata.agentcore.local]`".to_owned(),
            "model".to_owned()
        )]
    );
    let found = problems(&text.replace("model = \"aws\"", "models = 1"));
    assert!(found[0].0.ends_with("must be a string"), "{found:?}");
}
