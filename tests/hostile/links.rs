//! Links in the checkout that point to other people's files.

use std::fs;

use super::{checkout::Checkout, sweep};
use crate::support::{Emulator, Ministack};

/// The project of the checkout, by its name in the target directory.
const PROJECT: &str = "test-project-7k2qpx";

/// A link in the checkout, and its target below the root.
const LINKS: &[(&str, &str)] = &[
    ("target", "outside"),
    ("target/agentcore", "outside"),
    ("target/agentcore/test-project-7k2qpx", "home"),
    (
        "target/agentcore/test-project-7k2qpx/my_agent",
        "home/Documents",
    ),
    ("target/agentcore/test-project-7k2qpx/local", "home/local"),
    (
        "target/agentcore/test-project-7k2qpx/sessions",
        "home/Documents",
    ),
    (".bedrock_agentcore", "home"),
    (".bedrock_agentcore/my_agent", "home/Documents"),
    ("deployment", "outside"),
    ("deployment/my_agent", "home/Documents"),
    ("deployment/.cargo-agentcore", "home/.bashrc"),
    ("my_agent", "home/.ssh"),
    ("my_agent/config", "home/.ssh/config"),
    (".gitignore", "home/.bashrc"),
    ("deployment/.gitignore", "home/.bashrc"),
    ("another", "outside"),
];

/// Files written under predictable names, which a checkout can replace by links.
const FILES: &[&str] = &[
    "target/agentcore/test-project-7k2qpx/my_agent/deployment.zip",
    "target/agentcore/test-project-7k2qpx/my_agent/deployment.json",
    "target/agentcore/test-project-7k2qpx/my_agent/lock",
    "target/agentcore/test-project-7k2qpx/lock",
    "target/agentcore/test-project-7k2qpx/local/emulator.json",
    "target/agentcore/test-project-7k2qpx/local/emulator.json.new",
    "target/agentcore/test-project-7k2qpx/local/running.lock",
    "target/agentcore/test-project-7k2qpx/local/start.lock",
    "target/agentcore/test-project-7k2qpx/local/log",
    "target/agentcore/test-project-7k2qpx/local/stop",
];

fn swept(emulator: &Emulator, links: &[(&str, &str)]) {
    let checkout = Checkout::new();
    for (at, to) in links {
        checkout.link(at, &checkout.root().join(to));
    }
    checkout.project.write(
        ".bedrock_agentcore.yaml",
        "default_agent: my_agent\nagents:\n  my_agent:\n    name: my_agent\n    entrypoint: deployment/invoke.py\n",
    );
    let checkout = checkout.sealed();
    sweep::every_command(&checkout, emulator);
}

#[test]
fn no_command_follows_a_link_to_a_directory() {
    let emulator = Ministack::start();
    for link in LINKS {
        swept(&emulator, &[*link]);
    }
}

#[test]
fn no_command_writes_through_a_link_to_a_file() {
    let emulator = Ministack::start();
    let links: Vec<(&str, &str)> = FILES.iter().map(|at| (*at, "home/.bashrc")).collect();
    swept(&emulator, &links);
    let missing: Vec<(&str, &str)> = FILES.iter().map(|at| (*at, "home/.profile")).collect();
    swept(&emulator, &missing);
}

#[test]
fn a_target_directory_that_the_checkout_chooses_is_used_for_our_own_files_alone() {
    let emulator = Ministack::start();
    let checkout = Checkout::new();
    // With `CARGO_TARGET_DIR` a user may choose any directory; a checkout may not.
    let home = checkout.root().join("home").display().to_string();
    fs::create_dir_all(
        checkout
            .root()
            .join(format!("home/agentcore/{PROJECT}/my_agent")),
    )
    .unwrap();
    fs::write(
        checkout
            .root()
            .join(format!("home/agentcore/{PROJECT}/my_agent/notes.txt")),
        "mine\n",
    )
    .unwrap();
    checkout.project.write(
        ".cargo/config.toml",
        format!("[build]\ntarget-dir = {home:?}\n"),
    );
    let checkout = checkout.sealed();
    sweep::every_command(&checkout, &emulator);
}
