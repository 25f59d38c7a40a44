//! `init` on a terminal.

use std::collections::BTreeMap;

use super::{
    CTRL_C, DOWN, ENTER, HIDE_CURSOR, SHOW_CURSOR,
    support::{Cli, Project, project::collect, terminal::Terminal},
};

const AGENT: &str = "def answer(prompt):\n    return prompt\n\n\ndef other(prompt):\n    return prompt\n\n\nclass Streamer:\n    async def stream(self, prompt):\n        yield prompt\n";

/// The questions in order, and their answers: not the first function.
const QUESTIONS: [(&str, &str); 5] = [
    ("Function that returns its answer", "\x1b[B\r"),
    ("Function that streams its answer", ENTER),
    ("AWS region", "eu-central-1\r"),
    ("Bedrock models", "eu.anthropic.claude-sonnet-4-6\r"),
    ("Further permissions", "pricing\r\r"),
];

/// Writes the agent outside the project's directory.
fn beside(project: Project) -> Project {
    project.write("../agents/est/main.py", AGENT);
    project
}

fn start(project: &Project, words: &[&str]) -> Terminal {
    let cli = Cli::new(project)
        .args(["init", "--source", "../agents/est"])
        .args(words);
    Terminal::run(&cli)
}

fn answer(terminal: &mut Terminal, questions: &[(&str, &str)]) {
    for (question, answer) in questions {
        terminal.sees(question);
        terminal.types(answer);
    }
}

/// Returns all files of the project and the agent.
fn everything(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["agents", "project"] {
        let root = project.root().join(folder);
        collect(&root, &format!("{folder}/"), &mut found);
    }
    found
}

fn ends_well(terminal: Terminal) -> String {
    let (status, screen) = terminal.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    screen
}

#[test]
fn answers_become_the_files() {
    let project = beside(Project::new());
    let mut terminal = start(&project, &[]);
    answer(&mut terminal, &QUESTIONS);
    ends_well(terminal);
    let manifest = project.read("Cargo.toml");
    for line in [
        "region = \"eu-central-1\"",
        "source = \"../agents/est\"",
        "models = [\"eu.anthropic.claude-sonnet-4-6\"]",
        "permissions = [\"pricing\"]",
    ] {
        assert!(
            manifest.lines().any(|found| found == line),
            "{line} in {manifest}"
        );
    }
    let invoke = project.read("deployment/invoke.py");
    assert!(invoke.contains("from est.main import other\n"), "{invoke}");
    let streaming = project.read("deployment/invoke_async.py");
    assert!(streaming.contains("agent().stream(prompt)"), "{streaming}");
}

#[test]
fn an_entry_point_that_calls_something_else_is_kept_or_replaced() {
    let mine = "from elsewhere import answer\n";
    for (choice, replaced) in [(ENTER, false), ("\x1b[B\r", true)] {
        let project = beside(Project::new().file("deployment/invoke.py", mine));
        let mut terminal = start(&project, &[]);
        answer(&mut terminal, &QUESTIONS[..3]);
        let question = "`deployment/invoke.py` exists and does not call `est.main:other`";
        answer(&mut terminal, &[(question, choice)]);
        answer(&mut terminal, &QUESTIONS[3..]);
        let screen = ends_well(terminal);
        assert_eq!(screen.contains("Replacing"), replaced, "{screen}");
        assert_eq!(screen.contains("Keeping"), !replaced, "{screen}");
        let invoke = project.read("deployment/invoke.py");
        assert_eq!(invoke == mine, !replaced, "{invoke}");
        assert_eq!(invoke.contains("import other"), replaced, "{invoke}");
    }
}

#[test]
fn ctrl_c_at_any_question_leaves_everything_as_it_was() {
    let project = beside(Project::new());
    let before = everything(&project);
    for answered in 0..QUESTIONS.len() {
        let mut terminal = start(&project, &[]);
        answer(&mut terminal, &QUESTIONS[..answered]);
        terminal.sees(QUESTIONS[answered].0);
        terminal.types(if answered < 2 { DOWN } else { "x" });
        terminal.types(CTRL_C);
        terminal.sees("stopped; nothing was written");
        let (status, screen) = terminal.ends();
        assert_eq!(status.code(), Some(130), "{screen}");
        assert_eq!(everything(&project), before, "{screen}");
        let (hidden, shown) = (screen.rfind(HIDE_CURSOR), screen.rfind(SHOW_CURSOR));
        assert!(shown.is_some() && shown >= hidden, "{screen:?}");
    }
}

#[test]
fn none_of_the_functions_is_an_error_that_says_so() {
    let project = beside(Project::new());
    let before = everything(&project);
    let mut terminal = start(&project, &[]);
    let none = [
        (QUESTIONS[0].0, "\x1b[B\x1b[B\r"),
        (QUESTIONS[1].0, "\x1b[B\r"),
    ];
    answer(&mut terminal, &none);
    terminal.sees("no function was chosen");
    let (status, screen) = terminal.ends();
    assert_eq!(status.code(), Some(2), "{screen}");
    assert_eq!(everything(&project), before);
}

#[test]
fn a_project_that_has_its_region_is_not_asked_for_one() {
    let project = beside(
        Project::new()
            .metadata("region = \"us-east-1\"")
            .agent("one"),
    );
    let before = project.read("Cargo.toml");
    let mut terminal = start(&project, &["--write"]);
    let eu = [QUESTIONS[0], QUESTIONS[1], QUESTIONS[3], QUESTIONS[4]];
    answer(&mut terminal, &eu);
    // After the last question.
    terminal.sees("cannot be invoked from us-east-1");
    let screen = ends_well(terminal);
    assert!(
        !screen.contains("AWS region") && !screen.contains("no AWS region"),
        "{screen}"
    );
    let after = project.read("Cargo.toml");
    let added = after.strip_prefix(&before).unwrap();
    assert!(!added.contains("region"), "{added}");
    assert!(added.contains("deployment = \"deployment_est\""), "{added}");
    assert!(project.has("deployment_est/invoke.py"));
}

#[test]
fn an_app_of_its_own_is_offered_and_is_no_question_where_nothing_else_is_there() {
    let app = "from bedrock_agentcore import BedrockAgentCoreApp\n\napp = BedrockAgentCoreApp()\n\n\n@app.entrypoint\ndef invoke(payload):\n    return payload\n\n\napp.run()\n";
    let settings = &QUESTIONS[2..];

    let project = beside(Project::new());
    project.write("../agents/est/serve.py", app);
    let mut terminal = start(&project, &[]);
    answer(&mut terminal, &[("Entry point", "\x1b[B\r")]);
    answer(&mut terminal, &QUESTIONS);
    ends_well(terminal);
    assert!(project.has("deployment/invoke.py"));

    let project = Project::new();
    project.write("../agents/est/serve.py", app);
    let mut terminal = start(&project, &[]);
    answer(&mut terminal, settings);
    let screen = ends_well(terminal);
    assert!(!screen.contains("Entry point:"), "{screen}");
    assert!(
        project
            .read("Cargo.toml")
            .contains("entrypoint = \"serve.py\"")
    );
}

#[test]
fn what_the_code_uses_is_asked_about_and_what_it_leaves_open_is_asked_for() {
    let code = "import os\nimport boto3\nfrom bedrock_agentcore.memory import MemoryClient\n\nMODEL = os.environ.get(\"MODEL_ID\", \"us.anthropic.claude-sonnet-4-6\")\n\n\ndef answer(prompt):\n    boto3.client(\"sqs\").send_message(QueueUrl=os.environ[\"QUEUE\"], MessageBody=prompt)\n    boto3.client(\"lambda\").invoke(FunctionName=\"price\")\n    MemoryClient().create_event(memory_id=prompt[\"memory\"])\n    return prompt\n";
    let project = Project::new();
    project.write("../agents/est/main.py", code);
    let mut terminal = start(&project, &[]);
    answer(
        &mut terminal,
        &[
            ("Function that returns its answer", ENTER),
            ("AWS region", "us-east-1\r"),
            (
                "Value of the variable `QUEUE`, which ../agents/est/main.py:9 reads",
                "jobs\r",
            ),
            ("Bedrock models that the agent invokes, or `none`", ENTER),
            (
                "Permission to send to SQS queue `jobs`, as ../agents/est/main.py:9 does",
                ENTER,
            ),
            (
                "Permission to invoke Lambda function `price`, as ../agents/est/main.py:10 does",
                "\x1b[B\r",
            ),
            (
                "ID of a memory that ../agents/est/main.py:11 uses",
                "notes-AbCdEf1234\r",
            ),
            ("Further permissions", ENTER),
        ],
    );
    ends_well(terminal);
    let manifest = project.read("Cargo.toml");
    for line in [
        "models = [\"us.anthropic.claude-sonnet-4-6\"]",
        "permissions = [{ memory = \"notes-AbCdEf1234\" }, { sqs = \"jobs\", access = \"send\" }]",
        "env = { QUEUE = \"jobs\" }",
    ] {
        assert!(
            manifest.lines().any(|found| found == line),
            "{line} in {manifest}"
        );
    }
    assert!(!manifest.contains("# Also used"), "{manifest}");
}
