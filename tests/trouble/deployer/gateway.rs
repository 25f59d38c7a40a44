//! A declared gateway needs its own actions, and no project without one gets them.

use std::collections::BTreeSet;

use super::{
    actions, agent, document,
    taken_away::{Deployer, own},
};
use crate::support::{Fault, Moto, Project, Times, runtimes};

fn declare(project: &Project, keys: &str) {
    let table = format!("[workspace.metadata.agentcore.gateways.tools]\n{keys}");
    runtimes::declare(project, "gateways", "{ gateway = \"tools\" }", &table);
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
    let mut misses = |words: &[&str], actions: &[&str]| deployer.misses_own(words, actions);
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
    misses(
        &["clean", "--yes"],
        &["DeleteGatewayTarget", "DeleteGateway"],
    );
    let note = "the gateways of `one` were not compared";
    deployer.is_warned_of(&["status"], note, &[&own("ListGateways")]);
}
