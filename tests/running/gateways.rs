//! Declared gateways, from the table to the account and back. moto keeps their targets and tags.

use std::fs;

use serde_json::{Value, json};

use super::account;
use crate::support::{
    Cli, Counted, Emulator, Fault, Moment, Moto, Outcome, Project, Proxy, Times, boto3, listing,
    runtimes::{self, project, run, says},
};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:orders";

const GATEWAY: &str = r#"
[workspace.metadata.agentcore.gateways.tools]
description = "The shop's tools"
search = "semantic"
tags = { team = "shop" }

[workspace.metadata.agentcore.gateways.tools.targets]
docs = { mcp-server = "https://docs.example/mcp" }
orders = { lambda = "arn:aws:lambda:us-east-1:123456789012:function:orders", tools = "orders.json" }
weather = { openapi = "weather.yaml", api-key = "weather-key", description = "The forecast" }
"#;

const TOOLS: &str =
    r#"[{ "name": "find", "description": "Finds an order", "inputSchema": { "type": "object" } }]"#;

/// A project whose agent uses the gateway `tools`, which the tables declare.
fn with_gateway(tables: &str) -> Project {
    let project = project();
    project.write("deployment/requirements.txt", "");
    project.write("orders.json", TOOLS);
    project.write("weather.yaml", "openapi: 3.0.0\n");
    declare(&project, tables);
    project
}

fn declare(project: &Project, tables: &str) {
    runtimes::declare(project, "gateways", "{ gateway = \"tools\" }", tables);
}

/// Returns the account's gateways with their targets by name and their tags.
fn gateways(emulator: &Emulator) -> Vec<Value> {
    account::all(emulator, "gateways")
}

fn only(emulator: &Emulator) -> Value {
    account::only(emulator, "gateways")
}

const ROLE: &str = "arn:aws:iam::123456789012:role/AgentCoreGateway-tools";

/// Returns the statements of the role's policy, by their names.
fn statements(emulator: &Emulator, role: &str) -> Value {
    let role = listing(emulator)["roles"][role].clone();
    let statements = role["inline"]["AgentCore-us-east-1"]["Statement"].clone();
    let statements = statements.as_array().unwrap();
    statements
        .iter()
        .map(|one| (one["Sid"].as_str().unwrap().to_owned(), one.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Runs a command that updates; moto leaves what was updated in UPDATING forever.
fn update(project: &Project, emulator: &Emulator, words: &[&str]) -> Outcome {
    let proxy = Proxy::to(emulator);
    for operation in ["GetGateway", "GetGatewayTarget"] {
        let action = format!("bedrock-agentcore:{operation}");
        let fault = Fault::Reworded("UPDATING", "READY");
        proxy.fault(&action, Times::Always, fault);
    }
    Cli::new(project).at(&proxy.url()).args(words).run()
}

fn has_the_declared_targets(targets: &Value) {
    let configuration = |name: &str| &targets[name]["targetConfiguration"]["mcp"];
    assert_eq!(
        configuration("docs")["mcpServer"]["endpoint"],
        "https://docs.example/mcp"
    );
    let tools: Value = serde_json::from_str(TOOLS).unwrap();
    assert_eq!(configuration("orders")["lambda"]["lambdaArn"], FUNCTION);
    assert_eq!(
        configuration("orders")["lambda"]["toolSchema"]["inlinePayload"],
        tools
    );
    assert_eq!(
        configuration("weather")["openApiSchema"]["inlinePayload"],
        "openapi: 3.0.0\n"
    );
    let provider = "arn:aws:bedrock-agentcore:us-east-1:123456789012:token-vault/default/apikeycredentialprovider/weather-key";
    assert_eq!(
        targets["weather"]["credentialProviderConfigurations"][0]["credentialProvider"]["apiKeyCredentialProvider"]
            ["providerArn"],
        provider
    );
}

/// The gateway's role may do what its targets need, and the agent may call this gateway.
fn is_permitted(emulator: &Emulator, gateway: &Value) {
    let own = statements(emulator, ROLE);
    assert_eq!(own["LambdaOrders"]["Resource"], FUNCTION);
    assert_eq!(own["LambdaOrders"]["Action"], "lambda:InvokeFunction");
    assert!(own.get("ApiKeyWeatherKey").is_some(), "{own}");
    let agents = listing(emulator)["roles"].clone();
    let agent = agents
        .as_object()
        .unwrap()
        .keys()
        .find(|arn| *arn != ROLE)
        .unwrap();
    let granted = statements(emulator, agent);
    let id = gateway["gatewayId"].as_str().unwrap();
    let arn = format!("arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/{id}");
    let invoke = granted
        .as_object()
        .unwrap()
        .values()
        .find(|one| one["Action"] == "bedrock-agentcore:InvokeGateway")
        .unwrap();
    assert_eq!(invoke["Resource"], arn);
}

#[test]
fn a_gateway_is_created_with_its_role_and_targets_changed_shown_and_deleted() {
    let emulator = Moto::start();
    let project = with_gateway(GATEWAY);
    let empty = listing(&emulator);
    let planned = run(&project, &emulator, &["prepare", "--dry-run"]).succeeds();
    says(
        &planned,
        &[
            "Would create role `AgentCoreGateway-tools`",
            "Would create gateway `tools`",
            "search: (not set) -> SEMANTIC",
            "mcp-server: (not set) -> https://docs.example/mcp",
            "openapi: (not set) -> ",
            "(15 bytes)",
            "Would create target `orders` of `tools`",
            "Would create target `weather` of `tools`",
            "description: (not set) -> The forecast",
        ],
    );
    assert_eq!(
        (gateways(&emulator).len(), listing(&emulator)),
        (0, empty.clone())
    );

    run(&project, &emulator, &["prepare"]).succeeds();
    let gateway = only(&emulator);
    assert_eq!(gateway["name"], "tools");
    assert_eq!(gateway["roleArn"], ROLE);
    assert_eq!(gateway["authorizerType"], "AWS_IAM");
    assert_eq!(
        gateway["protocolConfiguration"]["mcp"]["searchType"],
        "SEMANTIC"
    );
    for (key, value) in [
        ("cargo-agentcore:managed", "true"),
        ("cargo-agentcore:resource", "gateway/tools"),
        ("cargo-agentcore:stage", "-"),
        ("team", "shop"),
    ] {
        assert_eq!(gateway["tags"][key], value, "{}", gateway["tags"]);
    }
    has_the_declared_targets(&gateway["targets"]);
    is_permitted(&emulator, &gateway);
    run(&project, &emulator, &["prepare", "--check"]).succeeds();

    let changed = GATEWAY
        .replace("docs.example", "help.example")
        .replace("The shop's tools", "All tools");
    declare(&project, &changed);
    project.write("orders.json", TOOLS.replace("Finds", "Looks up"));
    let status = run(&project, &emulator, &["status"]).succeeds();
    says(
        &status,
        &[
            "gateway tools",
            "target       orders (READY)",
            "description: The shop's tools -> All tools",
            "https://docs.example/mcp -> https://help.example/mcp",
        ],
    );
    let made = update(&project, &emulator, &["prepare"]).succeeds();
    says(
        &made,
        &[
            "Updating gateway `tools`",
            "Updating target `docs` of `tools`",
            "Updating target `orders` of `tools`",
        ],
    );
    assert!(!made.stderr.contains("`weather`"), "{}", made.stderr);
    let gateway = only(&emulator);
    assert_eq!(gateway["description"], "All tools");
    let tools = &gateway["targets"]["orders"]["targetConfiguration"]["mcp"]["lambda"]["toolSchema"];
    assert_eq!(
        tools["inlinePayload"][0]["description"],
        "Looks up an order"
    );
    update(&project, &emulator, &["prepare", "--check"]).succeeds();

    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert_eq!(gateways(&emulator), Vec::<Value>::new());
    assert_eq!(listing(&emulator)["roles"], empty["roles"]);
    run(&project, &emulator, &["clean", "--check", "--yes"]).succeeds();
}

#[test]
fn a_target_is_deleted_only_with_consent_and_permissions_follow() {
    let emulator = Moto::start();
    let project = with_gateway(GATEWAY);
    run(&project, &emulator, &["prepare"]).succeeds();
    let lines = GATEWAY.lines();
    let fewer: Vec<&str> = lines.filter(|line| !line.starts_with("orders")).collect();
    let fewer = fewer.join("\n");
    declare(&project, &fewer);
    let refused = run(&project, &emulator, &["prepare"]).exits(2);
    says(&refused, &["This deletes the target `orders`.", "--yes"]);
    assert!(only(&emulator)["targets"].get("orders").is_some());
    run(&project, &emulator, &["prepare", "--yes"]).succeeds();
    assert!(only(&emulator)["targets"].get("orders").is_none());
    let own = statements(&emulator, ROLE);
    assert!(own.get("LambdaOrders").is_none(), "{own}");
}

#[test]
fn a_deployed_agent_gets_the_address_and_a_stopped_clean_is_finished() {
    let emulator = Moto::start();
    let project = with_gateway(GATEWAY);
    run(&project, &emulator, &["deploy", "--yes"]).succeeds();
    let script = r#"
control = client("bedrock-agentcore-control")
runtime = control.list_agent_runtimes()["agentRuntimes"][0]["agentRuntimeId"]
print(json.dumps(control.get_agent_runtime(agentRuntimeId=runtime)["environmentVariables"]))
"#;
    let variables: Value = serde_json::from_str(&boto3(&emulator, script)).unwrap();
    let gateway = only(&emulator);
    assert_eq!(variables["GATEWAY_TOOLS_URL"], gateway["gatewayUrl"]);
    // The table is gone, and the role still tells what it allowed.
    let declared = project.read("Cargo.toml");
    declare(&project, "");
    let manifest = project.read("Cargo.toml");
    let permission = "permissions = [{ gateway = \"tools\" }]\n";
    project.write("Cargo.toml", manifest.replace(permission, ""));
    let left = format!(
        "gateway `{}` in us-east-1",
        gateway["gatewayId"].as_str().unwrap()
    );
    let why = "this project created it as `gateway/tools`, which is no longer in Cargo.toml";
    let planned = run(&project, &emulator, &["deploy", "--dry-run"]).succeeds();
    says(&planned, &[&format!("note: {left} is kept: {why}")]);
    let planned = run(&project, &emulator, &["clean", "--dry-run"]).succeeds();
    says(&planned, &[&format!("Keeping {left}: {why}")]);
    project.write("Cargo.toml", declared);
    let planned = run(&project, &emulator, &["clean", "--dry-run"]).succeeds();
    assert!(!planned.stderr.contains(why), "{}", planned.stderr);
    // Somebody deleted the gateway, as a run does that is stopped before it deletes the role.
    let id = gateway["gatewayId"].as_str().unwrap();
    boto3(
        &emulator,
        &format!("client('bedrock-agentcore-control').delete_gateway(gatewayIdentifier='{id}')"),
    );
    let cleaned = run(&project, &emulator, &["clean", "--yes"]).succeeds();
    says(&cleaned, &["Deleting role `AgentCoreGateway-tools`"]);
    assert_eq!(listing(&emulator)["roles"], json!({}));
}

/// The agent `one` calls the agent `two` through a gateway.
#[test]
fn a_target_that_is_an_agent_of_the_project_is_written_after_that_agent() {
    let emulator = Moto::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("two");
    for folder in ["deployment", "deployment-two"] {
        project.write(&format!("{folder}/requirements.txt"), "");
    }
    let target =
        "[workspace.metadata.agentcore.gateways.tools.targets]\ntwo = { agent = \"two\" }\n";
    declare(&project, target);
    let run = |words: &[&str]| run(&project, &emulator, words);
    let left = run(&["prepare", "--dry-run"]).succeeds();
    let note = "the target `two` of gateway `tools` is left for `cargo agentcore deploy";
    says(&left, &[note, "Would create gateway `tools`"]);
    assert!(!left.stderr.contains("create target"), "{}", left.stderr);
    let planned = run(&["deploy", "--dry-run"]).succeeds();
    let unknown = "agent: (not set) -> (known after it is created)";
    says(&planned, &["Would create target `two` of `tools`", unknown]);

    let alone = run(&["deploy", "--agent", "one"]).succeeds();
    let why =
        "the target `two` of gateway `tools` was not written, because agent `two` is not deployed";
    says(&alone, &[why, "--workspace` deploys all agents"]);
    assert!(
        !alone.stderr.contains("--agent one --workspace"),
        "{}",
        alone.stderr
    );
    assert_eq!(only(&emulator)["targets"], json!({}));
    let all = run(&["deploy"]).succeeds();
    let (agent, target) = ("Created agent `two`", "Creating target `two` of `tools`");
    says(&all, &[agent, target]);
    assert!(
        all.stderr.find(agent) < all.stderr.find(target),
        "{}",
        all.stderr
    );
    let arn = all.stdout.lines().nth(1).unwrap();
    let there = only(&emulator)["targets"]["two"].clone();
    assert_eq!(
        there["targetConfiguration"]["http"]["agentcoreRuntime"]["arn"],
        arn
    );
    let of_role = statements(&emulator, ROLE).to_string();
    assert!(of_role.contains("runtime/two-*\""), "{of_role}");
    run(&["deploy", "--check"]).succeeds();
    let two = run(&["deploy", "--agent", "two", "--check"]).succeeds();
    let note =
        "the target `two` of gateway `tools` leads to agent `two`, and `cargo agentcore deploy";
    says(&two, &[note]);
    let again = run(&["prepare", "--dry-run"]).succeeds();
    assert!(!again.stderr.contains("tools"), "{}", again.stderr);
    without_permission_to_list_gateways_status_compares_the_rest(&project, &emulator);

    let breaks =
        "the target `two` of gateway `tools` leads to the agent `two`, and calls of it fail";
    let alone = run(&["clean", "--dry-run", "--agent", "two"]).succeeds();
    says(
        &alone,
        &[breaks, "take `targets.two` out of the gateway `tools`"],
    );
    let planned = run(&["clean", "--dry-run"]).succeeds();
    assert!(!planned.stderr.contains(breaks), "{}", planned.stderr);
    let at = |what: &str| planned.stderr.find(what).unwrap();
    assert!(
        at("delete target `two`") < at("delete runtime"),
        "{}",
        planned.stderr
    );
    assert!(
        at("delete runtime") < at("delete gateway"),
        "{}",
        planned.stderr
    );
    run(&["clean", "--yes"]).succeeds();
    assert_eq!(gateways(&emulator), Vec::<Value>::new());
    assert_eq!(listing(&emulator)["roles"], json!({}));
}

/// Of the two agents, only `one` uses a gateway.
fn without_permission_to_list_gateways_status_compares_the_rest(
    project: &Project,
    emulator: &Emulator,
) {
    let proxy = Proxy::to(emulator);
    let action = "bedrock-agentcore:ListGateways";
    proxy.fault(action, Times::Always, Fault::denied());
    let status = Cli::new(project).at(&proxy.url());
    let status = status.args(["status", "--output", "json"]).run().succeeds();
    for part in ["gateways of `one` were", "role of `one` was"] {
        let note = format!("note: the {part} not compared: `{action}` on");
        says(&status, &[&note]);
    }
    let document = status.json();
    let [one, two] = &document["agents"].as_array().unwrap()[..] else {
        panic!("{document}");
    };
    let compared = |agent: &Value| {
        let shown = ["equal", "differences", "not_compared"].map(|key| agent[key].clone());
        Value::from(shown.to_vec())
    };
    assert_eq!(compared(one), json!([null, [], ["gateways", "role"]]));
    assert_eq!(compared(two), json!([true, [], []]));
    let gateway = &document["resources"][0];
    assert!(
        gateway["denied"].as_str().unwrap().contains(action),
        "{gateway}"
    );
    assert_eq!(gateway["changes"], json!([]));
}

#[test]
fn a_gateway_and_a_role_of_others_are_left_alone() {
    let emulator = Moto::start();
    let project = with_gateway(GATEWAY);
    let script = r#"
trust = json.dumps({"Version": "2012-10-17", "Statement": []})
client("iam").create_role(RoleName="AgentCoreGateway-tools", AssumeRolePolicyDocument=trust)
"#;
    boto3(&emulator, script);
    let refused = run(&project, &emulator, &["prepare"]).exits(1);
    says(
        &refused,
        &["a role `AgentCoreGateway-tools` exists already"],
    );
    let before = listing(&emulator)["roles"][ROLE].clone();
    let asked = run(&project, &emulator, &["prepare", "--adopt"]).exits(2);
    says(
        &asked,
        &[
            "tag role `AgentCoreGateway-tools`",
            "cannot ask for confirmation to change the gateway `tools`",
        ],
    );
    assert_eq!(listing(&emulator)["roles"][ROLE], before);
    assert_eq!(gateways(&emulator), Vec::<Value>::new());
    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    let roles = listing(&emulator)["roles"].clone();
    assert!(roles.get(ROLE).is_some(), "{roles}");
}

#[test]
fn mistakes_in_a_gateway_are_reported_with_the_line() {
    let emulator = Moto::start();
    let wrong = r#"
[workspace.metadata.agentcore.gateways.tools]
authorization = "imm"
search = "fuzzy"

[workspace.metadata.agentcore.gateways.tools.targets]
both = { mcp-server = "https://a.example", openapi = "weather.yaml" }
bare = { lambda = "orders" }
plain = { mcp-server = "http://a.example/mcp" }
open = { openapi = "weather.yaml" }
odd = { agent = "a b" }
scoped = { mcp-server = "https://a.example", scopes = ["read"] }
"two--hyphens" = { mcp-server = "https://a.example" }

[workspace.metadata.agentcore.gateways.Tools]
"#;
    let project = with_gateway(wrong);
    let found = run(&project, &emulator, &["prepare", "--dry-run"]).exits(3);
    says(
        &found,
        &[
            "did you mean `iam`?",
            "needs exactly one of `agent`, `lambda`, `mcp-server` and `openapi`",
            "invalid function `orders`",
            "`lambda` and `tools` belong together",
            "invalid agent `a b`: expected the name of an agent of this project, or the ARN of a runtime",
            "invalid MCP server `http://a.example/mcp`",
            "needs `api-key` or `oauth`",
            "only `oauth` has `scopes`",
            "`two--hyphens` cannot name a target",
            "`Tools` cannot name a gateway",
            "Cargo.toml:",
        ],
    );
    let lost =
        "[workspace.metadata.agentcore.gateways.tools.targets]\nlost = { agent = \"onne\" }\n";
    declare(&project, lost);
    let found = run(&project, &emulator, &["prepare", "--dry-run"]).exits(3);
    let why = "the target `lost` leads to the agent `onne`, which this project does not have; did you mean `one`?";
    says(&found, &[why]);
    // The error is where the name is, and there is no other one.
    let manifest = fs::read_to_string(project.path().join("Cargo.toml")).unwrap();
    let line = manifest
        .lines()
        .position(|line| line.starts_with("lost ="))
        .unwrap()
        + 1;
    says(&found, &[&format!("Cargo.toml:{line}:")]);
    assert_eq!(found.stderr.matches("error").count(), 1, "{}", found.stderr);
    assert_eq!(gateways(&emulator), Vec::<Value>::new());
}

#[test]
fn a_gateway_stays_while_an_agent_could_not_be_cleaned() {
    let emulator = Moto::start();
    let project = with_gateway(GATEWAY);
    run(&project, &emulator, &["prepare"]).succeeds();
    let proxy = Proxy::to(&emulator);
    proxy.fault("iam:DeleteRole", Times::Nth(1), Fault::denied());
    let cli = Cli::new(&project).at(&proxy.url());
    cli.args(["clean", "--yes"]).run().exits(4);
    assert_eq!(gateways(&emulator).len(), 1);
    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert_eq!(gateways(&emulator), Vec::<Value>::new());
}

#[test]
fn only_plain_files_below_the_manifest_are_sent_and_only_what_they_should_be() {
    let emulator = Moto::start();
    let project = with_gateway(GATEWAY);
    let refused = |parts: &[&str]| {
        let outcome = run(&project, &emulator, &["prepare", "--dry-run"]).exits(3);
        says(&outcome, parts);
    };
    for outside in ["../orders.json", "/etc/passwd", "a/../../b"] {
        declare(&project, &GATEWAY.replace("orders.json", outside));
        refused(&[&format!("invalid file `{outside}`"), "Cargo.toml:"]);
    }
    declare(&project, &GATEWAY.replace("orders.json", "none.json"));
    refused(&["there is no file `none.json`", "the target `orders`"]);
    declare(&project, GATEWAY);
    for (content, why) in [
        ("{", "is not JSON: "),
        ("{}", "is not a list of tools"),
        ("[]", "is not a list of tools"),
        ("[{ \"name\": \"find\" }]", "a tool without a `description`"),
        (
            &TOOLS.replace("inputSchema", "inputSchem"),
            "a tool without an `inputSchema`",
        ),
        (
            &TOOLS.replace("\"name\"", "\"nam\": 1, \"name\""),
            "an unknown member `nam`, number 1; did you mean `name`?",
        ),
    ] {
        project.write("orders.json", content);
        refused(&["`orders.json`", why, "the target `orders`"]);
    }
    project.write("orders.json", TOOLS);
    project.write("weather.yaml", "hello: [\n");
    refused(&["`weather.yaml` is not an OpenAPI document"]);
    // Split, so that this file does not look like a secret itself.
    let armor = |word: &str| format!("-----{word} OPENSSH PRIVATE KEY-----");
    let lines = [
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
        "QyNTUxOQAAACBq7Kx2o9QdR5fTz1mW8hLpV3cYtN6uJ0sEgBk4vXyZCwAAAJhDk2PfQ5Nj",
        "3wAAAAtzc2gtZWQyNTUxOQAAACBq7Kx2o9QdR5fTz1mW8hLpV3cYtN6uJ0sEgBk4vXyZCw",
    ];
    let (begin, end) = (armor("BEGIN"), armor("END"));
    let key = format!("openapi: 3.0.0\n{begin}\n{}\n{end}\n", lines.join("\n"));
    project.write("weather.yaml", key);
    refused(&["`weather.yaml` looks like a secret and is not sent"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("weather.yaml");
    fs::write(&file, "openapi: 3.0.0\n").unwrap();
    let link = project.path().join("weather.yaml");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    refused(&["weather.yaml", "link", "the target `weather`"]);
    assert_eq!(gateways(&emulator), Vec::<Value>::new());
}

/// Returns the numbers of the requests, from 1, that write the gateway, its parts or its role.
fn writes(actions: &[String], verbs: &[&str]) -> Vec<usize> {
    let is_write = |action: &str| {
        let name = action.rsplit(':').next().unwrap();
        let is_ours = name.contains("Gateway") || name.contains("Role");
        is_ours && verbs.iter().any(|verb| name.starts_with(verb))
    };
    let numbered = (1..).zip(actions);
    let found = numbered.filter(|(_, action)| is_write(action));
    found.map(|(number, _)| number).collect()
}

/// Returns the actions of a run's requests, without what they imply.
fn requests(project: &Project, emulator: &Emulator, words: &[&str]) -> Vec<String> {
    let proxy = Proxy::to(emulator);
    let run = Cli::new(project).at(&proxy.url()).args(words).run();
    run.succeeds();
    proxy.actions()
}

#[test]
fn a_run_that_is_killed_at_a_write_is_finished_by_the_next() {
    let emulator = Moto::start();
    let project = with_gateway(
        "
[workspace.metadata.agentcore.gateways.tools.targets]
docs = { mcp-server = \"https://docs.example/mcp\" }
",
    );
    let empty = listing(&emulator)["roles"].clone();
    let prepare = ["prepare"];
    let clean = ["clean", "--yes"];
    let making = writes(&requests(&project, &emulator, &prepare), &["Create", "Put"]);
    let deleting = writes(&requests(&project, &emulator, &clean), &["Delete"]);
    assert!(
        making.len() >= 6 && deleting.len() >= 6,
        "{making:?} {deleting:?}"
    );
    let killed = |words: &[&str], at: usize| {
        let cli = Cli::new(&project).args(words);
        let killed = Proxy::to(&emulator).kill_at(cli, at, Counted::All, Moment::After);
        assert!(killed.is_ok(), "{words:?} was not killed at {at}");
    };
    for at in making {
        killed(&prepare, at);
        run(&project, &emulator, &prepare).succeeds();
        assert_eq!(only(&emulator)["targets"].as_object().unwrap().len(), 1);
        run(&project, &emulator, &clean).succeeds();
        assert_eq!(listing(&emulator)["roles"], empty);
    }
    for at in deleting {
        run(&project, &emulator, &prepare).succeeds();
        killed(&clean, at);
        run(&project, &emulator, &clean).succeeds();
        assert_eq!(gateways(&emulator), Vec::<Value>::new());
        assert_eq!(listing(&emulator)["roles"], empty);
    }
}

#[test]
fn policy_prints_the_role_of_a_gateway_too() {
    let project = with_gateway(GATEWAY);
    let words = [
        "policy",
        "--only",
        "execution",
        "--output",
        "json",
        "--region",
        "us-east-1",
    ];
    let printed = Cli::new(&project).args(words).run().succeeds();
    let documents = printed.json()["documents"].clone();
    let documents = documents.as_array().unwrap();
    let of_gateway = |one: &&Value| one["role"] == "AgentCoreGateway-tools";
    let own = documents.iter().find(of_gateway).unwrap();
    let text = own["document"].to_string();
    assert!(
        text.contains(FUNCTION) && text.contains("GetResourceApiKey"),
        "{text}"
    );
    assert_eq!(own["asked_by"]["LambdaOrders"], "the gateway's targets");
}
