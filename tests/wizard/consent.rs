//! What a checkout asks for: the user's consent is needed once, for a profile and for sources
//! outside.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::support::{Cli, Ministack, Project, Proxy, terminal::Terminal, wheels::with_uv};

const CREDENTIALS: &str = "[dev]\naws_access_key_id = test\naws_secret_access_key = test\n\
                           [prod]\naws_access_key_id = test\naws_secret_access_key = test\n";

fn naming(profile: &str) -> Project {
    Project::new()
        .metadata(&format!("region = \"us-east-1\"\nprofile = \"{profile}\""))
        .agent("one")
        .home_file(".aws/credentials", CREDENTIALS)
}

fn status(project: &Project, proxy: &Proxy) -> Cli {
    Cli::new(project)
        .env("CARGO_AGENTCORE_ENDPOINT_URL", proxy.url())
        .arg("status")
}

#[test]
fn without_a_terminal_a_profile_of_the_metadata_is_not_used() {
    let emulator = Ministack::start();
    let proxy = Proxy::to(&emulator);
    let project = naming("dev");
    let manifest = project.path().join("Cargo.toml");
    for command in ["status", "prepare", "deploy", "clean", "logs", "versions"] {
        let refused = Cli::new(&project)
            .env("CARGO_AGENTCORE_ENDPOINT_URL", proxy.url())
            .arg(command)
            .run()
            .exits(4);
        let said = format!(
            "error: `{}` names the AWS profile `dev`, and you have not confirmed it for `{}`",
            manifest.display(),
            project.path().display()
        );
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
        let help = "pass `--profile dev` or set CARGO_AGENTCORE_PROFILE=dev";
        assert!(refused.stderr.contains(help), "{}", refused.stderr);
    }
    let invoke = Cli::new(&project).args(["invoke", "{}"]);
    let invoke = invoke.env("CARGO_AGENTCORE_ENDPOINT_URL", proxy.url());
    let refused = invoke.run().exits(4);
    assert!(
        refused.stderr.contains("names the AWS profile"),
        "{}",
        refused.stderr
    );
    assert!(proxy.requests().is_empty(), "nobody was asked anything");

    status(&project, &proxy)
        .args(["--profile", "dev"])
        .run()
        .succeeds();
    status(&project, &proxy)
        .env("CARGO_AGENTCORE_PROFILE", "dev")
        .run()
        .succeeds();
    status(&project, &proxy)
        .env("AWS_PROFILE", "prod")
        .run()
        .succeeds();
    // None of these was recorded as consent to the metadata's profile.
    status(&project, &proxy).run().exits(4);
}

#[test]
fn at_a_terminal_a_profile_is_confirmed_once_for_a_folder() {
    let emulator = Ministack::start();
    let proxy = Proxy::to(&emulator);
    let project = naming("dev");
    let question = "names the AWS profile `dev`. Use it for everything in `";
    for (answer, code) in [("\r", 4), ("n\r", 4), ("y\r", 0)] {
        let mut terminal = Terminal::run(&status(&project, &proxy));
        terminal.sees(question);
        terminal.types(answer);
        let (ended, screen) = terminal.ends();
        assert_eq!(ended.code(), Some(code), "{answer:?}: {screen}");
        if code != 0 {
            assert!(proxy.requests().is_empty(), "{screen}");
        }
    }
    let remembered = status(&project, &proxy).run().succeeds();
    assert!(
        remembered.stderr.contains("profile `dev` (metadata)"),
        "{}",
        remembered.stderr
    );

    let kept = project.home().join(".cache/cargo-agentcore/confirmed");
    let files: Vec<_> = fs::read_dir(&kept)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    let mode = fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);

    // Another profile or folder needs another consent.
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", manifest.replace("\"dev\"", "\"prod\""));
    let changed = status(&project, &proxy).run().exits(4);
    assert!(
        changed.stderr.contains("profile `prod`"),
        "{}",
        changed.stderr
    );
    project.write("../elsewhere/Cargo.toml", &manifest);
    for file in [
        "one/__init__.py",
        "deployment/invoke.py",
        "deployment/requirements.txt",
    ] {
        project.write(&format!("../elsewhere/{file}"), "");
    }
    let copied = Cli::in_directory(&project.root().join("elsewhere"), project.root())
        .env("CARGO_AGENTCORE_ENDPOINT_URL", proxy.url())
        .arg("status")
        .run()
        .exits(4);
    assert!(copied.stderr.contains("profile `dev`"), "{}", copied.stderr);
}

#[test]
fn sources_outside_are_confirmed_once_or_named_by_the_user() {
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one");
    project.write("../outside/__init__.py", "");
    project.write(
        "../outside/agent.py",
        "def answer(prompt: str) -> str:\n    return prompt\n",
    );
    std::os::unix::fs::symlink("../outside", project.path().join("link")).unwrap();
    let manifest = project.read("Cargo.toml");
    let naming = |source: &str| {
        let changed = manifest.replace(
            "source = \"one\"",
            &format!("source = \"{source}\"\nimport-name = \"one\""),
        );
        assert_ne!(changed, manifest);
        project.write("Cargo.toml", changed);
    };
    project.write("deployment/requirements.txt", "");
    let package = || Cli::new(&project).arg("package");
    let outside = project.root().join("outside").display().to_string();
    for source in ["../outside", "link"] {
        naming(source);
        for command in ["package", "prepare", "deploy"] {
            let refused = Cli::new(&project).args([command, "--region", "us-east-1"]);
            let refused = if command == "package" {
                package().run()
            } else {
                refused.run()
            };
            let refused = refused.exits(4);
            let said = format!("are outside the checkout, in `{outside}`");
            assert!(refused.stderr.contains(&said), "{}", refused.stderr);
            assert!(
                refused.stderr.contains("--source-dir"),
                "{}",
                refused.stderr
            );
        }
    }
    package()
        .args(["--source-dir", "../outside"])
        .run()
        .succeeds();
    package().run().exits(4);
    let mut terminal = Terminal::run(&package());
    terminal.sees("outside the checkout. Read and ship them?");
    terminal.types("y\r");
    let (ended, screen) = terminal.ends();
    assert!(ended.success(), "{screen}");
    package().run().succeeds();
    naming("../outside");
    package().run().succeeds();
}

#[test]
fn who_adopts_sources_outside_has_confirmed_them() {
    let project = Project::new();
    project.write(
        "../outside/main.py",
        "def answer(prompt):\n    return prompt\n",
    );
    Cli::new(&project)
        .args([
            "init",
            "--source",
            "../outside",
            "--handler",
            "outside.main:answer",
            "--yes",
        ])
        .run()
        .succeeds();
    let packaged = with_uv(Cli::new(&project)).arg("package").run();
    assert!(
        !packaged.stderr.contains("outside the checkout"),
        "{}",
        packaged.stderr
    );
}
