//! No secret is shipped or shown, and nothing is excluded that only looks like one.

use std::collections::BTreeSet;

use super::{
    archive,
    corpus::{Case, harmless, secrets},
    kept::{bare, own},
    names, package,
    support::Project,
};

/// Returns a token in GitHub's form that was never issued.
fn token() -> String {
    ["gh", "p_", "k9Xw2Lq7Vb4Nc5Qz8Rt1Ym6Hd3Js0Fg7Ue4T"].concat()
}

/// Writes each case to its own folder below both roots. Returns the paths as they would be shipped.
fn lay(project: &Project, kind: &str, cases: &[Case]) -> BTreeSet<String> {
    let mut shipped = BTreeSet::new();
    for (number, (path, content)) in cases.iter().enumerate() {
        let place = match path.split_once('/') {
            // One repository of several files.
            Some(("mirror.git", _)) => format!("{kind}/{path}"),
            _ => format!("{kind}/{number:03}/{path}"),
        };
        project.write(&format!("deployment/{place}"), content);
        project.write(&format!("my_agent/{place}"), content);
        shipped.extend([format!("my_agent/{place}"), place]);
    }
    shipped
}

#[test]
fn every_file_of_the_corpus_that_holds_a_secret_stays_here_and_every_other_one_is_shipped() {
    let (secrets, harmless) = (secrets(), harmless());
    assert!(secrets.len() >= 120 && harmless.len() >= 60);
    let project = bare();
    let secret = lay(&project, "s", &secrets);
    let wanted = lay(&project, "h", &harmless);
    let outcome = package(&project).run().succeeds();
    let found: BTreeSet<String> = names(&archive(&project))
        .into_iter()
        .filter(|name| !name.contains("__pycache__"))
        .collect();
    let shipped: Vec<_> = found.intersection(&secret).collect();
    assert!(shipped.is_empty(), "secrets are shipped: {shipped:#?}");
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "left out for nothing: {missing:#?}");
    outcome.says(&[
        "`s/001/credentials.json`, line 1: an AWS access key with its secret",
        "`my_agent/s/001/credentials.json`, line 1: an AWS access key with its secret",
        "help: keep it in AWS Secrets Manager",
    ]);
}

#[test]
fn source_code_with_a_secret_is_shipped_with_its_line_in_a_warning_that_does_not_show_it() {
    let project = bare();
    let code = format!("import os\n\nTOKEN = \"{}\"\n", token());
    project.write("my_agent/tools.py", &code);
    project.write("deployment/page.js", &code);
    let outcome = package(&project)
        .args(["--output", "json"])
        .run()
        .succeeds();
    let found = names(&archive(&project));
    for name in ["my_agent/tools.py", "page.js"] {
        assert!(found.contains(&name.to_owned()), "{found:?}");
        let words = format!("`{name}`, line 3: a GitHub token");
        assert!(outcome.stderr.contains(&words), "{}", outcome.stderr);
    }
    assert!(
        outcome
            .stderr
            .contains("warning: source code contains what looks like a secret")
    );
    assert!(!outcome.stderr.contains(&token()) && !outcome.stdout.contains(&token()));
}

#[test]
fn include_brings_hidden_files_back_from_both_folders_and_no_secret() {
    let project = Project::new().agent_with(
        "my_agent",
        "runtime = \"python3.11\"\ninclude = [\".prompts/*.md\", \"my_agent/.prompts/*.md\", \".streamlit/\", \"keep.csv\", \".env\"]",
    );
    project.write("deployment/requirements.txt", "");
    for place in ["my_agent", "deployment"] {
        let write = |path: &str, text: &str| project.write(&format!("{place}/{path}"), text);
        write(".prompts/system.md", "Be kind.\n");
        write(".prompts/notes.txt", "x\n");
        write(".streamlit/config.toml", "x = 1\n");
        write(".streamlit/secrets.toml", "x = 1\n");
        write(".other/x.md", "x\n");
        write(".agentcoreignore", "ignored/\n");
        write("ignored/keep.csv", "1\n");
        write("ignored/other.csv", "1\n");
        write(".env", "A=1\n");
    }
    let outcome = package(&project).run().succeeds();
    let kept = [
        ".prompts/system.md",
        ".streamlit/config.toml",
        "ignored/keep.csv",
    ];
    assert_eq!(own(&project), kept);
    let copied: Vec<String> = names(&archive(&project))
        .into_iter()
        .filter_map(|name| name.strip_prefix("my_agent/").map(str::to_owned))
        .filter(|name| !name.contains(".py"))
        .collect();
    assert_eq!(copied, kept);
    outcome.says(&[
        "not shipped, because hidden files are only shipped if `include` names them: `.other`",
        "not shipped, because hidden files are only shipped if `include` names them: `my_agent/.other`",
        "`.streamlit/secrets.toml`",
    ]);
}

#[test]
fn a_login_in_a_url_is_shown_nowhere() {
    let project = bare();
    let secret = token();
    let requirement = format!("mine @ git+https://bob:{secret}@localhost/mine.git");
    project.write("deployment/requirements.txt", format!("{requirement}\n"));
    let outcome = package(&project)
        .args(["--output", "json", "-vv"])
        .run()
        .exits(3);
    assert!(!outcome.stderr.contains(&secret), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains(&secret), "{}", outcome.stdout);
    assert!(
        outcome
            .stderr
            .contains("git+https://***@localhost/mine.git"),
        "{}",
        outcome.stderr
    );

    let url = format!("ftp://bob:{secret}@localhost/");
    let outcome = package(&project).args(["--endpoint-url", &url]).run();
    assert!(!outcome.stderr.contains(&secret), "{}", outcome.stderr);
}

#[test]
fn requirements_that_lead_from_file_to_file_without_end_are_refused() {
    let project = bare();
    for number in 0..5_000 {
        let next = format!("-r more-{}.txt\n", number + 1);
        project.write(&format!("deployment/more-{number}.txt"), next);
    }
    project.write("deployment/requirements.txt", "-r more-0.txt\n");
    let outcome = package(&project).run().exits(3);
    let said = "the requirements lead to more than 200 files";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

#[test]
fn directories_without_end_are_refused() {
    let project = bare();
    let deep = "d/".repeat(150);
    project.write(&format!("my_agent/{deep}x.txt"), "x\n");
    let outcome = package(&project).run().exits(3);
    let said = "directories are nested more than 100 deep";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);

    let project = bare();
    project.write(&format!("deployment/{deep}x.txt"), "x\n");
    let outcome = package(&project).run().exits(1);
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}
