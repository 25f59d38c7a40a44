//! A checkout's own settings: other credentials, other servers, other people's packages.

use std::fs;

use super::{checkout::Checkout, sweep};
use crate::support::{Cli, Ministack};

/// Sets up a profile whose credentials come from a program. It is the user's own, but not for the
/// checkout to choose.
fn with_profile(checkout: &Checkout) {
    let trace = checkout.trace("profile");
    let program = checkout.root().join("home/credentials.sh");
    fs::write(
        &program,
        format!(
            "#!/bin/sh\n: > '{trace}'\necho '{{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}}'\n"
        ),
    )
    .unwrap();
    fs::create_dir_all(checkout.root().join("home/.aws")).unwrap();
    fs::write(
        checkout.root().join("home/.aws/config"),
        format!(
            "[profile prod]\nregion = us-east-1\ncredential_process = sh {}\n",
            program.display()
        ),
    )
    .unwrap();
}

#[test]
fn a_profile_that_the_checkout_chooses_is_not_used_unasked() {
    let emulator = Ministack::start();
    let checkout = Checkout::new();
    with_profile(&checkout);
    checkout.project.write(
        "Cargo.toml",
        checkout
            .project
            .read("Cargo.toml")
            .replace("project =", "profile = \"prod\"\nproject ="),
    );
    let checkout = checkout.sealed();
    // Credentials in the environment override the table, so there must be none here.
    let url = emulator.url();
    let lead = |cli: Cli| cli.env("CARGO_AGENTCORE_ENDPOINT_URL", &url);
    let lines: &[&[&str]] = &[
        &["prepare"],
        &["deploy", "--yes"],
        &["status"],
        &["invoke", "{}"],
        &["logs"],
        &["versions"],
        &["endpoint", "list"],
        &["rollback"],
        &["stop-session"],
        &["clean", "--yes"],
    ];
    for (line, outcome) in sweep::run(&checkout, lead, lines) {
        assert_eq!(outcome.code(), Some(4), "{line}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("--profile prod"),
            "{line}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_checkout_does_not_decide_what_another_project_ships() {
    let listing = |checkout: &Checkout| {
        checkout
            .cli()
            .args(["package", "--list"])
            .run()
            .succeeds()
            .stdout
    };
    let clean = Checkout::new().sealed();
    let before = listing(&clean);
    assert!(before.contains("iniconfig/"), "{before}");

    let hostile = Checkout::new();
    let wheels = hostile.path("wheels");
    fs::create_dir(&wheels).unwrap();
    let made = std::process::Command::new("python3")
        .args(["-c", WHEEL])
        .arg(&wheels)
        .status()
        .unwrap();
    assert!(made.success(), "python3 makes the wheel of the test");
    let settings = format!(
        "no-index = true\nfind-links = [{:?}]\n",
        wheels.display().to_string()
    );
    for at in ["uv.toml", "deployment/uv.toml"] {
        hostile.project.write(at, &settings);
    }
    let mut hostile = hostile;
    // The cache shared by both.
    hostile.env(
        "XDG_CACHE_HOME",
        clean.root().join("cache").display().to_string(),
    );
    let hostile = hostile.sealed();
    let _ = hostile.cli().args(["package", "--rebuild"]).run();

    let mut third = Checkout::new();
    third.env(
        "XDG_CACHE_HOME",
        clean.root().join("cache").display().to_string(),
    );
    let third = third.sealed();
    let after = listing(&third);
    assert_eq!(before, after);
    let again = clean.cli().args(["package", "--list"]).run().succeeds();
    assert_eq!(before, again.stdout);
}

/// A wheel with the name and version that the clean project requires, but other content.
const WHEEL: &str = r#"
import sys, zipfile
name = "iniconfig-2.3.0"
with zipfile.ZipFile(f"{sys.argv[1]}/{name}-py3-none-any.whl", "w") as wheel:
    wheel.writestr("iniconfig/__init__.py", "")
    wheel.writestr("iniconfig/stolen.py", "")
    wheel.writestr(f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: iniconfig\nVersion: 2.3.0\n")
    wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{name}.dist-info/RECORD", "")
"#;
