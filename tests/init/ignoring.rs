//! An existing .gitignore.

use super::{
    init, stage,
    support::{Cli, Project},
};

const ARGS: [&str; 2] = ["--handler", "est.main:answer"];

fn adopt(project: &Project, args: &[&str]) -> String {
    init(project, &[&ARGS, args].concat()).succeeds().stderr
}

fn third(project: &Project, args: &[&str]) -> String {
    Cli::new(project)
        .args(["init", "--source", "../agents/est", "--name", "third"])
        .args(ARGS)
        .args(args)
        .run()
        .succeeds()
        .stderr
}

#[test]
fn the_lines_that_it_lacks_are_printed_and_added_where_that_is_asked_for() {
    // `target` and `.env` are covered in other words, one of them by its own rule.
    let there = "# mine\ntarget\n!.env";
    let project = stage().file(".gitignore", there);
    let before = project.tree();
    let dry = adopt(&project, &["--write", "--dry-run"]);
    let wanted = "Would add `/deployment/est/`, `/deployment/.cargo-agentcore` to `.gitignore`\n";
    assert!(dry.contains(wanted), "{dry}");
    let dry = adopt(&project, &["--dry-run"]);
    let lacks = "note: `.gitignore` is not changed without `--write`; it needs\n/deployment/est/\n/deployment/.cargo-agentcore\n";
    assert!(dry.contains(lacks), "{dry}");
    assert_eq!(project.tree(), before);

    let printed = adopt(&project, &[]);
    assert!(printed.contains(lacks), "{printed}");
    assert!(printed.contains("Keeping `.gitignore`"));
    assert_eq!(project.read(".gitignore"), there);

    let project = stage().file(".gitignore", there);
    let written = adopt(&project, &["--write"]);
    let said = "Adding `/deployment/est/`, `/deployment/.cargo-agentcore` to `.gitignore`\n";
    assert!(written.contains(said), "{written}");
    assert!(!written.contains("Keeping"), "{written}");
    assert_eq!(
        project.read(".gitignore"),
        format!("{there}\n/deployment/est/\n/deployment/.cargo-agentcore\n")
    );
}

#[test]
fn a_second_agent_lacks_only_its_own_folder_and_a_whole_one_lacks_nothing() {
    let project = stage();
    adopt(&project, &[]);
    let ours = project.read(".gitignore");
    let dry = third(&project, &["--dry-run"]);
    let adds = "`/deployment_third/est/`, `/deployment_third/.cargo-agentcore` to `.gitignore`\n";
    assert!(dry.contains(&format!("Would add {adds}")), "{dry}");
    let said = third(&project, &[]);
    assert!(said.contains(&format!("Adding {adds}")), "{said}");
    assert_eq!(
        project.read(".gitignore"),
        format!("{ours}/deployment_third/est/\n/deployment_third/.cargo-agentcore\n")
    );

    let whole = stage().file(".gitignore", "/target\n/deployment/*/\n.*\n");
    let kept = adopt(&whole, &["--write"]);
    assert!(kept.contains("Keeping `.gitignore`"), "{kept}");
    assert!(!kept.contains("lacks"), "{kept}");
    assert_eq!(whole.read(".gitignore"), "/target\n/deployment/*/\n.*\n");
}
