//! How the tool treats its users: help, typos, `-q`, documents of failures.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod workspace;

use crate::support::{Answer, Cli, Ministack, Outcome, Project, Script};
use serde_json::Value;

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("my_agent")
}

fn run(project: &Project, words: &[&str]) -> Outcome {
    Cli::new(project).args(words).run()
}

#[test]
fn help_has_topics_besides_the_commands() {
    let project = Project::new();
    let topic = run(&project, &["help", "security"]).succeeds();
    assert_eq!(topic.stdout, include_str!("../../src/help/security.md"));
    let help = run(&project, &["--help"]).succeeds().stdout;
    assert!(
        help.contains("Topics (cargo agentcore help <TOPIC>):\n")
            && help.contains("\n  security  "),
        "{help}"
    );
    let typo = run(&project, &["help", "secuirty"]).exits(2).stderr;
    let tip = "  tip: `cargo agentcore help security` prints the topic `security`\n";
    assert!(typo.contains(tip), "{typo}");
}

#[test]
fn help_is_a_command_as_it_is_cargos() {
    let project = Project::new();
    let whole = run(&project, &["help"]).succeeds();
    assert_eq!(whole.stdout, run(&project, &["--help"]).succeeds().stdout);
    assert!(whole.stdout.contains("stop-session"), "{}", whole.stdout);
    let deploy = run(&project, &["help", "deploy"]).succeeds();
    assert_eq!(
        deploy.stdout,
        run(&project, &["deploy", "--help"]).succeeds().stdout
    );
    let set = run(&project, &["help", "endpoint", "set"]).succeeds();
    assert!(set.stdout.contains("--version <N>"), "{}", set.stdout);
    for (name, tip) in [
        (
            "depoly",
            "some similar subcommands exist: 'policy', 'deploy'",
        ),
        ("invok", "a similar subcommand exists: 'invoke'"),
        ("launch", "the command for this is `cargo agentcore deploy`"),
        (
            "gateway",
            "`cargo agentcore help metadata` prints the topic `metadata`",
        ),
        (
            "xyzzy",
            "`cargo agentcore help` lists the commands and topics",
        ),
    ] {
        let unknown = run(&project, &["help", name]).exits(2).stderr;
        assert!(unknown.contains(&format!("  tip: {tip}\n")), "{unknown}");
    }
    let help = run(&project, &["help", "help"]).succeeds().stdout;
    assert!(help.contains("\n  permissions  "), "{help}");
}

#[test]
fn a_slip_is_answered_with_what_there_is() {
    let project = Project::new();
    for (words, expected) in [
        (
            &["new", "x", "--permission", "nope"][..],
            "unknown permission `nope`; `cargo agentcore help permissions` lists them",
        ),
        (
            &["new", "x", "--permission", "pricng"],
            "did you mean `pricing`?",
        ),
        (
            &["new", "x", "--template", "nope"],
            "`strands`, `cost-estimator`, `echo`, `rust`, `rust-mcp`, `rust-a2a`",
        ),
        (
            &["new", "x", "--region", "us_west_2"],
            "'us_west_2' for '--region <REGION>': did you mean `us-west-2`?",
        ),
        (
            &["status", "--region", "uswest2"],
            "did you mean `us-west-2`?",
        ),
    ] {
        let outcome = run(&project, words).exits(2);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
    assert_eq!(project.tree().len(), 0, "nothing was made");
    let typo = ["new", "x", "--region", "us-wst-2", "--dry-run", "--yes"];
    let outcome = run(&project, &typo).succeeds();
    let expected = "warning: unknown region `us-wst-2`\n  help: did you mean `us-west-2`?";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
}

#[test]
fn options_of_cargo_that_have_no_meaning_lead_nowhere_wrong() {
    let project = project();
    for (words, wanted) in [
        (
            &["status", "--locked"][..],
            "tip: `--locked` is an option of cargo and has no meaning for this command",
        ),
        (
            &["package", "--release"],
            "tip: the release profile is always used",
        ),
        (
            &["package", "--message-format=json"],
            "tip: `--output json` prints a document",
        ),
        (&["clean", "--target-dir", "x"], "tip: set CARGO_TARGET_DIR"),
        (
            &["package", "-n"],
            "tip: `cargo agentcore package` has no dry run",
        ),
        (
            &["local", "stop", "-n"],
            "tip: `cargo agentcore local` has no dry run",
        ),
        (
            &["package", "--output-dir", "x"],
            "tip: the path of the archive is printed on stdout; copy it from there",
        ),
        (
            &["invoke", "--payload", "{}"],
            "tip: pass the payload as an argument: ",
        ),
        (
            &["deploy", "--all"],
            "tip: `--workspace` selects the agents of all packages",
        ),
    ] {
        let stderr = run(&project, words).exits(2).stderr;
        assert!(stderr.contains(wanted), "{words:?}\n{stderr}");
        assert!(stderr.matches("tip: ").count() == 1, "{words:?}\n{stderr}");
    }
}

#[test]
fn a_name_that_windows_reserves_is_refused_as_cargo_refuses_it() {
    let project = project();
    for words in [&["new", "con"][..], &["new", "my-agent", "--name", "AUX"]] {
        let stderr = run(&project, words).exits(2).stderr;
        let wanted = "it is a reserved Windows filename";
        assert!(stderr.contains(wanted), "{words:?}\n{stderr}");
    }
    assert!(!project.path().join("con").exists() && !project.path().join("my-agent").exists());
}

#[test]
fn a_region_that_cannot_exist_is_answered_before_anything_is_sent() {
    for (option, variable) in [(Some("us-esat-1"), None), (None, Some("us-esat-1"))] {
        let project = project();
        let mut cli = Cli::new(&project)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            // Nothing listens there.
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            .arg("status");
        cli = match option {
            Some(region) => cli.args(["--region", region]),
            None => cli,
        };
        if let Some(region) = variable {
            cli = cli.env("CARGO_AGENTCORE_REGION", region);
        }
        let said = cli.run().exits(2).stderr;
        let expected = "error: unknown AWS region `us-esat-1`\n  help: did you mean `us-east-1`?\n";
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_partition_without_bedrock_or_a_price_list_is_named_before_anything_is_made() {
    let project = Project::new()
        .metadata("region = \"cn-north-1\"")
        .agent_with("one", "models = [\"amazon.nova-lite-v1:0\"]")
        .agent_with(
            "two",
            "permissions = [\"pricing\"]\nregion = \"us-gov-west-1\"",
        );
    let missing = "cannot be called from cn-north-1: Amazon Bedrock is not available in the partition `aws-cn`";
    let new = ["new", "x", "--region", "cn-north-1", "--dry-run", "--yes"];
    let made = run(&project, &new).succeeds().stderr;
    assert!(made.contains(missing), "{made}");
    let isolated = run(&project, &["new", "x", "--region", "us-iso-east-1"]).exits(2);
    let isolated = isolated.stderr;
    assert!(
        isolated.contains("AgentCore is not available in the isolated partitions of AWS"),
        "{isolated}"
    );

    let emulator = Ministack::start();
    let prepare = ["prepare", "--dry-run"];
    let said = Cli::new(&project).on(&emulator).args(prepare).run();
    let said = said.succeeds().stderr;
    assert!(
        said.contains(&format!("the model `amazon.nova-lite-v1:0` {missing}")),
        "{said}"
    );
    let prices = "agent `two` cannot query the price list from us-gov-west-1";
    assert!(said.contains(prices), "{said}");
}

#[test]
fn a_caller_of_an_unknown_partition_is_no_caller_of_the_usual_one() {
    let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws-new:iam::111122223333:user/x</Arn><UserId>A</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let server = Script::new()
        .always("sts:GetCallerIdentity", Answer::new(200, "text/xml", body))
        .start();
    let refused = Cli::new(&project())
        .at(&server.url())
        .arg("status")
        .run()
        .exits(1);
    let expected = "the caller `arn:aws-new:iam::111122223333:user/x` is in a partition of AWS that this version does not support\n  note: the supported partitions are `aws`, `aws-us-gov`, `aws-cn`, `aws-eusc`";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

/// Text from a checkout or a script is shown without affecting the terminal.
#[test]
fn what_is_quoted_cannot_control_the_terminal() {
    const HOSTILE: &str = "\x1b]52;c;cm0gLXJm\x07\u{9b}31m\u{202e}";
    const SHOWN: &str = r"\x1b]52;c;cm0gLXJm\x07\u{9b}31m\u{202e}";
    let acts = ['\x1b', '\x07', '\u{9b}', '\u{202e}'];
    let project = Project::new();
    for words in [
        &[HOSTILE][..],
        &["status", "--region", HOSTILE],
        &["invoke", &format!("--{HOSTILE}")],
        &["status", "--region", &format!("\x1b[31m{HOSTILE}")],
    ] {
        let outcome = run(&project, words).exits(2);
        assert!(outcome.stderr.contains(SHOWN), "{:?}", outcome.stderr);
        assert!(!outcome.stderr.contains(acts), "{:?}", outcome.stderr);
    }
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent_with("one", "unknown = \"\u{202e}\u{9b}31m\"");
    let outcome = run(&project, &["policy"]).exits(3);
    let shown = r#"unknown = "\u{202e}\u{9b}31m""#;
    assert!(outcome.stderr.contains(shown), "{:?}", outcome.stderr);
    assert!(!outcome.stderr.contains(acts), "{:?}", outcome.stderr);
}

#[test]
fn an_agent_may_be_called_with_hyphens_and_a_slip_is_answered() {
    let project = project();
    let policy = |name| {
        run(
            &project,
            &["policy", "--only", "execution", "--agent", name],
        )
    };
    let plain = policy("my_agent").succeeds();
    assert!(!plain.stderr.contains("hyphens"), "{}", plain.stderr);
    let mapped = policy("my-agent").succeeds();
    assert_eq!(mapped.stdout, plain.stdout);
    let line = "note: the agent `my-agent` is called `my_agent`, because names in AgentCore have no hyphens";
    assert!(mapped.stderr.contains(line), "{}", mapped.stderr);
    let slip = policy("my-agnet").exits(2);
    slip.says(&[
        "there is no agent `my-agnet` in the metadata",
        "the metadata declares `my_agent`",
        "did you mean `my_agent`?",
    ]);
    let illegal = policy("my agent").exits(2);
    assert!(
        illegal
            .stderr
            .contains("'my agent' for '--agent <NAME>': expected a letter"),
        "{}",
        illegal.stderr
    );
}

/// The plan is the requested output, so `-q` only suppresses what accompanies it.
#[test]
fn a_plan_is_shown_under_quiet_and_a_document_alone_where_it_is_asked_for() {
    let emulator = Ministack::start();
    let project = project();
    project.write("deployment/requirements.txt", "");
    // Only required packages, to avoid a warning.
    project.write("deployment/invoke.py", "print('here')\n");
    let on = |words: &[&str]| Cli::new(&project).on(&emulator).args(words).run();
    for (words, files) in [
        (&["prepare"][..], "copy"),
        (&["deploy"], "upload"),
        (&["prepare", "--check"], "copy"),
    ] {
        let code = if words.contains(&"--check") { 5 } else { 0 };
        let quiet = on(&[words, &["-q", "--dry-run"]].concat()).exits(code);
        assert_eq!(quiet.stdout, "");
        let line = format!("Would {files} ");
        assert!(quiet.stderr.contains(&line), "{words:?}: {}", quiet.stderr);
        let role = "Would create role `AgentCoreRole-my_agent`";
        assert!(quiet.stderr.contains(role), "{words:?}: {}", quiet.stderr);
        assert!(!quiet.stderr.contains("     Account "), "{}", quiet.stderr);
        let document = on(&[words, &["-q", "--dry-run", "--output", "json"]].concat()).exits(code);
        let shown = document.json();
        assert_eq!(shown["dry_run"], true);
        let mut changes = shown["agents"][0]["changes"].as_array().unwrap().iter();
        assert!(changes.any(|one| one["action"] == files), "{shown}");
        assert_eq!(document.stderr, "", "the document says it all");
    }
    let nothing = on(&["clean", "-q", "-n"]).succeeds();
    assert_eq!(nothing.stderr, "     Nothing to delete\n");
    on(&["prepare"]).succeeds();
    let tag = project.read("target/CACHEDIR.TAG");
    let signature = "Signature: 8a477f597d28d172789f06886806bc55\n";
    assert!(tag.starts_with(signature), "{tag}");
    // Of a document that changes, the lines that differ.
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        format!("{manifest}permissions = [\"browser\"]\n"),
    );
    let brief = on(&["prepare", "-q", "--check"]).exits(5).stderr;
    let lines: Vec<&str> = brief.lines().map(str::trim_start).collect();
    assert!(
        lines[0].starts_with("Would update policy `AgentCore-"),
        "{brief}"
    );
    assert!(lines.len() > 2, "{brief}");
    assert!(
        lines[1..].iter().all(|line| line.starts_with(['+', '-'])),
        "{brief}"
    );
    let whole = on(&["prepare", "--check"]).exits(5).stderr;
    let mut around = whole.lines().map(str::trim_start);
    assert!(
        around.any(|line| line.starts_with(['"', '{', '}'])),
        "{whole}"
    );
    project.write("Cargo.toml", &manifest);
    let clean = on(&["clean", "-q", "-n"]).succeeds();
    let role = "Would delete role `AgentCoreRole-my_agent`";
    assert!(clean.stderr.contains(role), "{}", clean.stderr);
    let unanswered = on(&["clean", "-q"]).exits(2);
    let listed = "To delete role `AgentCoreRole-my_agent`";
    assert!(unanswered.stderr.contains(listed), "{}", unanswered.stderr);
    let unchanged = on(&["prepare", "-q", "-n"]).succeeds();
    assert_eq!(unchanged.stderr, "   Unchanged agent `my_agent`\n");
    let silent = on(&["clean", "-q", "--yes"]).succeeds();
    assert_eq!(silent.stderr, "");
}

#[test]
fn the_plans_of_new_and_init_are_shown_under_quiet() {
    let project = Project::new().file(
        "agent/__init__.py",
        "def answer(prompt: str) -> str:\n    return prompt\n",
    );
    let new = run(
        &project,
        &["new", "x", "-q", "-n", "--yes", "--template", "echo"],
    )
    .succeeds();
    let expected = "Would write `x/Cargo.toml`";
    assert!(new.stderr.contains(expected), "{}", new.stderr);
    let words = ["init", "--source", "agent", "-q", "-n", "--yes"];
    let init = run(&project, &words).succeeds();
    let expected = "Would write `deployment/invoke.py`";
    assert!(init.stderr.contains(expected), "{}", init.stderr);
}

/// A dry run of `new` shows the same as the real one, including the repository.
#[test]
fn the_plan_of_new_holds_the_repository_and_the_change_of_the_name() {
    let project = Project::new();
    let words = ["new", "my-agent", "--yes", "--template", "echo"];
    let new = |more: &[&str]| Cli::new(&project).args(words).args(more);
    let planned = new(&["--dry-run"]).run().succeeds().stderr;
    let renamed = "note: the agent is named `my_agent`: agent names contain only letters, digits and underscores\n";
    let repository = "Would run `git init` in `my-agent`\n";
    assert!(planned.contains(renamed), "{planned}");
    assert!(planned.contains(repository), "{planned}");
    let none = new(&["--dry-run", "--vcs", "none"]).run().succeeds().stderr;
    assert!(!none.contains("git init"), "{none}");
    let nowhere = || new(&["--dry-run"]).env("PATH", "/nowhere");
    let without = nowhere().run().succeeds().stderr;
    assert!(!without.contains("git init"), "{without}");
    let refused = nowhere().args(["--vcs", "git"]).run().exits(1).stderr;
    assert!(refused.contains("`--vcs git` needs git"), "{refused}");
    assert_eq!(project.tree().len(), 0, "nothing was made");

    let made = new(&[]).run().succeeds().stderr;
    assert!(made.contains(renamed), "{made}");
    assert!(project.has("my-agent/.git/HEAD"));
    let inner = ["new", "my-agent/inner", "-n", "--yes"];
    let below = run(&project, &inner).succeeds().stderr;
    assert!(!below.contains("git init"), "{below}");
}

/// An option that conflicts with `--local` is an error of the command, which shows its usage.
#[test]
fn what_does_not_go_with_local_shows_the_usage_of_the_command() {
    for (words, usage) in [
        (&["prepare", "--local", "--stage", "prod"][..], "prepare"),
        (
            &["endpoint", "list", "--local", "--profile", "x"],
            "endpoint list",
        ),
    ] {
        let refused = run(&project(), words).exits(2).stderr;
        let option = words[words.len() - 2];
        let said = format!(
            "error: the argument '--local' cannot be used with '{option}'\n\nUsage: cargo agentcore {usage} "
        );
        assert!(refused.starts_with(&said), "{refused}");
    }
}

/// A requested document is printed whatever happens.
#[test]
fn a_failing_command_has_a_document_with_what_went_wrong() {
    let project = project();
    let document = |outcome: Outcome, code: i32| -> Value {
        let outcome = outcome.exits(code);
        let document = outcome.json();
        assert_eq!(document["version"], 1);
        assert_eq!(document["exit"], code);
        let first = document["errors"][0]["message"].as_str().unwrap();
        assert!(outcome.stderr.contains(first), "{}", outcome.stderr);
        document
    };
    let json = ["--output", "json"];
    for command in [
        &["prepare"][..],
        &["deploy"],
        &["clean"],
        &["status"],
        &["versions"],
        &["invoke", "{}"],
        &["endpoint", "list"],
        &["endpoint", "set", "prod", "--version", "1"],
        &["endpoint", "delete", "prod"],
        &["rollback"],
    ] {
        let made = document(run(&project, &[command, &json].concat()), 4);
        let words: Vec<&str> = command
            .iter()
            .copied()
            .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()) && *word != "prod")
            .collect();
        assert_eq!(made["command"], words.join(" "));
    }
    // A stream of lines has no document.
    let logs = run(&project, &[&["logs"], &json[..]].concat()).exits(4);
    assert_eq!(logs.stdout, "");

    let broken = project.metadata("regoin = \"us-east-1\"");
    for command in ["package", "policy", "local"] {
        let words: &[&str] = if command == "local" {
            &["local", "start"]
        } else {
            &[command]
        };
        let made = document(run(&broken, &[words, &json].concat()), 3);
        assert_eq!(made["command"], command);
        let error = &made["errors"][0];
        assert_eq!(
            error["message"],
            "unknown key `regoin` in `[workspace.metadata.agentcore]`"
        );
        assert!(error["file"].as_str().unwrap().ends_with("Cargo.toml"));
        assert_eq!((&error["line"], &error["column"]), (&7.into(), &1.into()));
        assert_eq!(error["notes"][0], "did you mean `region`?");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_has_a_document_too() {
    let project = Project::new();
    for (words, command, said, tip) in [
        (
            &["deploy", "--dry-rum", "--output", "json"][..],
            "deploy",
            "unexpected argument '--dry-rum' found",
            Some("a similar argument exists: '--dry-run'"),
        ),
        (
            &["-q", "endpoint", "set", "--output=json"],
            "endpoint set",
            "the following required arguments were not provided: --version <N> <NAME>",
            None,
        ),
        (
            &[
                "status",
                "--output",
                "json",
                "--local",
                "--profile",
                "clean",
            ],
            "status",
            "the argument '--local' cannot be used with '--profile'",
            None,
        ),
    ] {
        let outcome = run(&project, words).exits(2);
        let document = outcome.json();
        assert_eq!(document["version"], 1);
        assert_eq!(document["command"], command);
        assert_eq!(document["exit"], 2);
        let errors = document["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0]["message"], said);
        assert_eq!(errors[0]["help"].get(0).and_then(Value::as_str), tip);
        assert!(outcome.stderr.contains("Usage: "), "{}", outcome.stderr);
    }
    for words in [
        // None was requested.
        &["deploy", "--nope"][..],
        &["deploy", "--output", "jsn"],
        &["deploy", "--nope", "--", "--output", "json"],
        // There is none.
        &["logs", "--nope", "--output", "json"],
        &["new", "x", "--output", "json"],
        &["depoly", "--output", "json"],
        &["--output", "json"],
    ] {
        let outcome = run(&project, words).exits(2);
        assert_eq!(outcome.stdout, "", "{words:?}");
    }
    let help = run(&project, &["deploy", "--output", "json", "--help"]).succeeds();
    assert_eq!(
        help.stdout,
        run(&project, &["deploy", "--help"]).succeeds().stdout
    );
}

#[test]
fn what_went_well_stands_beside_what_did_not() {
    let emulator = Ministack::start();
    let project = project().agent("other");
    std::fs::remove_dir_all(project.path().join("other")).unwrap();
    let words = ["prepare", "--output", "json"];
    let outcome = Cli::new(&project).on(&emulator).args(words).run().exits(3);
    let document = outcome.json();
    assert_eq!(document["agents"][0]["agent"], "my_agent");
    assert_eq!(document["exit"], 3);
    assert_eq!(document["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_wrong_with_source_entry_point_and_requirements_is_said_together() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent_with("my_agent", "entrypoint = \"main.py\"")
        .agent_with("other", "requirements = \"other/requirements.txt\"");
    std::fs::remove_dir_all(project.path().join("my_agent")).unwrap();
    std::fs::remove_dir_all(project.path().join("other")).unwrap();
    project.write("deployment/requirements.txt", "-e ./here\n./sdist.tar.gz\n");
    project.write("deployment/sdist.tar.gz", "");
    let present = [
        "the source `my_agent` does not exist",
        "the entry point of agent `my_agent` does not exist",
        "the source `other` does not exist",
    ];
    let required = [
        "/./here` does not exist",
        "`./sdist.tar.gz` would have to be built",
    ];
    for command in ["prepare", "deploy", "package"] {
        let outcome = Cli::new(&project).on(&emulator).arg(command).run().exits(3);
        let text = &outcome.stderr;
        for expected in present {
            assert!(text.contains(expected), "{command}: {text}");
        }
        for expected in required {
            // The toolkit has its own rules.
            assert_eq!(
                text.contains(expected),
                command != "prepare",
                "{command}: {text}"
            );
        }
        let unknown = "the requirements file of agent `other` does not exist";
        assert!(
            !text.contains(unknown),
            "it may come with the sources: {text}"
        );
    }
}

#[test]
fn a_model_in_the_code_that_the_role_will_not_allow_is_told_before_it_fails() {
    let emulator = Ministack::start();
    let root = Project::new();
    let words = ["new", "agent", "--yes", "--region", "us-east-1"];
    run(&root, &words).succeeds();
    let manifest = root.path().join("agent/Cargo.toml");
    let prepare = || {
        let cli = Cli::in_directory(&root.path().join("agent"), root.root());
        cli.on(&emulator).arg("prepare").run().succeeds().stderr
    };
    assert!(!prepare().contains("warning"), "a new project is whole");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let changed = text.replace("us.anthropic.claude-sonnet-4-6", "us.amazon.nova-pro-v1:0");
    assert_ne!(text, changed);
    std::fs::write(&manifest, changed).unwrap();
    let warned = prepare();
    for expected in [
        "warning: the code of agent `agent` names the model `us.anthropic.claude-sonnet-4-6`, which `models` does not list\n",
        "agent/agent.py:15:",
        "  help: add `\"us.anthropic.claude-sonnet-4-6\"` to `models`",
    ] {
        assert!(warned.contains(expected), "{warned}");
    }
}

#[test]
fn a_model_without_a_provider_is_a_warning_with_its_place() {
    let warning = "warning: `claude-sonnet-4-6` is not the ID of a Bedrock model\n";
    let help = "  help: an ID names the provider, such as `us.anthropic.claude-sonnet-4-6`";
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent_with("my_agent", "models = [\"claude-sonnet-4-6\"]");
    let declared = run(&project, &["policy", "--only", "trust"]).succeeds();
    declared.says(&[warning, "Cargo.toml:11:11", help]);
    let words = ["new", "x", "--model", "claude-sonnet-4-6"];
    let given = run(&project, &[&words[..], &["--dry-run", "--yes"]].concat()).succeeds();
    given.says(&[warning, help]);
}

#[test]
fn a_runtime_that_the_service_refuses_is_not_deployed() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent_with("my_agent", "runtime = \"python3.11\"");
    let on = |words: &[&str]| Cli::new(&project).on(&emulator).args(words).run();
    let said = "the service has refused `python3.11` since August 2026\n  --> ";
    for words in [&["deploy"][..], &["deploy", "--dry-run"]] {
        let refused = on(words).exits(3);
        let expected = format!("error: {said}");
        assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("Cargo.toml:11:11"),
            "{}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("Account"), "{}", refused.stderr);
    }
    let prepared = on(&["prepare"]).succeeds();
    let expected = format!("warning: {said}");
    assert!(prepared.stderr.contains(&expected), "{}", prepared.stderr);
}

#[test]
fn a_variable_that_is_set_to_nothing_says_nothing() {
    let project = project();
    let printed = Cli::new(&project)
        .args(["policy", "--only", "trust"])
        .env("CARGO_AGENTCORE_REGION", "")
        .env("CARGO_AGENTCORE_STAGE", "")
        .env("CARGO_AGENTCORE_MANIFEST_PATH", "")
        .run()
        .succeeds();
    assert!(printed.stdout.contains("us-east-1"), "{}", printed.stdout);
}

/// The variable may be set for other agents with an authorizer.
#[test]
fn a_bearer_token_in_the_environment_asks_for_no_smoke_call() {
    let emulator = Ministack::start();
    let project = project();
    project.write("deployment/requirements.txt", "");
    Cli::new(&project)
        .args(["deploy", "--dry-run"])
        .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
        .on(&emulator)
        .run()
        .succeeds();
}

#[cfg(target_os = "linux")]
#[test]
fn what_does_not_get_onto_a_full_disk_is_an_error() {
    for words in [&["policy", "--only", "trust"][..], &["--help"]] {
        let project = project();
        let mut command = Cli::new(&project).args(words).prepared();
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        assert_eq!(
            command.stdout(full).status().unwrap().code(),
            Some(1),
            "{words:?}"
        );
    }
}

#[test]
fn without_anything_to_send_the_ways_to_say_it_are_named() {
    let project = project();
    let told = run(&project, &["invoke"]).exits(2);
    assert!(told.stderr.contains("`--prompt 'hi'`"), "{}", told.stderr);
    let told = run(&project, &["invoke", "@"]).exits(2);
    assert!(
        told.stderr
            .contains("`@` must be followed by the name of a file"),
        "{}",
        told.stderr
    );
}

/// Headers and bodies may contain secrets.
#[test]
fn who_asks_twice_for_more_is_told_each_request_and_no_secret() {
    let emulator = Ministack::start();
    let project = project();
    let said = |more: &[&str]| {
        let words = [&["prepare"], more].concat();
        let outcome = Cli::new(&project).on(&emulator).args(words).run();
        outcome.succeeds().stderr
    };
    let told = said(&["-vv"]);
    let requests: Vec<&str> = told.lines().filter(|l| l.contains("Request ")).collect();
    for (operation, status) in [
        ("GetCallerIdentity", "200"),
        ("GetRole", "404"),
        ("CreateRole", "200"),
        ("PutRolePolicy", "200"),
    ] {
        let start = format!(
            "     Request POST {}/ {operation}: {status}",
            emulator.url()
        );
        let line = requests.iter().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("{start}:\n{told}"));
        assert!(
            line.contains(", request id ") && line.ends_with(" s"),
            "{line}"
        );
    }
    for secret in ["Authorization", "Signature", "AssumeRolePolicyDocument"] {
        assert!(!told.contains(secret), "{told}");
    }
    let once = said(&["-v"]);
    assert!(!once.contains("Request "), "{once}");
}

#[test]
fn the_words_of_other_tools_lead_to_ours() {
    let project = Project::new();
    for (word, ours) in [
        ("launch", "`cargo agentcore deploy`"),
        ("destroy", "`cargo agentcore clean`"),
        ("delete", "`cargo agentcore clean`"),
        ("remove", "`cargo agentcore clean`"),
        ("undeploy", "`cargo agentcore clean`"),
        ("create", "`cargo agentcore new`"),
        (
            "configure",
            "`cargo agentcore init` or `cargo agentcore prepare`",
        ),
        ("build", "`cargo agentcore package`"),
        ("run", "`cargo agentcore dev`"),
        ("watch", "`cargo agentcore dev`"),
        ("validate", "`cargo agentcore check`"),
    ] {
        let said = run(&project, &[word]).exits(2).stderr;
        let tip = format!("  tip: the command for this is {ours}\n");
        assert!(said.contains(&tip), "{word}: {said}");
    }
    // Our own commands are corrected as before.
    let said = run(&project, &["depoly"]).exits(2).stderr;
    assert!(said.contains("'deploy'"), "{said}");
}

#[test]
fn cargos_variables_and_the_option_decide_about_color() {
    let project = Project::new();
    let colored = |cli: Cli| {
        let outcome = cli.run();
        format!("{}{}", outcome.stdout, outcome.stderr).contains('\u{1b}')
    };
    let help = || Cli::new(&project).arg("--help");
    let failing = || Cli::new(&project).arg("status");
    assert!(!colored(help()));
    assert!(colored(help().args(["--color", "always"])));
    assert!(colored(help().arg("--color=always")));
    assert!(colored(help().env("CARGO_TERM_COLOR", "always")));
    assert!(!colored(
        help()
            .env("CARGO_TERM_COLOR", "always")
            .arg("--color=never")
    ));
    assert!(!colored(failing()));
    assert!(colored(failing().env("CARGO_TERM_COLOR", "always")));
    assert!(!colored(
        failing()
            .env("CARGO_TERM_COLOR", "always")
            .args(["--color", "never"])
    ));
}

#[test]
fn cargos_variable_for_quiet_counts_until_more_is_asked_for() {
    let project = Project::new();
    let package = |words: &[&str]| {
        let cli = Cli::new(&project).args(["new", "x", "--yes", "--template", "echo", "-n"]);
        cli.args(words)
            .env("CARGO_TERM_QUIET", "true")
            .run()
            .succeeds()
    };
    let quiet = package(&[]).stderr;
    assert!(!quiet.contains("note: "), "{quiet}");
    let more = package(&["-v"]).stderr;
    assert!(more.contains("note: "), "{more}");
}
