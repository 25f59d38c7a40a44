//! Agents that are no longer in Cargo.toml and have nothing in the project's bucket.

use super::{
    clean, deployed, prepare,
    support::{Cli, Ministack, Project, listing},
};

#[test]
fn an_agent_that_was_only_prepared_and_then_renamed_is_named_and_the_copy_is_the_new_ones() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("p6");
    let before = listing(&emulator);
    let files = project.tree();
    let prepare = || Cli::new(&project).on(&emulator).arg("prepare").run();
    prepare().succeeds();
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        manifest.replace("agents.p6", "agents.renamed"),
    );

    let kept = format!(
        "Keeping agent `p6`: it is no longer in Cargo.toml; `cargo agentcore clean --endpoint-url {} --agent p6` deletes what is left of it",
        emulator.url()
    );
    // The copy is named after the package, which belongs to the renamed agent.
    let copied = project.path().join("deployment").join("p6");
    let removed = format!("Removing the copied sources `{}`", copied.display());
    let first = clean(&project, &emulator).run().succeeds();
    assert!(first.stderr.contains(&kept), "{}", first.stderr);
    assert!(first.stderr.contains(&removed), "{}", first.stderr);
    let again = clean(&project, &emulator).run().succeeds();
    assert!(again.stderr.contains(&kept), "{}", again.stderr);
    assert!(!again.stderr.contains("Removing"), "{}", again.stderr);

    let asked = clean(&project, &emulator)
        .args(["--agent", "p6"])
        .run()
        .succeeds();
    let said = "Deleting role `AgentCoreRole-p6`";
    assert!(asked.stderr.contains(said), "{}", asked.stderr);
    assert_eq!(listing(&emulator), before);
    project.write("Cargo.toml", &manifest);
    assert_eq!(project.tree(), files);
}

#[test]
fn the_copy_of_an_agent_that_was_taken_out_of_the_manifest_goes_with_it() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("p6");
    prepare(&project, &emulator);
    let manifest = project.read("Cargo.toml");
    let other = manifest
        .replace("agents.p6", "agents.other")
        .replace("source = \"p6\"", "source = \"other\"");
    project.write("Cargo.toml", other);
    let asked = clean(&project, &emulator)
        .args(["--agent", "p6"])
        .run()
        .succeeds();
    let copied = project.path().join("deployment").join("p6");
    let said = format!("the copied sources `{}`", copied.display());
    assert!(asked.stderr.contains(&said), "{}", asked.stderr);
    assert!(!copied.exists());
}

/// Removes the last agent from Cargo.toml.
fn undeclare(project: &Project) {
    let manifest = project.read("Cargo.toml");
    let (rest, _) = manifest
        .split_once("[workspace.metadata.agentcore.agents.")
        .unwrap();
    project.write("Cargo.toml", rest);
}

#[test]
fn when_the_last_agent_is_taken_out_of_the_manifest_clean_names_it_and_its_stages() {
    let emulator = Ministack::start();
    let project = deployed::project(&["one"]);
    let before = listing(&emulator);
    deployed::run(&project, &emulator, &["prepare"]).succeeds();
    for stage in [&[][..], &["--stage", "prod"]] {
        let words = [&["deploy"], stage].concat();
        deployed::run(&project, &emulator, &words).succeeds();
    }
    undeclare(&project);
    let named = clean(&project, &emulator).run().exits(3);
    let led = format!("cargo agentcore clean --endpoint-url {}", emulator.url());
    for command in ["--agent one", "--agent one --stage prod"] {
        let said = format!(
            "help: agent `one`: it is no longer in Cargo.toml; `{led} {command}` deletes what is left of it"
        );
        deployed::says(&named, &said);
    }
    // As in a fresh clone with its copied sources.
    let built = project.path().join("target/agentcore");
    let aside = project.path().join("aside");
    std::fs::rename(&built, &aside).unwrap();
    let recorded = clean(&project, &emulator).run().exits(3);
    deployed::says(&recorded, &format!("`{led} --agent one` deletes what"));
    std::fs::rename(aside, built).unwrap();
    for command in [
        &["--agent", "one"][..],
        &["--agent", "one", "--stage", "prod"],
    ] {
        clean(&project, &emulator).args(command).run().succeeds();
    }
    assert_eq!(listing(&emulator), before);

    let unknown = clean(&project, &emulator).run().exits(3);
    for said in [
        "the metadata declares no agent",
        "add a table `[workspace.metadata.agentcore.agents.<name>]`",
        &format!(
            "`{led} --agent NAME` deletes what is left of an agent that is no longer declared"
        ),
    ] {
        deployed::says(&unknown, said);
    }
    let other = Cli::new(&project)
        .on(&emulator)
        .arg("status")
        .run()
        .exits(3);
    assert!(!other.stderr.contains("clean"), "{}", other.stderr);
}

#[test]
fn an_agent_that_is_deployed_and_was_renamed_is_named_by_status_and_deploy() {
    let emulator = Ministack::start();
    let project = deployed::project(&["one"]);
    let run = |words: &[&str]| deployed::run(&project, &emulator, words).succeeds();
    let quiet = run(&["deploy"]);
    let still = "the agent `one` is still deployed, but it is no longer in Cargo.toml";
    assert!(!quiet.stderr.contains(still), "{}", quiet.stderr);
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", manifest.replace("agents.one", "agents.two"));
    for words in [&["status"][..], &["deploy"]] {
        let outcome = run(words);
        deployed::says(&outcome, still);
        deployed::says(&outcome, "--agent one`");
    }
    clean(&project, &emulator)
        .args(["--agent", "one"])
        .run()
        .succeeds();
    let gone = run(&["status"]);
    assert!(!gone.stderr.contains(still), "{}", gone.stderr);
}
