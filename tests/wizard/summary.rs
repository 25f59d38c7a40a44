//! Output that is shorter on a terminal than elsewhere.

use crate::support::{Cli, Project, terminal::Terminal};

#[test]
fn policy_prints_a_summary_on_a_terminal_and_documents_elsewhere() {
    let project = Project::new()
        .metadata("region = \"us-west-2\"\naccount = \"123456789012\"")
        .agent("one");
    let policy = |words: &[&str]| Cli::new(&project).arg("policy").args(words);
    let (status, picture) = Terminal::wide(&policy(&[]), 80).leaves();
    let text = picture.join("\n");
    assert!(status.success(), "{text}");
    assert!(
        text.contains("       Trust policy of the execution role: `one` in us-west-2 ("),
        "{text}"
    );
    assert!(
        text.contains("note: `-v` shows the source of each statement"),
        "{text}"
    );
    assert!(!text.contains("2012-10-17"), "{text}");

    let (_, explained) = Terminal::wide(&policy(&["-v"]), 80).ends();
    assert!(explained.contains("metrics (every agent)"), "{explained}");

    let (status, one) = Terminal::wide(&policy(&["--only", "trust"]), 80).leaves();
    assert!(status.success(), "{one:#?}");
    assert!(
        one.join("\n").contains("\"Version\": \"2012-10-17\""),
        "{one:#?}"
    );

    let piped = policy(&[]).run().succeeds();
    assert!(
        piped.stdout.matches("2012-10-17").count() > 3,
        "{}",
        piped.stdout
    );
}
