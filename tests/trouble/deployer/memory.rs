//! A declared memory needs its own actions, and no project without one gets them.

use std::collections::BTreeSet;

use super::{
    actions, agent, document,
    taken_away::{Deployer, own},
};
use crate::support::{Moto, Project, runtimes};

fn declare(project: &Project, keys: &str) {
    let table = format!("[workspace.metadata.agentcore.memories.notes]\n{keys}");
    runtimes::declare(project, "memories", "{ memory = \"notes\" }", &table);
}

#[test]
fn each_action_on_a_memory_is_missed_by_name() {
    let emulator = Moto::start();
    let project = agent();
    let without = actions(&document(&project, emulator.account()));
    declare(&project, "");
    let with = actions(&document(&project, emulator.account()));
    let added: BTreeSet<String> = [
        "CreateMemory",
        "DeleteMemory",
        "GetMemory",
        "ListMemories",
        "UpdateMemory",
    ]
    .map(own)
    .into();
    assert_eq!(&with - &without, added);

    let mut deployer = Deployer::answered(&project, &emulator);
    let mut misses = |words: &[&str], actions: &[&str]| deployer.misses_own(words, actions);
    misses(
        &["prepare"],
        &["ListMemories", "TagResource", "CreateMemory"],
    );
    declare(
        &project,
        "description = \"notes\"\ntags = { team = \"x\" }\n",
    );
    misses(
        &["prepare"],
        &[
            "GetMemory",
            "UpdateMemory",
            "TagResource",
            "ListTagsForResource",
        ],
    );
    declare(&project, "description = \"notes\"\n");
    misses(&["prepare"], &["UntagResource"]);
    misses(&["clean", "--yes"], &["DeleteMemory"]);
    let note = "the memories of `one` were not compared";
    deployer.is_warned_of(&["status"], note, &[&own("ListMemories")]);
}
