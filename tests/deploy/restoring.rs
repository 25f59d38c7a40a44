//! The archive of an unchanged runtime is restored if it is missing.

use std::time::{Duration, Instant};

use super::{deploy, deploy_json, project, writes};
use crate::support::{Cli, Emulator, Fault, Ministack, Moto, Proxy, Times, boto3};

/// Deletes all objects in the project's bucket.
const EMPTY: &str = r#"
s3 = client("s3")
[own] = [b["Name"] for b in s3.list_buckets()["Buckets"]]
for found in s3.list_objects_v2(Bucket=own)["Contents"]:
    s3.delete_object(Bucket=own, Key=found["Key"])
"#;

fn keys(emulator: &Emulator) -> String {
    let script = r"
s3 = client('s3')
for bucket in s3.list_buckets()['Buckets']:
    print([found['Key'] for found in s3.list_objects_v2(Bucket=bucket['Name']).get('Contents', [])])
";
    boto3(emulator, script)
}

#[test]
fn a_missing_archive_is_found_by_all_and_put_back_without_an_update() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        deploy(&project, &emulator).succeeds();
        let before = keys(&emulator);
        for damage in [
            EMPTY.to_owned(),
            format!("{EMPTY}s3.delete_bucket(Bucket=own)"),
        ] {
            boto3(&emulator, &damage);
            let proxy = Proxy::to(&emulator);
            let run = |words: &[&str]| Cli::new(&project).at(&proxy.url()).args(words).run();

            let status = run(&["status", "--output", "json"]).succeeds().json();
            let agent = &status["agents"][0];
            assert_eq!(agent["equal"], false, "{agent}");
            assert_eq!(agent["differences"][0]["field"], "artifact", "{agent}");
            let text = run(&["status"]).succeeds().stdout;
            for said in [
                "here differs",
                ".zip is no longer in the bucket -> upload it again",
            ] {
                assert!(text.contains(said), "{text}");
            }
            assert!(!text.contains("matches what is deployed"), "{text}");

            let check = run(&["deploy", "--check"]).exits(5);
            assert!(check.stderr.contains("Would upload "), "{}", check.stderr);
            assert!(!check.stderr.contains("Unchanged"), "{}", check.stderr);
            assert_eq!(writes(&proxy.actions()), Vec::<&String>::new());

            let restored = run(&["deploy"]).succeeds();
            assert!(
                restored.stderr.contains("Restored agent `one`: runtime `")
                    && restored.stderr.contains(
                        "version 1, its archive is in the bucket again; nothing was updated"
                    ),
                "{}",
                restored.stderr
            );
            let written = proxy.actions();
            let written = writes(&written);
            assert!(
                written.iter().all(|action| action.starts_with("s3:")),
                "{written:?}"
            );
            assert_eq!(keys(&emulator), before);
            run(&["deploy", "--check"]).succeeds();
            let again = deploy_json(&project, &emulator, &[]);
            assert_eq!(again["upload"]["how"], "not needed");
        }
    }
}

#[test]
fn a_store_that_does_not_say_whether_the_archive_is_there_is_a_warning_where_nothing_is_to_be_sent()
{
    let emulator = Ministack::start();
    let project = project();
    deploy(&project, &emulator).succeeds();
    let proxy = Proxy::to(&emulator);
    proxy.fault("s3:GetObject", Times::Always, Fault::denied());
    let run = |words: &[&str]| Cli::new(&project).at(&proxy.url()).args(words).run();
    for words in [&["deploy"][..], &["deploy", "--check"]] {
        let said = run(words).succeeds().stderr;
        for part in [
            "warning: cannot check whether the archive of `one` is still in the bucket",
            "`s3:GetObject`",
            "Unchanged",
        ] {
            assert!(said.contains(part), "{words:?}: {said}");
        }
    }
    project.write("one/more.py", "MORE = 1\n");
    let denied = run(&["deploy"]).exits(4);
    assert!(
        denied.stderr.contains("`s3:GetObject`"),
        "{}",
        denied.stderr
    );
}

/// The requests to the bucket and to the service run concurrently.
#[test]
fn an_unchanged_deploy_waits_for_the_bucket_no_longer_than_for_the_service() {
    let emulator = Ministack::start();
    let project = project();
    deploy(&project, &emulator).succeeds();
    let delay = Duration::from_secs(5);
    let proxy = Proxy::to(&emulator);
    for action in ["bedrock-agentcore:ListAgentRuntimes", "s3:GetObject"] {
        proxy.fault(action, Times::Always, Fault::Late(delay));
    }
    let start = Instant::now();
    let cli = Cli::new(&project).at(&proxy.url());
    cli.arg("deploy").run().succeeds();
    let took = start.elapsed();
    assert!(took >= delay && took < delay * 2, "{took:?}");
}
