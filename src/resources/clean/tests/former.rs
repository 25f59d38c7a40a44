//! Former agents that are found only on disk.

use super::*;

fn told(desired: &Desired, built: &[&str], recorded: &[&str]) -> Vec<String> {
    let at = desired.identity.stage.as_ref();
    let (built, recorded) = (built.iter().copied(), recorded.iter().copied());
    formers_on_disk(&desired.declared, at, built, recorded)
        .into_iter()
        .map(|kept| {
            assert_eq!(kept.weight, Weight::Fine);
            let command = kept.why.split('`').nth(1).unwrap();
            format!("{}: {command}", kept.what)
        })
        .collect()
}

fn at(stage: Option<&str>) -> Desired {
    Desired {
        identity: Identity {
            stage: stage.map(|stage| StageName::parse(stage).unwrap()),
            ..identity()
        },
        ..desired()
    }
}

#[test]
fn what_cargo_toml_knows_and_what_is_no_agents_is_not_named() {
    let known = ["a", "b", "a_prod", "not-an-agent"];
    assert_eq!(told(&at(None), &known, &known), Vec::<String>::new());
    let local = ["a_local", "b_local"];
    assert_eq!(
        told(&at(Some("local")), &local, &["a"]),
        Vec::<String>::new()
    );
}

#[test]
fn a_former_agent_is_named_with_the_stage_that_its_folder_or_the_run_is_of() {
    let folders = ["old", "old_prod", "old_local"];
    assert_eq!(
        told(&at(None), &folders, &["p6"]),
        [
            "agent `old`: cargo agentcore clean --agent old",
            "agent `old`: cargo agentcore clean --agent old --stage prod",
            "agent `p6`: cargo agentcore clean --agent p6",
        ]
    );
    assert_eq!(
        told(&at(Some("local")), &folders, &["p6"]),
        [
            "agent `old`: cargo agentcore clean --agent old --local",
            "agent `p6`: cargo agentcore clean --agent p6 --local",
        ]
    );
    assert_eq!(
        told(&at(Some("prod")), &[], &["p6"]),
        ["agent `p6`: cargo agentcore clean --agent p6 --stage prod"]
    );
}
