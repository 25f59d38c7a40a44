use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    config::{Part, PartAgent, ResourceKind, ServiceRole},
    names::{
        AgentName, ProjectId, ResourceName, RuntimeName, StageName,
        ours::{RESOURCE, STAGE},
    },
};

fn memory(settings: Value) -> Resource {
    let Value::Object(settings) = settings else {
        panic!("settings are an object")
    };
    Resource {
        kind: ResourceKind::Memory,
        name: ResourceName::parse("notes").unwrap(),
        service_name: "notes".to_owned(),
        project: ProjectId::parse("p-7k2qpx").unwrap(),
        stage: None,
        settings,
        parts: BTreeMap::new(),
        role: ServiceRole::None,
        tags: BTreeMap::from([("team".to_owned(), "research".to_owned())]),
        retain: false,
    }
}

fn there(document: Value, tags: Tags) -> ObservedResource {
    let Value::Object(document) = document else {
        panic!("a document is an object")
    };
    ObservedResource {
        id: "notes-AbCdEf1234".into(),
        arn: "arn:aws:bedrock-agentcore:us-west-2:123456789012:memory/notes-AbCdEf1234".into(),
        status: "ACTIVE".into(),
        failure: None,
        document,
        parts: BTreeMap::new(),
        tags,
    }
}

const PROVEN: (Untagged, Adopt) = (Untagged::ProvesNothing, Adopt::No);

/// What the service does with a step, as its documentation says.
fn carry_out(there: Option<ObservedResource>, step: &DeclaredStep) -> ObservedResource {
    match step {
        DeclaredStep::Create { body, .. } => {
            let mut document = body.clone();
            let tags: BTreeMap<String, String> =
                serde_json::from_value(document.remove("tags").unwrap()).unwrap();
            let added = document.remove("memoryStrategies").unwrap_or_default();
            document.insert("strategies".into(), added_to(Vec::new(), &added).into());
            self::there(document.into(), Tags::Known(tags))
        }
        DeclaredStep::Update { body, .. } if body.contains_key("protocolType") => {
            let mut there = there.unwrap();
            there.document = body.clone();
            there
        }
        DeclaredStep::CreatePart { body, subject, .. }
        | DeclaredStep::UpdatePart { body, subject, .. } => {
            let mut there = there.unwrap();
            let part = ObservedPart {
                id: format!("{}0000", subject.name),
                document: body.clone(),
            };
            let known = there.parts.insert(subject.name.clone(), part);
            assert_eq!(
                known.is_some(),
                matches!(step, DeclaredStep::UpdatePart { .. })
            );
            there
        }
        DeclaredStep::DeletePart { subject, .. } => {
            let mut there = there.unwrap();
            assert!(there.parts.remove(&subject.name).is_some());
            there
        }
        DeclaredStep::Update { body, .. } => {
            let mut there = there.unwrap();
            for (member, value) in body {
                if member != "memoryStrategies" {
                    there.document.insert(member.clone(), value.clone());
                    continue;
                }
                let mut left: Vec<Value> =
                    serde_json::from_value(there.document["strategies"].clone()).unwrap();
                for gone in value["deleteMemoryStrategies"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    left.retain(|one| one["strategyId"] != gone["memoryStrategyId"]);
                }
                for change in value["modifyMemoryStrategies"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    let same = |one: &&mut Value| one["strategyId"] == change["memoryStrategyId"];
                    let one = left.iter_mut().find(same).unwrap();
                    for (member, value) in change.as_object().unwrap() {
                        if member != "memoryStrategyId" {
                            one[member] = value.clone();
                        }
                    }
                }
                let all = added_to(left, &value["addMemoryStrategies"]);
                there.document.insert("strategies".into(), all.into());
            }
            there
        }
        DeclaredStep::Tag { tags, .. } => {
            let mut there = there.unwrap();
            if let Tags::Known(known) = &mut there.tags {
                known.extend(tags.clone());
            }
            there
        }
        DeclaredStep::Untag { keys, .. } => {
            let mut there = there.unwrap();
            if let Tags::Known(known) = &mut there.tags {
                known.retain(|key, _| !keys.contains(key));
            }
            there
        }
    }
}

/// What the service does with a deletion.
fn delete(there: Option<ObservedResource>, step: &DeletionStep) -> Option<ObservedResource> {
    let mut there = there.unwrap();
    match step {
        DeletionStep::DeletePart { subject, .. } => {
            assert!(there.parts.remove(&subject.name).is_some());
            Some(there)
        }
        DeletionStep::Delete { .. } => {
            assert!(there.parts.is_empty(), "parts go first");
            None
        }
    }
}

fn added_to(mut strategies: Vec<Value>, added: &Value) -> Vec<Value> {
    for one in added.as_array().into_iter().flatten() {
        let (member, one) = one.as_object().unwrap().iter().next().unwrap();
        let kind = match member.as_str() {
            "semanticMemoryStrategy" => "SEMANTIC",
            "summaryMemoryStrategy" => "SUMMARIZATION",
            "userPreferenceMemoryStrategy" => "USER_PREFERENCE",
            "episodicMemoryStrategy" => "EPISODIC",
            _ => "CUSTOM",
        };
        let mut one = one.clone();
        one["type"] = kind.into();
        one["strategyId"] =
            format!("{}-{:010}", one["name"].as_str().unwrap(), strategies.len()).into();
        strategies.push(one);
    }
    strategies
}

fn strategy() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "semanticMemoryStrategy",
        "summaryMemoryStrategy",
        "userPreferenceMemoryStrategy",
        "customMemoryStrategy",
    ]);
    let namespaces = prop::option::of(prop::sample::select(vec!["/a", "/b/{actorId}"]));
    (kind, prop::option::of("[a-z]{1,3}"), namespaces).prop_map(|(kind, text, namespace)| {
        let mut strategy = json!({ "name": kind[..4].to_owned() });
        if let Some(text) = text {
            strategy["description"] = text.into();
        }
        if let Some(namespace) = namespace {
            strategy["namespaceTemplates"] = json!([namespace]);
        }
        if kind == "customMemoryStrategy" {
            strategy["configuration"] = json!({ "semanticOverride": {} });
        }
        json!({ kind: strategy })
    })
}

fn settings() -> impl Strategy<Value = Value> {
    let strategies = prop::collection::vec(strategy(), 0..4).prop_map(|mut all| {
        let name = |one: &Value| one.as_object().unwrap().keys().next().unwrap().clone();
        all.sort_by_key(&name);
        all.dedup_by_key(|one| name(one));
        all
    });
    (3..366_u32, prop::option::of("[a-z]{1,3}"), strategies).prop_map(
        |(expiry, description, strategies)| {
            let mut settings = json!({ "eventExpiryDuration": expiry });
            if let Some(description) = description {
                settings["description"] = description.into();
            }
            if !strategies.is_empty() {
                settings["memoryStrategies"] = strategies.into();
            }
            settings
        },
    )
}

proptest! {
    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(all in prop::collection::vec(settings(), 1..4)) {
        let mut state = None;
        for settings in all {
            let resource = memory(settings);
            for step in plan(&resource, state.as_ref(), PROVEN).unwrap() {
                state = Some(carry_out(state, &step));
            }
            prop_assert_eq!(plan(&resource, state.as_ref(), PROVEN).unwrap(), []);
        }
        let resource = memory(json!({}));
        let steps = deletion(&resource, &state.clone().unwrap(), PROVEN.0).steps;
        let left = steps.iter().fold(state, delete);
        prop_assert_eq!(left, None);
    }

    #[test]
    fn a_gateway_with_its_targets_is_carried_out_as_planned(
        all in prop::collection::vec(gateway_settings(), 1..5),
    ) {
        let mut state = None;
        for (settings, targets) in all {
            let resource = gateway(settings, targets);
            let steps = plan(&resource, state.as_ref(), PROVEN).unwrap();
            state = steps.iter().fold(state, |there, step| Some(carry_out(there, step)));
            let there = state.as_ref().unwrap();
            prop_assert!(there.parts.keys().eq(resource.parts.keys()));
            prop_assert_eq!(plan(&resource, state.as_ref(), PROVEN).unwrap(), []);
        }
        let resource = gateway(json!({}), BTreeMap::new());
        let steps = deletion(&resource, &state.clone().unwrap(), PROVEN.0).steps;
        let left = steps.iter().fold(state, delete);
        prop_assert_eq!(left, None);
    }
}

fn gateway(settings: Value, targets: BTreeMap<String, Value>) -> Resource {
    let Value::Object(settings) = settings else {
        panic!("settings are an object")
    };
    let part = |value: Value| {
        let Value::Object(settings) = value else {
            panic!("settings are an object")
        };
        Part {
            settings,
            file: None,
            agent: None,
        }
    };
    Resource {
        kind: ResourceKind::Gateway,
        name: ResourceName::parse("tools").unwrap(),
        service_name: "tools".to_owned(),
        role: ServiceRole::Own(Vec::new()),
        parts: targets
            .into_iter()
            .map(|(name, value)| (name, part(value)))
            .collect(),
        settings,
        ..memory(json!({}))
    }
}

fn gateway_settings() -> impl Strategy<Value = (Value, BTreeMap<String, Value>)> {
    let text = || prop::option::of("[a-z]{1,3}");
    let target = (text(), "[a-z]{1,2}").prop_map(|(description, host)| {
        let mut target = json!({
            "targetConfiguration": { "mcp": { "mcpServer": { "endpoint": host } } },
        });
        if let Some(text) = description {
            target["description"] = text.into();
        }
        target
    });
    let targets = prop::collection::btree_map("[a-c]", target, 0..4);
    let settings = (text(), text()).prop_map(|(description, instructions)| {
        let mut settings = json!({ "protocolType": "MCP", "authorizerType": "AWS_IAM" });
        if let Some(text) = description {
            settings["description"] = text.into();
        }
        if let Some(text) = instructions {
            settings["protocolConfiguration"] = json!({ "mcp": { "instructions": text } });
        }
        settings
    });
    (settings, targets)
}

#[test]
fn only_our_tags_or_a_store_of_our_own_prove_a_memory() {
    let resource = memory(json!({ "eventExpiryDuration": 90 }));
    let ours = Identity::of_resource(&resource).tags();
    let with = |key: &str, value: &str| {
        let mut tags = ours.clone();
        tags.insert(key.to_owned(), value.to_owned());
        Tags::Known(tags)
    };
    let document = || json!({ "eventExpiryDuration": 90 });
    let claimed = |tags, untagged| claim(&resource, &there(document(), tags), untagged);
    assert_eq!(
        claimed(Tags::Known(ours.clone()), Untagged::ProvesNothing),
        Claim::Ours
    );
    assert_eq!(claimed(Tags::Unknown, Untagged::IsOurs), Claim::Ours);
    for foreign in [
        Tags::Unknown,
        Tags::Known(BTreeMap::new()),
        with(PROJECT, "other-7k2qpx"),
        with(RESOURCE, "memory/other"),
        with(STAGE, "prod"),
    ] {
        assert!(
            matches!(
                claimed(foreign.clone(), Untagged::ProvesNothing),
                Claim::NotOurs(_)
            ),
            "{foreign:?}"
        );
        let failure =
            plan(&resource, Some(&there(document(), foreign.clone())), PROVEN).unwrap_err();
        assert!(
            failure.to_string().contains("not provably this project's"),
            "{failure}"
        );
        let there = there(document(), foreign);
        let kept = deletion(&resource, &there, Untagged::ProvesNothing);
        assert_eq!(kept.steps, []);
    }
    let staged = Resource {
        stage: StageName::parse("prod").ok(),
        ..resource.clone()
    };
    let there = there(document(), Tags::Known(ours));
    assert!(matches!(
        claim(&staged, &there, Untagged::ProvesNothing),
        Claim::NotOurs(_)
    ));
}

#[test]
fn adopting_takes_a_memory_without_an_owner_and_clean_keeps_it() {
    let resource = memory(json!({ "eventExpiryDuration": 90 }));
    let adopt = (Untagged::ProvesNothing, Adopt::Yes);
    let mut state = there(
        json!({ "eventExpiryDuration": 90 }),
        Tags::Known(BTreeMap::new()),
    );
    for step in plan(&resource, Some(&state), adopt).unwrap() {
        state = carry_out(Some(state), &step);
    }
    assert_eq!(plan(&resource, Some(&state), PROVEN).unwrap(), []);
    let Deletion { steps, kept } = deletion(&resource, &state, PROVEN.0);
    assert!(steps.is_empty() && kept[0].why.contains("existed"));

    let others = Tags::Known(BTreeMap::from([(
        PROJECT.to_owned(),
        "other-7k2qpx".to_owned(),
    )]));
    let state = there(json!({ "eventExpiryDuration": 90 }), others);
    let failure = plan(&resource, Some(&state), adopt).unwrap_err();
    assert!(!failure.to_string().contains("--adopt"), "{failure}");
}

#[test]
fn a_setting_that_cannot_change_stops_the_run_and_is_named() {
    let resource =
        memory(json!({ "eventExpiryDuration": 90, "encryptionKeyArn": "arn:aws:kms:r:a:key/2" }));
    let document =
        json!({ "eventExpiryDuration": 90, "encryptionKeyArn": "arn:aws:kms:r:a:key/1" });
    let there = there(
        document,
        Tags::Known(Identity::of_resource(&resource).tags()),
    );
    let failure = plan(&resource, Some(&there), PROVEN).unwrap_err();
    let text = format!("{:?}", failure.messages);
    assert!(
        text.contains("kms-key: arn:aws:kms:r:a:key/1 -> arn:aws:kms:r:a:key/2"),
        "{text}"
    );
}

#[test]
fn a_strategy_that_is_no_longer_declared_is_named_as_lost() {
    let resource = memory(json!({ "eventExpiryDuration": 90 }));
    let document = json!({
        "eventExpiryDuration": 90,
        "strategies": [{ "strategyId": "facts-0123456789", "name": "facts", "type": "SEMANTIC" }],
    });
    let there = there(
        document,
        Tags::Known(Identity::of_resource(&resource).tags()),
    );
    let steps = plan(&resource, Some(&there), PROVEN).unwrap();
    let DeclaredStep::Update {
        body,
        loses,
        fields,
        ..
    } = &steps[0]
    else {
        panic!("{steps:?}")
    };
    assert_eq!(
        loses,
        &["the strategy `facts` and the records that it extracted"]
    );
    assert_eq!(
        fields[0].words(crate::resources::change::Reveal::Keys),
        "strategies.facts: semantic -> (not set)"
    );
    let gone = json!({ "deleteMemoryStrategies": [{ "memoryStrategyId": "facts-0123456789" }] });
    assert_eq!(body["memoryStrategies"], gone);
}

#[test]
fn a_setting_that_the_service_does_not_show_is_sent_when_it_changed() {
    let custom = |prompt: &str| {
        memory(json!({
            "eventExpiryDuration": 90,
            "memoryStrategies": [{ "customMemoryStrategy": {
                "name": "mine",
                "configuration": { "semanticOverride": { "prompt": prompt } },
            } }],
        }))
    };
    let mut state = None;
    for step in plan(&custom("a"), None, PROVEN).unwrap() {
        state = Some(carry_out(state, &step));
    }
    let steps = plan(&custom("b"), state.as_ref(), PROVEN).unwrap();
    let DeclaredStep::Update { body, .. } = &steps[0] else {
        panic!("{steps:?}")
    };
    let sent = &body["memoryStrategies"]["modifyMemoryStrategies"][0];
    assert_eq!(sent["configuration"]["semanticOverride"]["prompt"], "b");
    for step in &steps {
        state = Some(carry_out(state, step));
    }
    assert_eq!(plan(&custom("b"), state.as_ref(), PROVEN).unwrap(), []);
}

#[test]
fn a_target_waits_for_the_runtime_of_its_agent_and_follows_it() {
    let target =
        json!({ "targetConfiguration": { "http": { "agentcoreRuntime": { "arn": null } } } });
    let mut resource = gateway(json!({}), BTreeMap::from([("two".to_owned(), target)]));
    let runtime = RuntimeName::parse("two").unwrap();
    resource.parts.get_mut("two").unwrap().agent = Some(PartAgent {
        name: AgentName::parse("two").unwrap(),
        runtime: runtime.clone(),
        span: 0..0,
    });
    let mut state = None;
    let at = |arn: &str| BTreeMap::from([(runtime.clone(), arn.to_owned())]);
    let runtimes = [BTreeMap::new(), at("arn:one"), at("arn:two"), at("arn:two")];
    let expected = [
        &[false, true][..], // The gateway is created, and the target waits.
        &[false],
        &[false],
        &[],
    ];
    for (runtimes, expected) in runtimes.iter().zip(expected) {
        lead_to(&mut resource, runtimes);
        let steps = plan(&resource, state.as_ref(), PROVEN).unwrap();
        let waits = steps.iter().map(DeclaredStep::awaits_a_runtime);
        assert_eq!(waits.collect::<Vec<_>>(), expected, "{steps:?}");
        let ready = steps.iter().filter(|step| !step.awaits_a_runtime());
        state = ready.fold(state, |there, step| Some(carry_out(there, step)));
    }
}
