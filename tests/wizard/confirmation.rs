//! Confirmations: only a complete line typed after the question is a yes.

use std::time::Duration;

use super::{
    CTRL_C,
    support::{
        Cli, Emulator, Fault, Ministack, Project, Proxy, Times, boto3, listing, terminal::Terminal,
    },
};

const CTRL_D: &str = "\x04";
const QUESTION: &str = "Delete all of this (account 000000000000, region us-east-1)? [y/N]";

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

fn prepared(emulator: &Emulator) -> Project {
    let project = project();
    let prepare = Cli::new(&project).on(emulator).arg("prepare");
    prepare.run().succeeds();
    project
}

/// Waits until the run has sent this request.
fn sent(proxy: &Proxy, action: &str) {
    while !proxy.actions().iter().any(|sent| sent == action) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_typed_before_the_question_does_not_answer_it() {
    let emulator = Ministack::start();
    let project = prepared(&emulator);
    let (account, tree) = (listing(&emulator), project.tree());
    for ahead in ["y\r", "yes\r", "cat my.txt\r", "y", "cat my.txt\ry\ry\ry\r"] {
        let proxy = Proxy::to(&emulator);
        let late = Fault::Late(Duration::from_secs(1));
        proxy.fault("sts:GetCallerIdentity", Times::First(1), late);
        let mut terminal = Terminal::run(&Cli::new(&project).at(&proxy.url()).arg("clean"));
        sent(&proxy, "sts:GetCallerIdentity");
        terminal.types(ahead);
        terminal.sees(QUESTION);
        terminal.types("\r");
        let (status, screen) = terminal.ends();
        assert_eq!(status.code(), Some(1), "{ahead:?}: {screen}");
        assert!(screen.contains("nothing was deleted"), "{screen}");
        assert_eq!(project.tree(), tree, "{ahead:?}");
    }
    assert_eq!(listing(&emulator), account);
}

#[test]
fn only_a_whole_line_with_the_word_deletes() {
    let emulator = Ministack::start();
    let project = prepared(&emulator);
    let (account, tree) = (listing(&emulator), project.tree());
    for (answer, code) in [
        ("\r", 1),
        ("n\r", 1),
        ("yy\r", 1),
        ("cat my.txt\r", 1),
        ("\x1b\r", 1),
        (CTRL_D, 1),
        ("y\x04\x04", 1),
        (CTRL_C, 130),
        ("y\x03", 130),
    ] {
        let words = ["clean", "-q", "--color", "never"];
        let mut terminal = Terminal::run(&Cli::new(&project).on(&emulator).args(words));
        terminal.sees(QUESTION);
        terminal.types(answer);
        let (status, screen) = terminal.ends();
        assert_eq!(status.code(), Some(code), "{answer:?}: {screen}");
        let end = screen.lines().last().unwrap_or_default();
        assert!(
            end.starts_with("error: "),
            "on a line of its own: {screen:?}"
        );
        assert!(end.contains("nothing was deleted"), "{screen}");
        assert_eq!(project.tree(), tree, "{answer:?}");
    }

    // A single key is not an answer yet.
    let mut terminal = Terminal::run(&Cli::new(&project).on(&emulator).arg("clean"));
    terminal.sees(QUESTION);
    terminal.types("YES");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(listing(&emulator), account);
    terminal.types("\r");
    let (status, screen) = terminal.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    assert_ne!(listing(&emulator), account);
}

#[test]
fn ctrl_c_after_the_answer_ends_the_run_and_it_can_be_run_again() {
    let emulator = Ministack::start();
    let project = prepared(&emulator);
    let proxy = Proxy::to(&emulator);
    let minute = Duration::from_mins(1);
    proxy.fault("iam:DeleteRolePolicy", Times::Always, Fault::Late(minute));
    let mut terminal = Terminal::run(&Cli::new(&project).at(&proxy.url()).arg("clean"));
    terminal.sees(QUESTION);
    terminal.types("y\r");
    sent(&proxy, "iam:DeleteRolePolicy");
    terminal.types(CTRL_C);
    let (status, screen) = terminal.ends();
    assert_eq!(status.code(), Some(130), "{screen}");

    let mut again = Terminal::run(&Cli::new(&project).on(&emulator).arg("clean"));
    again.sees(QUESTION);
    again.types("y\r");
    let (status, screen) = again.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
}

#[test]
fn every_confirmation_names_account_region_and_stage_even_when_quiet() {
    let emulator = Ministack::start();
    let project = project().metadata("[workspace.metadata.agentcore.stages.prod]");
    let place = "(account 000000000000, region us-east-1, stage `prod`)? [y/N]";
    let run = |words: &[&str]| Cli::new(&project).on(&emulator).args(words);
    let asks = |words: &[&str], question: &str| {
        let mut terminal = Terminal::run(&run(&[words, &["--stage", "prod", "-q"]].concat()));
        terminal.sees(&format!("{question} {place}"));
        terminal.types("n\r");
        let (status, screen) = terminal.ends();
        assert_eq!(status.code(), Some(1), "{screen}");
    };
    boto3(
        &emulator,
        "import json\ntrust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'bedrock-agentcore.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}\nclient('iam').create_role(RoleName='AgentCoreRole-one_prod', AssumeRolePolicyDocument=json.dumps(trust))\n",
    );
    asks(
        &["prepare", "--adopt"],
        "Adopt the role `AgentCoreRole-one_prod`",
    );
    run(&["prepare", "--adopt", "--yes", "--stage", "prod"])
        .run()
        .succeeds();
    project.write("deployment/requirements.txt", "");
    for words in [
        &["deploy"][..],
        &["endpoint", "set", "live", "--version", "1"],
    ] {
        run(&[words, &["--stage", "prod"]].concat())
            .run()
            .succeeds();
    }
    asks(
        &["endpoint", "delete", "live"],
        "Calls to the endpoint `live` will fail. Delete it",
    );
    asks(&["clean"], "Delete all of this");
}

#[test]
fn with_local_the_confirmation_says_so() {
    let emulator = Ministack::start();
    let project = prepared(&emulator);
    let mut terminal = Terminal::run(&Cli::new(&project).args(["clean", "--local", "-q"]));
    terminal.sees("Delete all of this (local emulator)? [y/N]");
    terminal.types("n\r");
    let (status, screen) = terminal.ends();
    assert_eq!(status.code(), Some(1), "{screen}");
    assert!(project.has("deployment/one/agent.py"), "{screen}");
}
