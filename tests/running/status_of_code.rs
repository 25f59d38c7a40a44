//! `status` compares the code without packaging it, and shows the age of the deployed archive.

use std::fs;

use serde_json::{Value, json};

use crate::support::{
    Emulator, Fault, Ministack, Project, Proxy, Times, boto3,
    runtimes::{project, run, says},
};

/// Deploys a project without dependencies, so that no index is needed.
pub fn deployed() -> (Project, Emulator) {
    let emulator = Ministack::start();
    let project = project();
    project.write("deployment/requirements.txt", "");
    run(&project, &emulator, &["deploy"]).succeeds();
    (project, emulator)
}

pub fn status(project: &Project, emulator: &Emulator) -> Value {
    let status = run(project, emulator, &["status", "--output", "json"]).succeeds();
    status.json()["agents"][0].clone()
}

#[test]
fn code_is_equal_until_a_file_that_is_shipped_changes_and_again_once_it_is_deployed() {
    let (project, emulator) = deployed();
    let is_equal = |what: &str| {
        let agent = status(&project, &emulator);
        let said = (&agent["equal"], &agent["code"], &agent["differences"]);
        assert_eq!(said, (&json!(true), &json!("equal"), &json!([])), "{what}");
    };
    is_equal("deployed");
    let text = run(&project, &emulator, &["status"]).succeeds();
    says(&text, &["here", "matches what is deployed"]);

    for (path, shipped) in [
        ("one/agent.py", "one/agent.py"),
        ("deployment/invoke.py", "invoke.py"),
        ("deployment/requirements.txt", "requirements.txt"),
    ] {
        let before = project.read(path);
        project.write(path, format!("{before}# one more line\n"));
        let (tree, agent) = (project.tree(), status(&project, &emulator));
        assert_eq!(project.tree(), tree, "nothing is written");
        assert_eq!(
            (&agent["equal"], &agent["code"]),
            (&json!(false), &json!("differs"))
        );
        let difference = &agent["differences"][0];
        assert_eq!(difference["field"], "code");
        assert_eq!(
            difference["after"],
            format!("not packaged yet: `{shipped}`")
        );
        let text = run(&project, &emulator, &["status"]).succeeds();
        says(&text, &["here differs", "code: s3://", shipped]);
        // A check that packages the code has the same result.
        run(&project, &emulator, &["deploy", "--check"]).exits(5);
        project.write(path, before);
        is_equal(path);
    }

    project.write("one/more.py", "MORE = 1\n");
    run(&project, &emulator, &["prepare"]).succeeds();
    run(&project, &emulator, &["package"]).succeeds();
    let agent = status(&project, &emulator);
    let after = agent["differences"][0]["after"].as_str().unwrap();
    assert!(
        after.starts_with("s3://"),
        "what was built last is another archive: {agent}"
    );
    run(&project, &emulator, &["deploy"]).succeeds();
    is_equal("deployed again");
}

#[test]
fn what_cannot_be_compared_is_said_and_is_neither_equal_nor_an_error() {
    let (project, emulator) = deployed();
    let is_unknown = || {
        let agent = status(&project, &emulator);
        assert_eq!(
            (&agent["state"], &agent["equal"], &agent["code"]),
            (&json!("deployed"), &Value::Null, &json!("unknown"))
        );
    };
    let source = project.path().join("one");
    fs::rename(&source, project.path().join("elsewhere")).unwrap();
    is_unknown();
    let text = run(&project, &emulator, &["status"]).succeeds();
    says(
        &text,
        &["note: the code of `one` was not compared: ", "`one`"],
    );
    fs::rename(project.path().join("elsewhere"), source).unwrap();

    // As in a fresh clone.
    fs::remove_dir_all(project.path().join("target")).unwrap();
    is_unknown();
    let text = run(&project, &emulator, &["status"]).succeeds();
    says(
        &text,
        &["the code was not compared: nothing was built here yet"],
    );
}

#[test]
fn the_deployed_archive_has_an_age_unless_s3_does_not_say_or_it_is_gone() {
    let (project, emulator) = deployed();
    let agent = status(&project, &emulator);
    let stored = agent["artifact"]["stored"].as_str().unwrap();
    assert!(stored.ends_with('Z'), "{stored}");
    let text = run(&project, &emulator, &["status"]).succeeds();
    says(&text, &[&format!(".zip, since {stored} ("), " ago)"]);

    let proxy = Proxy::to(&emulator);
    proxy.fault("s3:GetObject", Times::Always, Fault::denied());
    let denied = crate::support::Cli::new(&project)
        .at(&proxy.url())
        .arg("status")
        .run()
        .succeeds();
    says(
        &denied,
        &["cannot determine the age of the archive of `one`"],
    );

    boto3(
        &emulator,
        "s3 = client('s3')\nbucket = s3.list_buckets()['Buckets'][0]['Name']\nfor found in s3.list_objects_v2(Bucket=bucket)['Contents']:\n    s3.delete_object(Bucket=bucket, Key=found['Key'])",
    );
    assert_eq!(
        status(&project, &emulator)["artifact"]["stored"],
        Value::Null
    );
    let text = run(&project, &emulator, &["status"]).succeeds();
    says(&text, &["which is no longer in the bucket"]);
}
