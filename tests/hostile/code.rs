//! Programs and modules in a checkout, in places where a tool might run them.

use std::path::Path;

use super::{checkout::Checkout, sweep};
use crate::support::{Ministack, bed, command::home_of};

/// Fills every place below a directory from which Python, uv or pip could run something.
fn plant(checkout: &Checkout, directory: &str) {
    let at = |path: &str| Path::new(directory).join(path).display().to_string();
    for name in ["python", "python3", "python3.13", "uv", "pip"] {
        checkout.canary_script(&at(&format!(".venv/bin/{name}")));
    }
    checkout.project.write(
        &at(".venv/pyvenv.cfg"),
        "home = /usr/bin\nversion = 3.13.0\n",
    );
    for module in [
        "pip",
        "venv",
        "ensurepip",
        "ministack",
        "compileall",
        "zipfile",
    ] {
        checkout.canary_module(&at(&format!("{module}/__init__.py")));
        checkout.canary_module(&at(&format!("{module}/__main__.py")));
    }
    for module in [
        "sitecustomize",
        "usercustomize",
        "json",
        "py_compile",
        "site",
    ] {
        checkout.canary_module(&at(&format!("{module}.py")));
    }
}

#[test]
fn python_and_its_modules_in_the_checkout_are_never_run() {
    let emulator = Ministack::start();
    let checkout = Checkout::new();
    plant(&checkout, "");
    plant(&checkout, "deployment");
    checkout.project.write(
        "deployment/.agentcoreignore",
        "/*/\n!/my_agent/\n/*.py\n!/invoke.py\n",
    );
    for at in ["", "deployment/"] {
        checkout
            .project
            .write(&format!("{at}.python-version"), "./.venv\n");
        checkout
            .project
            .write(&format!("{at}.tool-versions"), "python path:./.venv\n");
    }
    let checkout = checkout.sealed();
    let outcomes = sweep::every_command(&checkout, &emulator);
    for line in [
        "package",
        "deploy --yes",
        "status",
        "clean --yes --logs --include-yaml",
    ] {
        assert_eq!(
            sweep::of(&outcomes, line).code(),
            Some(0),
            "{line}: {}",
            sweep::of(&outcomes, line).stderr
        );
    }
}

#[test]
fn without_uv_the_pip_of_the_checkout_is_not_run() {
    let emulator = Ministack::start();
    let mut checkout = Checkout::new();
    plant(&checkout, "");
    plant(&checkout, "deployment");
    checkout.project.write(
        "deployment/.agentcoreignore",
        "/*/\n!/my_agent/\n/*.py\n!/invoke.py\n",
    );
    // The system's own Python, without uv.
    checkout.env("CARGO", env!("CARGO"));
    checkout.env("PATH", "/usr/bin:/bin");
    let checkout = checkout.sealed();
    sweep::every_command(&checkout, &emulator);
}

#[test]
fn programs_of_the_checkout_are_not_found_on_a_relative_path() {
    let emulator = Ministack::start();
    let mut checkout = Checkout::new();
    for name in [
        "uv",
        "python3",
        "python3.13",
        "python",
        "pip",
        "pip3",
        "git",
    ] {
        checkout.canary_script(name);
        checkout.canary_script(&format!("bin/{name}"));
        checkout.canary_script(&format!("deployment/{name}"));
    }
    checkout.project.write(
        "deployment/.agentcoreignore",
        "/*\n!/my_agent/\n!/invoke.py\n!/requirements.txt\n",
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = checkout.path("bin");
    checkout.env("PATH", format!(".:bin::{}:{path}", bin.display()));
    let checkout = checkout.sealed();
    sweep::every_command(&checkout, &emulator);
}

#[test]
fn settings_of_uv_and_pip_in_the_checkout_build_nothing() {
    let emulator = Ministack::start();
    let checkout = Checkout::new();
    let trace = checkout.trace("setup.py");
    let setup = format!(
        "open({trace:?}, 'w').close()\nfrom setuptools import setup\nsetup(name='iniconfig', version='99')\n"
    );
    checkout
        .project
        .write("sdist/iniconfig-99/setup.py", &setup);
    checkout.project.write(
        "sdist/iniconfig-99/PKG-INFO",
        "Metadata-Version: 2.1\nName: iniconfig\nVersion: 99\n",
    );
    let packed = std::process::Command::new("tar")
        .args(["-czf", "iniconfig-99.tar.gz", "iniconfig-99"])
        .current_dir(checkout.path("sdist"))
        .status()
        .unwrap();
    assert!(packed.success());
    let wheels = checkout.path("sdist").display().to_string();
    let settings = format!(
        "no-binary-package = [\"iniconfig\"]\nfind-links = [{wheels:?}]\nno-build = false\n\
         [pip]\nno-binary = [\"iniconfig\"]\n"
    );
    for at in ["", "deployment/"] {
        checkout.project.write(&format!("{at}uv.toml"), &settings);
        checkout.project.write(
            &format!("{at}pip.conf"),
            format!("[global]\nno-binary = :all:\nfind-links = {wheels}\n"),
        );
        checkout.project.write(
            &format!("{at}pyproject.toml"),
            format!(
                "[project]\nname = \"x\"\nversion = \"1\"\n\n[tool.uv]\nno-binary-package = \
                 [\"iniconfig\"]\nfind-links = [{wheels:?}]\n"
            ),
        );
    }
    let checkout = checkout.sealed();
    sweep::every_command(&checkout, &emulator);
}

#[test]
fn cargo_configuration_of_the_checkout_runs_nothing() {
    let emulator = Ministack::start();
    let checkout = Checkout::new();
    checkout.canary_script("evil/rustc");
    checkout.canary_script("evil/wrapper");
    checkout.canary_script("evil/provider");
    checkout.canary_script("build.sh");
    let evil = checkout.path("evil").display().to_string();
    checkout.project.write(
        ".cargo/config.toml",
        format!(
            "[build]\nrustc = \"{evil}/rustc\"\nrustc-wrapper = \"{evil}/wrapper\"\n\
             rustc-workspace-wrapper = \"{evil}/wrapper\"\n\n[alias]\nmetadata = \"run\"\n\n\
             [registry]\nglobal-credential-providers = [\"{evil}/provider\"]\n\n\
             [env]\nPATH = {{ value = \"{evil}\", force = true }}\n"
        ),
    );
    let checkout = checkout.sealed();
    let outcomes = sweep::every_command(&checkout, &emulator);
    assert_eq!(
        sweep::of(&outcomes, "package").code(),
        Some(0),
        "{}",
        sweep::of(&outcomes, "package").stderr
    );
}

#[test]
fn a_toolchain_of_the_checkout_is_not_started() {
    let emulator = Ministack::start();
    let mut checkout = Checkout::new();
    for name in ["cargo", "rustc"] {
        checkout.canary_script(&format!("toolchain/bin/{name}"));
    }
    let toolchain = checkout.path("toolchain").display().to_string();
    checkout.project.write(
        "rust-toolchain.toml",
        format!("[toolchain]\npath = {toolchain:?}\n"),
    );
    // As `cargo-agentcore`, without cargo before it, and with rustup's cargo, which chooses a
    // toolchain, before the toolchain's own.
    checkout.env("RUSTUP_TOOLCHAIN", "");
    let proxies = home_of("CARGO_HOME", ".cargo").join("bin");
    let path = bed::path_with_uv().into_string().unwrap();
    checkout.env("PATH", format!("{}:{path}", proxies.display()));
    let checkout = checkout.sealed();
    sweep::every_command(&checkout, &emulator);
}
