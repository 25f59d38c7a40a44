//! Agents that each break one rule, and what `check` finds in them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    copy,
    support::{Cli, Project, bed},
    whole_machine,
};

/// How many agents are checked in parallel; most of the time they wait.
const AT_ONCE: usize = 6;
/// Agents that keep all rules.
const GOOD: [&str; 4] = ["http", "mcp", "a2a", "agui"];

/// Returns each agent's code and the code of its finding, if any, by name.
fn agents() -> BTreeMap<String, (String, Option<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/faulty");
    let mut agents = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().next().unwrap().strip_prefix("# ").unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        agents.insert(name, (text.clone(), Some(code.to_owned())));
    }
    for protocol in GOOD {
        let text = format!("from shop import {protocol}_agent\n\n{protocol}_agent.serve()\n");
        agents.insert(format!("{protocol}_good"), (text, None));
    }
    agents
}

fn project(agents: &BTreeMap<String, (String, Option<String>)>) -> Project {
    let project = Project::new();
    let faulty = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/faulty");
    copy(&faulty.join("shop"), &project.path().join("shop"));
    let mut manifest =
        "[workspace]\n[workspace.metadata.agentcore]\nproject = \"shop-7k2qpx\"\n".to_owned();
    for (name, (text, _)) in agents {
        let protocol = name.split('_').next().unwrap();
        write!(
            manifest,
            "\n[workspace.metadata.agentcore.agents.{name}]\nsource = \"shop\"\nimport-name = \"shop\"\n\
             deployment = \"deployments/{name}\"\nprotocol = \"{protocol}\"\nbytecode = \"never\"\n"
        )
        .unwrap();
        project.write(&format!("deployments/{name}/invoke.py"), text);
        project.write(&format!("deployments/{name}/requirements.txt"), "");
    }
    project.write("Cargo.toml", manifest);
    project
}

fn cli(project: &Project, words: &[&str]) -> Cli {
    Cli::new(project)
        .args(words)
        .env(
            "CARGO_AGENTCORE_CACHE_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
        )
        .env("PATH", bed::path_with_uv())
}

/// Returns the codes of the findings. The error contains all output.
fn check(project: &Project, name: &str) -> Result<Vec<String>, String> {
    let words = [
        "check",
        "--agent",
        name,
        "--output",
        "json",
        "--timeout",
        "4s",
    ];
    let outcome = cli(project, &words).run();
    let said = format!("{}\n{}", outcome.stdout, outcome.stderr);
    let document: Value = serde_json::from_str(&outcome.stdout).map_err(|_| said.clone())?;
    let findings = document["agents"][0]["findings"].as_array();
    let findings = findings.ok_or_else(|| said.clone())?;
    let is_error = findings.iter().any(|found| found["severity"] == "error");
    let expected = if is_error { 5 } else { 0 };
    if outcome.code() != Some(expected) {
        return Err(format!("the exit code is {:?}\n{said}", outcome.code()));
    }
    let codes = findings.iter().map(|found| found["code"].as_str().unwrap());
    Ok(codes.map(str::to_owned).collect())
}

#[test]
fn agents_that_break_one_rule_get_exactly_its_finding() {
    let _machine = whole_machine();
    let wanted = std::env::var("AGENTS").unwrap_or_default();
    let agents = agents();
    assert!(agents.len() >= 30 + GOOD.len());
    let project = project(&agents);
    cli(&project, &["local", "start"]).run().succeeds();
    let names: Vec<&String> = agents
        .keys()
        .filter(|name| name.contains(&wanted))
        .collect();
    let next = AtomicUsize::new(0);
    let failed: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let expected: Vec<String> = agents[*name].1.iter().cloned().collect();
                    let found = check(&project, name);
                    if found.as_ref() != Ok(&expected) {
                        let found = found.unwrap_or_else(|said| vec![said]).join(", ");
                        let line = format!("{name}: {expected:?}, and not {found}");
                        failed.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    cli(&project, &["local", "stop"]).run().succeeds();
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Creates a project with some of the agents and a running emulator.
fn some(names: &[&str]) -> Project {
    let mut agents = agents();
    agents.retain(|name, _| names.contains(&name.as_str()));
    let project = project(&agents);
    cli(&project, &["local", "start"]).run().succeeds();
    project
}

#[test]
fn findings_are_printed_with_their_code_and_warnings_fail_only_where_they_are_denied() {
    let project = some(&["http_html", "http_ping_lower"]);
    let rules = ["--only", "invoke-type", "--only", "ping-wrong-case"];
    let of = |agent: &str, more: &[&str]| {
        let words = [&["check", "--agent", agent][..], &rules, more].concat();
        cli(&project, &words).run()
    };
    let warned = of("http_html", &[]).succeeds();
    assert!(
        warned.stdout.starts_with(
            "warning[invoke-type]: the answer has the content type `text/html`\n  help: "
        ),
        "{}",
        warned.stdout
    );
    assert!(warned.stderr.contains("0 errors, 1 warning, 1 rule passed"));
    of("http_html", &["--deny", "warnings"]).exits(5);
    let skipped = of(
        "http_html",
        &["--skip", "invoke-type", "--deny", "warnings"],
    )
    .succeeds();
    assert_eq!(skipped.stdout, "");
    // All agents, each with its name.
    let all = [&["check", "--junit", "out/check.xml"][..], &rules].concat();
    let all = cli(&project, &all).run().exits(5);
    assert!(
        all.stdout.contains("warning[invoke-type]: http_html: ")
            && all
                .stdout
                .contains("error[ping-wrong-case]: http_ping_lower: "),
        "{}",
        all.stdout
    );
    let junit = project.read("out/check.xml");
    assert!(
        junit.contains(r#"tests="4" skipped="0" failures="1""#)
            && junit.contains(r#"<testsuite name="http_html""#),
        "{junit}"
    );
    cli(&project, &["local", "stop"]).run().succeeds();
}

#[test]
fn a_slip_is_answered_before_anything_is_started() {
    let agents = agents();
    let project = project(&agents);
    for (words, code, said) in [
        (
            &["check", "--only", "bad-jsno"][..],
            2,
            "did you mean `bad-json`?",
        ),
        (
            &["check", "--skip", "everything"],
            2,
            "cargo agentcore help findings",
        ),
        (
            &["check", "--agent", "http_god"],
            2,
            "did you mean `http_good`?",
        ),
        (&["check", "--payload", "@absent.json"], 1, "absent.json"),
        (&["check", "--env-file", "absent.env"], 2, "absent.env"),
        (
            &["check", "--prompt", "a", "--payload", "b"],
            2,
            "cannot be used with",
        ),
        (
            &["check", "--timeout", "0s"],
            2,
            "the timeout must be longer than zero",
        ),
        (&["validate"], 2, "check"),
    ] {
        let outcome = cli(&project, words).run().exits(code);
        assert!(
            outcome.stderr.contains(said),
            "{words:?}: {}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains("Checking"), "{words:?}");
    }
}

#[test]
fn ctrl_c_ends_a_check_and_everything_that_it_started() {
    let mut agents = agents();
    agents.retain(|name, _| name == "http_good");
    let project = project(&agents);
    let processes = || {
        let own = project.root().display().to_string();
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let commands = pids.map(|pid| {
            let command = fs::read(pid.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).replace('\0', " ")
        });
        let commands: Vec<String> = commands.filter(|text| text.contains(&own)).collect();
        commands
    };
    let eventually = |what: &str, holds: &dyn Fn(&[String]) -> bool| {
        let begin = Instant::now();
        while !holds(&processes()) {
            let late = begin.elapsed() > Duration::from_mins(1);
            assert!(!late, "{what}: {:?}", processes());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let running = cli(&project, &["check"]).start();
    eventually("no agent runs", &|processes| {
        let of_an_agent = |text: &&String| text.contains("invoke.py");
        processes.iter().filter(of_an_agent).count() >= 2
    });
    let pid = Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let outcome = running.wait().exits(130);
    assert!(
        outcome.stderr.contains("error: interrupted"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "");
    eventually("something is left", &<[String]>::is_empty);
}
