//! Agents as other people could have written them: each is adopted in place, packaged, started from
//! its archive by a real Python, and asked.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests touch the world and stop where it refuses"
)]

#[path = "../support/mod.rs"]
mod support;

mod asked;
mod bed;
mod faulty;

use std::{
    fs,
    io::Write as _,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use asked::Asked::{A2a, Agui, Http, Mcp, WebSocket};
use bed::{Bed, Case};
use support::Project;

/// The percentage of agents that must work without a flag.
const SHARE: usize = 95;

/// The agents below `corpus`, their protocols, and the flags for what the code does not show.
const CASES: [Case; 61] = [
    Case::new("sdk_plain", Http).filling(&["models = [\"us.anthropic.claude-sonnet-4-6\"]"]),
    Case::new("sdk_no_run", Http),
    Case::new("sdk_uncalled_main", Http),
    Case::new("sdk_own_name", Http),
    Case::new("sdk_relative", Http).filling(&[
        "permissions = [{ dynamodb = \"orders\", access = \"read-write\" }]",
        "#   permissions: { sns = \"NAME\" } (tools/text.py:13, named by TOPIC)",
    ]),
    Case::new("sdk_dunder_main", Http),
    Case::new("sdk_two_files", Http),
    Case::new("sdk_circular", Http),
    Case::new("src_main", Http),
    Case::new("src_package", Http),
    Case::new("src_installed", Http).filling(&["source = \"src\""]),
    Case::new("flat_scripts", Http).filling(&["models = [\"us.amazon.nova-pro-v1:0\"]"]),
    Case::new("nested_scripts", Http),
    Case::new("digit_folder", Http),
    Case::new("digit_package", Http),
    Case::new("underscore_folder", Http),
    Case::new("library_langgraph", Http),
    Case::new("library_relative", Http),
    Case::new("library_yaml", Http),
    Case::new("library_agents", Http),
    Case::new("library_langchain", Http),
    Case::new("keyword_folder", Http),
    Case::new("standard_folder", Http),
    Case::new("hyphen_folder", Http),
    Case::new("function_plain", Http),
    Case::new("function_class", Http),
    Case::new("function_stream", Http),
    Case::new("function_context", Http),
    Case::new("function_helpers", Http),
    Case::new("function_neighbors", Http),
    Case::new("fastapi_plain", Http),
    Case::new("fastapi_relative", Http),
    Case::new("fastapi_factory", Http),
    Case::new("fastapi_wrong_port", Http),
    Case::new("starlette_routes", Http).filling(&["header-allowlist = [\"X-Tenant\"]"]),
    Case::new("starlette_websocket", WebSocket),
    Case::new("flask_plain", Http),
    Case::new("flask_no_ping", Http),
    Case::new("mcp1_stdio", Mcp),
    Case::new("mcp1_http", Mcp),
    Case::new("mcp1_app", Mcp),
    Case::new("mcp1_low_level", Mcp),
    Case::new("mcp1_package", Mcp),
    Case::new("mcp2_bare", Mcp),
    Case::new("mcp2_http", Mcp),
    Case::new("fastmcp_stdio", Mcp),
    Case::new("fastmcp_http", Mcp),
    Case::new("mcp_as_tool", Http),
    Case::new("a2a_sdk", A2a),
    Case::new("a2a_builder", A2a),
    Case::new("a2a_helper", A2a),
    Case::new("a2a_strands", A2a).filling(&["models = [\"global.anthropic.claude-sonnet-4-6\"]"]),
    Case::new("a2a_adk", A2a),
    Case::new("agui_langgraph", Agui),
    Case::new("agui_encoder", Agui),
    Case::new("crewai_plain", Http),
    Case::new("pydantic_ai_plain", Http),
    Case::new("strands_real", Http).filling(&["models = [\"us.amazon.nova-lite-v1:0\"]"]),
    Case::new("toolkit_listed", Http),
    // Another project's Cargo.toml is changed only on request.
    Case::with("in_cargo_project", Http, &["--write"]),
    // The code does not show which of the two is meant.
    Case::with("several", Http, &["--entrypoint", "writer.py"]),
];

/// Held by each test that keeps the whole machine busy. Some rules are about seconds, and an agent
/// that has to wait for a processor would break them.
static MACHINE: Mutex<()> = Mutex::new(());

fn whole_machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn agents_of_every_kind_are_adopted_and_answer_from_their_archives() {
    let _machine = whole_machine();
    let wanted = std::env::var("AGENTS").ok();
    let cases: Vec<&Case> = CASES
        .iter()
        .filter(|case| {
            wanted
                .as_deref()
                .is_none_or(|wanted| case.name.contains(wanted))
        })
        .collect();
    let bed = Bed::new();
    let next = AtomicUsize::new(0);
    let failed: Mutex<Vec<(&Case, String)>> = Mutex::default();
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        // Half of the time they wait for each other's answers.
        for _ in 0..cores * 2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = bed.tries(case) {
                        failed.lock().unwrap().push((case, why));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let without_a_flag = cases
        .iter()
        .filter(|case| case.flags.is_empty() && !failed.iter().any(|(f, _)| f.name == case.name))
        .count();
    // Shown even if the test passes.
    writeln!(
        std::io::stderr(),
        "agents: {without_a_flag} of {} are adopted and answer without a flag ({}%)",
        cases.len(),
        without_a_flag * 100 / cases.len().max(1)
    )
    .unwrap();
    let told: Vec<String> = failed
        .iter()
        .map(|(case, why)| format!("== {}\n{why}", case.name))
        .collect();
    assert!(failed.is_empty(), "{}", told.join("\n"));
    assert!(wanted.is_some() || without_a_flag * 100 >= cases.len() * SHARE);
}

#[test]
fn agents_from_templates_break_no_rule() {
    let _machine = whole_machine();
    let bed = Bed::new();
    for template in ["echo", "strands", "cost-estimator"] {
        // The speed of `/ping` depends on how busy the machine is.
        let words = ["--deny", "warnings", "--skip", "ping-slow"];
        bed.scaffolds(template, &words).unwrap();
    }
}

#[test]
fn every_agent_of_the_corpus_is_tried() {
    let folders = fs::read_dir(bed::corpus()).unwrap();
    let mut names: Vec<String> = folders
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut tried: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    tried.sort_unstable();
    assert_eq!(names, tried);
}

/// Copies an agent of the corpus into a project's directory, keeping its folder's name.
fn copied(case: &str) -> (Project, String) {
    let project = Project::new();
    let folder = fs::read_dir(bed::corpus().join(case))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let name = folder.file_name().to_string_lossy().into_owned();
    copy(&folder.path(), &project.path().join(&name));
    (project, name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
