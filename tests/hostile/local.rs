//! `--local` in a hostile checkout: installing and running the emulator.

use super::{checkout::Checkout, sweep};
use crate::support::installed;

const LINES: &[&[&str]] = &[
    &["status", "--local"],
    &["clean", "--local"],
    &["deploy", "--local", "--yes"],
    &["status", "--local"],
    &["invoke", "--local", "{\"prompt\":\"hi\"}"],
    &["logs", "--local"],
    &["versions", "--local"],
    &["local", "status"],
    &["clean", "--local", "--yes", "--logs"],
    &["local", "start"],
    &["local", "stop"],
];

/// Plants what a process of the emulator or its installation would import or run if it started in
/// the checkout.
fn plant(checkout: &Checkout) {
    for name in ["python", "python3", "uv"] {
        checkout.canary_script(&format!(".venv/bin/{name}"));
    }
    checkout
        .project
        .write(".venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.13.0\n");
    for module in [
        "pip",
        "venv",
        "ensurepip",
        "ministack",
        "hypercorn",
        "asyncio",
    ] {
        checkout.canary_module(&format!("{module}/__init__.py"));
        checkout.canary_module(&format!("{module}/__main__.py"));
    }
    for module in [
        "sitecustomize",
        "usercustomize",
        "json",
        "signal",
        "threading",
    ] {
        checkout.canary_module(&format!("{module}.py"));
    }
    checkout.project.write(
        "uv.toml",
        "no-build = false\nno-binary-package = [\"ministack\"]\n",
    );
}

#[test]
fn the_emulator_is_installed_and_run_without_the_checkout() {
    let checkout = Checkout::new();
    plant(&checkout);
    let checkout = checkout.sealed();
    let outcomes = sweep::run(&checkout, |cli| cli, LINES);
    for line in ["deploy --local --yes", "clean --local --yes --logs"] {
        let outcome = sweep::of(&outcomes, line);
        assert_eq!(outcome.code(), Some(0), "{line}: {}", outcome.stderr);
    }
}

#[test]
fn the_emulator_writes_and_removes_nothing_through_links() {
    for (at, to) in [
        ("target/agentcore/test-project-7k2qpx/local", "home/local"),
        ("target/agentcore/test-project-7k2qpx", "home"),
        ("target/agentcore", "outside"),
        (
            "target/agentcore/test-project-7k2qpx/local/emulator.json.new",
            "home/.bashrc",
        ),
        (
            "target/agentcore/test-project-7k2qpx/local/running.lock",
            "home/.bashrc",
        ),
    ] {
        let checkout = Checkout::new();
        installed::emulator_into(&checkout.root().join("cache/cargo-agentcore"));
        checkout.link(at, &checkout.root().join(to));
        let checkout = checkout.sealed();
        sweep::run(&checkout, |cli| cli, LINES);
    }
}
