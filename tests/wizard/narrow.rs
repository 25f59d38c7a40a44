//! The questions on terminals with 40 and 80 columns, and going back.

use super::{
    CTRL_C, ENTER, ESCAPE, manifest,
    support::{Cli, Project, terminal::Terminal},
};
use tempfile::TempDir;

pub const WIDTHS: [u16; 2] = [40, 80];

fn start(root: &TempDir, columns: u16, words: &[&str]) -> Terminal {
    let cli = Cli::in_directory(root.path(), root.path())
        .args(["new", "my-agent", "--vcs", "none"])
        .args(words);
    Terminal::wide(&cli, columns)
}

/// Returns the rows up to the first note below the questions.
fn questions(picture: &[String]) -> Vec<&str> {
    let rows = picture.iter().map(String::as_str);
    rows.take_while(|row| !row.starts_with("note:")).collect()
}

#[test]
fn an_answer_that_cannot_be_keeps_its_error_until_it_is_corrected() {
    for columns in WIDTHS {
        let root = tempfile::tempdir().unwrap();
        let mut terminal = start(&root, columns, &["--template", "strands"]);
        terminal.shows("AWS region:");
        terminal.types("us-wset-2\r");
        terminal.shows_within("error: unknown region");
        let picture = terminal.picture().join(" ");
        let error = "error: unknown region `us-wset-2`; did you mean `us-west-2`?";
        assert!(picture.contains(error), "{picture}");
        terminal.types("\x15oregon\r");
        terminal.shows("AWS region: us-west-2");
        terminal.shows_within("Bedrock model");
        terminal.types("claude sonnet\r");
        terminal.sees("invalid model ID");
        terminal.types("\x15claude-sonnet-4-6\r");
        terminal.shows_within("error: `claude-sonnet-4-6` is not the");
        let picture = terminal.picture().join(" ");
        let error = "is not the ID of a Bedrock model, such as `us.anthropic.claude-sonnet-4-6`";
        assert!(picture.contains(error), "{picture}");
        terminal.types("\x15\r");
        terminal.shows("Further permissions:");
        terminal.types(ENTER);
        let (status, picture) = terminal.leaves();
        assert_eq!(status.code(), Some(0), "{picture:?}");
        let kept = [
            "AWS region: us-west-2",
            "Bedrock model: us.anthropic.claude-sonnet-4-6",
            "Further permissions: none",
        ];
        let kept: Vec<&str> = kept.iter().flat_map(|row| broken(row, columns)).collect();
        assert_eq!(questions(&picture), kept);
    }
}

/// Returns a list's row as it is shown. The last column stays free.
fn cut(row: &str, columns: u16) -> String {
    let width = usize::from(columns) - 1;
    if row.len() <= width {
        return row.to_owned();
    }
    format!("{}…", row[..width - 1].trim_end())
}

/// Returns an answered question's rows, which break at spaces.
fn broken(row: &str, columns: u16) -> Vec<&str> {
    match row.get(..usize::from(columns)) {
        Some(fits) => {
            let (first, rest) = row.split_at(fits.rfind(' ').unwrap());
            vec![first, &rest[1..]]
        }
        None => vec![row],
    }
}

#[test]
fn escape_leads_back_and_the_answer_can_be_corrected() {
    for columns in WIDTHS {
        let root = tempfile::tempdir().unwrap();
        let mut terminal = start(&root, columns, &[]);
        terminal.shows("Template:");
        let keys = "Enter to choose, Esc to cancel";
        assert!(terminal.picture().join(" ").contains(keys));
        terminal.types("cost\r");
        terminal.shows("AWS region:");
        terminal.types("frank\r");
        terminal.shows("AWS region: eu-central-1");
        let keys = "Enter to confirm, Esc to go back";
        terminal.shows(keys);
        terminal.types(ESCAPE);
        // The old answer is marked, and its line is gone.
        terminal.shows("> eu-central-1    Europe (Frankfurt)");
        let above = ["Template: cost-estimator", "AWS region:"];
        assert_eq!(terminal.picture()[..2], above);
        terminal.types("ireland\r");
        terminal.shows("AWS region: eu-west-1");
        terminal.types(ENTER);
        terminal.shows("Further permissions:");
        terminal.types(" ");
        terminal.types("memo\r");
        terminal.types("pric\r");
        terminal.shows(&cut(
            "> [x] code-interpreter      AWS's shared code interpreter",
            columns,
        ));
        terminal.types(ENTER);
        terminal.shows("ID for `memory` (a memory):");
        terminal.types("my_mem-AbCdEf1234\r");
        let (status, picture) = terminal.leaves();
        assert_eq!(status.code(), Some(0), "{picture:?}");
        let kept = [
            "Template: cost-estimator",
            "AWS region: eu-west-1",
            "Bedrock model: eu.anthropic.claude-sonnet-4-6",
            "Further permissions: code-interpreter, memory=ID, pricing",
            "ID for `memory`: my_mem-AbCdEf1234",
        ];
        let kept: Vec<&str> = kept.iter().flat_map(|row| broken(row, columns)).collect();
        assert_eq!(questions(&picture), kept);
        let manifest = manifest(&root);
        for line in [
            "region = \"eu-west-1\"",
            "models = [\"eu.anthropic.claude-sonnet-4-6\"]",
            "permissions = [\"code-interpreter\", \"pricing\", { memory = \"my_mem-AbCdEf1234\" }]",
        ] {
            assert!(manifest.contains(line), "{line} in {manifest}");
        }
    }
}

#[test]
fn a_list_offers_typed_text_only_if_it_is_a_value() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = start(&root, 80, &[]);
    terminal.shows("Template:");
    terminal.types("nope");
    terminal.shows("  (no match)");
    terminal.types(ENTER);
    terminal.shows("error: `nope` is not in the list");
    terminal.types("\x15echo\r");
    terminal.shows("AWS region:");
    terminal.types("narnia");
    terminal.shows("  (no match)");
    terminal.types(ENTER);
    terminal.shows("error: invalid region `narnia`: expected a code such as `us-west-2`");
    terminal.types("\x15xx-new-1");
    terminal.shows("  (not in the list; Enter uses it as typed)");
    terminal.types(ENTER);
    terminal.shows("Further permissions:");
    terminal.types("narnia\r");
    terminal.shows("error: unknown permission `narnia`; `cargo agentcore help permissions` lists");
    terminal.types("\x15ssm=/app/*\r");
    terminal.shows("> [x] ssm=/app/*");
    terminal.types(ENTER);
    let (status, picture) = terminal.leaves();
    assert_eq!(status.code(), Some(0), "{picture:?}");
    let manifest = manifest(&root);
    assert!(
        manifest.contains("permissions = [{ ssm = \"/app/*\" }]"),
        "{manifest}"
    );
}

#[test]
fn escape_at_the_first_question_leaves() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = start(&root, 40, &["--template", "echo"]);
    terminal.shows("AWS region:");
    terminal.types(ESCAPE);
    let (status, picture) = terminal.leaves();
    assert_eq!(status.code(), Some(1), "{picture:?}");
    assert_eq!(picture, ["error: stopped; nothing was written"]);
}

#[test]
fn ctrl_c_takes_the_question_away_and_ends_with_130() {
    for columns in WIDTHS {
        let root = tempfile::tempdir().unwrap();
        let mut terminal = start(&root, columns, &["--template", "echo"]);
        terminal.shows("AWS region:");
        terminal.types("us-");
        terminal.shows("AWS region: us-");
        terminal.types(CTRL_C);
        let (status, picture) = terminal.leaves();
        assert_eq!(status.code(), Some(130), "{picture:?}");
        assert_eq!(picture, ["error: stopped; nothing was written"]);
    }
}

#[test]
fn going_back_in_init_prints_nothing_twice() {
    let code = "import os\nimport boto3\n\n\ndef answer(prompt):\n    boto3.client(\"sqs\").send_message(QueueUrl=os.environ[\"QUEUE\"], MessageBody=prompt)\n    return prompt\n";
    for columns in WIDTHS {
        let project = Project::new();
        project.write("../agents/est/main.py", code);
        let cli = Cli::new(&project).args(["init", "--source", "../agents/est"]);
        let mut terminal = Terminal::wide(&cli, columns);
        terminal.sees("Function that returns its answer");
        terminal.types(ENTER);
        terminal.shows("AWS region:");
        terminal.types("us-east-1\r");
        terminal.sees("Value of the variable `QUEUE`");
        terminal.types("jbos\r");
        terminal.shows_within("Bedrock models that the agent invokes");
        terminal.types(ESCAPE);
        terminal.shows_within("later): jbos");
        // The messages after an answer are removed with it.
        terminal.types("\x15");
        terminal.types(ESCAPE);
        terminal.shows_within("> us-east-1");
        let rows = terminal.picture().join("\n");
        assert!(!rows.contains("Found variable"), "{rows}");
        terminal.types(ENTER);
        terminal.shows_within("Found variable");
        terminal.shows_within("later):");
        terminal.types("jobs\r");
        terminal.sees("Bedrock models");
        terminal.types(ENTER);
        terminal.sees("Permission to send to SQS queue `jobs`");
        terminal.types(ENTER);
        terminal.shows("Further permissions:");
        terminal.types(ENTER);
        let (status, picture) = terminal.leaves();
        assert_eq!(status.code(), Some(0), "{picture:?}");
        let found = picture
            .iter()
            .filter(|row| row.contains("Found variable"))
            .count();
        assert_eq!(found, 1, "{picture:#?}");
        assert!(
            project
                .read("Cargo.toml")
                .contains("env = { QUEUE = \"jobs\" }")
        );
    }
}
