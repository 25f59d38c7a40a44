//! What in the deployment folder is not shipped, and what is refused.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    process::Command,
};

use super::{archive, names, package, project, python, support::Project};

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nQUtJQUlPU0ZPRE5ON0VYQU1QTEU\n-----END OPENSSH PRIVATE KEY-----\n";

/// Creates a project without dependencies, whose archive contains only the agent's own files.
pub(crate) fn bare() -> Project {
    let project = project();
    project.write("deployment/requirements.txt", "");
    project
}

fn link(project: &Project, target: &str, name: &str) {
    symlink(target, project.path().join("deployment").join(name)).unwrap();
}

/// Returns the archive's entries that the test created, without the agent and compiled files.
pub(crate) fn own(project: &Project) -> Vec<String> {
    let found = names(&archive(project)).into_iter();
    found
        .filter(|name| !name.starts_with("my_agent/") && !name.contains("__pycache__"))
        .filter(|name| !["invoke.py", "requirements.txt"].contains(&name.as_str()))
        .collect()
}

#[test]
fn a_secret_is_not_shipped_under_any_name() {
    let project = bare();
    project.write("deployment/.env", "TOKEN=in-the-env-file\n");
    project.write("deployment/prod.env", "TOKEN=in-the-env-file\n");
    project.write("deployment/.env.example", "TOKEN=\n");
    let aws = "aws_secret_access_key = in/the/Zq83bd0X+hTlwP4rT7uM1kLs9Vb2N\n";
    project.write("deployment/credentials", aws);
    let account = r#"{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n"}"#;
    project.write("deployment/service-account.json", account);
    project.write("deployment/.AWS/credentials", "in-the-credentials\n");
    project.write("deployment/data/.ssh/config", "in-the-config\n");
    project.write("deployment/deploy_key", KEY);
    project.write("deployment/server.pem", KEY);
    project.write("deployment/ca.pem", "-----BEGIN CERTIFICATE-----\nx\n");
    project.write("deployment/data/prices.csv", "1\n");
    for (target, name) in [
        (".env", "settings.txt"),
        ("settings.txt", "again.txt"),
        ("../.env", "data/settings.txt"),
        (".AWS", "cloud"),
        (".AWS/credentials", "cloud.txt"),
        ("data/.ssh", "shell"),
        ("server.pem", "cert.txt"),
        ("deploy_key", "key.py"),
        ("data", "tables"),
        ("ca.pem", "authority.txt"),
    ] {
        link(&project, target, name);
    }
    let outcome = package(&project).run().succeeds();
    assert_eq!(
        own(&project),
        [
            "authority.txt",
            "ca.pem",
            "data/prices.csv",
            "tables/prices.csv"
        ]
    );
    let code = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nall = b''.join(map(z.read, z.namelist()))\nprint(b'in-the-' in all or b'in/the/' in all, b'PRIVATE KEY' in all)";
    assert_eq!(python(code, &archive(&project)), "False False\n");
    outcome.says(&[
        "`.env`, ",
        "`prod.env`",
        "`credentials`, line 1: an AWS secret access key",
        "`service-account.json`",
        "`.AWS`, ",
        "`server.pem`",
        "`settings.txt` (a link to `.env`)",
        "`cloud` (a link to `.AWS`)",
        "`cert.txt` (a link to `server.pem`)",
        "not shipped, because such files contain secrets: ",
        "warning: files contain secrets and are not shipped",
        "`deploy_key`, line 1: a private key",
    ]);
}

#[test]
fn a_file_that_becomes_a_secret_leaves_the_next_archive() {
    let project = bare();
    project.write("deployment/notes", "harmless\n");
    package(&project).run().succeeds();
    assert_eq!(own(&project), ["notes"]);
    project.write("deployment/notes", KEY);
    let outcome = package(&project).run().succeeds();
    assert!(
        outcome.stderr.contains("`notes`, line 1: a private key"),
        "{}",
        outcome.stderr
    );
    assert!(own(&project).is_empty());
}

#[test]
fn a_link_out_of_the_folder_is_refused_whatever_it_leads_to() {
    let project = bare();
    project.write("secrets/.env", "TOKEN=1\n");
    project.write("elsewhere/table.csv", "1\n");
    link(&project, "../secrets/.env", "settings.txt");
    link(&project, "../elsewhere", "tables");
    link(&project, "nowhere", "gone.txt");
    fs::write(
        project
            .path()
            .join("deployment")
            .join(OsStr::from_bytes(b"bad\xff.txt")),
        "x",
    )
    .unwrap();
    let outcome = package(&project).run().exits(1);
    outcome.says(&[
        "the link `settings.txt` leads out of the deployment folder, to `../secrets/.env`",
        "the link `tables` leads out of the deployment folder, to `../elsewhere`",
        "the link `gone.txt` is broken: there is no `nowhere`",
        "is not UTF-8",
    ]);
    assert!(!archive(&project).exists());

    // What the rules exclude is not checked.
    project.write(
        "deployment/.agentcoreignore",
        "settings.txt\ntables/\ngone.txt\nbad?.txt\n",
    );
    let outcome = package(&project).run().succeeds();
    assert!(own(&project).is_empty());
    assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
}

#[test]
fn a_linked_environment_is_passed_over_and_a_pipe_is_named() {
    let project = bare();
    project.write("environments/a/pyvenv.cfg", "");
    project.write("environments/a/lib/x.py", "");
    link(&project, "../environments/a", "env");
    let made = Command::new("mkfifo")
        .arg(project.path().join("deployment/pipe"))
        .status();
    assert!(made.unwrap().success());
    let outcome = package(&project).run().succeeds();
    assert!(own(&project).is_empty());
    assert!(
        outcome.stderr.contains("neither a file nor a directory")
            && outcome.stderr.contains("note: pipe"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_an_ignore_rule_leaves_out_of_a_source_may_lead_anywhere() {
    let project = bare();
    project.write(".gitignore", ".venv\ndata/\nbad*.txt\n");
    project.write("my_agent/data/d.txt", "x");
    let source = project.path().join("my_agent");
    symlink("/usr/lib", source.join(".venv")).unwrap();
    symlink("nowhere", source.join("data/broken")).unwrap();
    fs::write(source.join(OsStr::from_bytes(b"bad\xff.txt")), "x").unwrap();
    package(&project).run().succeeds();
    let found = names(&archive(&project));
    let shipped: Vec<&String> = found
        .iter()
        .filter(|name| name.starts_with("my_agent/") && !name.contains("__pycache__"))
        .collect();
    assert_eq!(shipped, ["my_agent/__init__.py", "my_agent/agent.py"]);
}
