//! A declared gateway needs its own actions, and no project without one gets them.

use std::collections::BTreeSet;

use super::{actions, agent, document, taken_away::Deployer};
use crate::support::{Fault, Moto, Project, Times};

fn declare(project: &Project, keys: &str) {
    let text = project.read("Cargo.toml");
    let text = text
        .split("\n[workspace.metadata.agentcore.gateways")
        .next()
        .unwrap();
    let permission = "source = \"one\"\npermissions = [{ gateway = \"tools\" }]";
    let text = if text.contains("permissions") {
        text.to_owned()
    } else {
        text.replace("source = \"one\"", permission)
    };
    let table = "[workspace.metadata.agentcore.gateways.tools]";
    project.write(
        "Cargo.toml",
        format!("{}\n\n{table}\n{keys}", text.trim_end()),
    );
}

#[test]
fn each_action_on_a_gateway_is_missed_by_name() {
    let emulator = Moto::start();
    let project = agent();
    let without = actions(&document(&project, emulator.account()));
    let target = |host: &str| {
        format!(
            "description = \"{host}\"\ntargets.docs = {{ mcp-server = \"https://{host}/mcp\" }}\n"
        )
    };
    declare(&project, &target("a.example"));
    let with = actions(&document(&project, emulator.account()));
    let own = |action: &str| format!("bedrock-agentcore:{action}");
    let added: BTreeSet<String> = [
        "CreateGateway",
        "CreateGatewayTarget",
        "DeleteGateway",
        "DeleteGatewayTarget",
        "GetGateway",
        "GetGatewayTarget",
        "ListGateways",
        "ListGatewayTargets",
        "UpdateGateway",
        "UpdateGatewayTarget",
    ]
    .map(own)
    .into();
    assert_eq!(&with - &without, added);

    let mut deployer = Deployer::answered(&project, &emulator);
    // moto leaves what was updated in UPDATING forever.
    for action in ["GetGateway", "GetGatewayTarget"] {
        let fault = Fault::Reworded("UPDATING", "READY");
        deployer.proxy.fault(&own(action), Times::Always, fault);
    }
    let named = |actions: &[&str]| -> Vec<String> { actions.iter().copied().map(own).collect() };
    let mut misses = |words: &[&str], actions: &[&str]| {
        let actions = named(actions);
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        deployer.misses(words, &actions);
    };
    misses(
        &["prepare"],
        &["ListGateways", "CreateGateway", "CreateGatewayTarget"],
    );
    declare(&project, &target("b.example"));
    misses(
        &["prepare"],
        &[
            "GetGateway",
            "ListGatewayTargets",
            "GetGatewayTarget",
            "UpdateGateway",
            "UpdateGatewayTarget",
        ],
    );
    misses(&["status"], &["ListGateways"]);
    misses(
        &["clean", "--yes"],
        &["DeleteGatewayTarget", "DeleteGateway"],
    );
}
