//! Declared resources as they are in the account. moto keeps their tags.

use serde_json::Value;

use crate::support::{Emulator, boto3};

const SCRIPT: &str = r#"
control = client("bedrock-agentcore-control")

def memories():
    for one in control.list_memories()["memories"]:
        memory = control.get_memory(memoryId=one["id"])["memory"]
        yield memory["arn"], memory

def gateways():
    for one in control.list_gateways()["items"]:
        gateway = control.get_gateway(gatewayIdentifier=one["gatewayId"])
        gateway["targets"] = {}
        for item in control.list_gateway_targets(gatewayIdentifier=one["gatewayId"])["items"]:
            target = control.get_gateway_target(gatewayIdentifier=one["gatewayId"], targetId=item["targetId"])
            gateway["targets"][target["name"]] = target
        yield gateway["gatewayArn"], gateway

found = []
for arn, one in KIND():
    one["tags"] = control.list_tags_for_resource(resourceArn=arn)["tags"]
    found.append(one)
print(json.dumps(found, default=str))
"#;

/// Returns the account's resources of a kind, `memories` or `gateways`, with their tags.
pub(super) fn all(emulator: &Emulator, kind: &str) -> Vec<Value> {
    let printed = boto3(emulator, &SCRIPT.replace("KIND", kind));
    serde_json::from_str(&printed).unwrap()
}

/// Returns the account's only resource of a kind.
#[track_caller]
pub(super) fn only(emulator: &Emulator, kind: &str) -> Value {
    let mut found = all(emulator, kind);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
