//! Cleans what the Python toolkit made: entries in its file, objects in its bucket and in others.

use super::{
    clean, prepare, project,
    support::{Ministack, Project, boto3, listing},
};

/// An entry as the toolkit writes it.
fn entry(name: &str, account: &str, region: &str, s3_path: &str) -> String {
    format!(
        "  {name}:\n    name: {name}\n    aws:\n      execution_role: arn:aws:iam::{account}:role/AgentCoreRole-{name}\n      \
         account: '{account}'\n      region: {region}\n      s3_path: {s3_path}\n    bedrock_agentcore:\n      agent_id: null\n"
    )
}

#[test]
fn the_entries_of_two_agents_go_from_one_file_and_the_file_with_the_last() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("two");
    let account = emulator.account();
    let before = listing(&emulator);
    let both = [
        entry("one", account, "us-east-1", "null"),
        entry("two", account, "us-east-1", "null"),
    ]
    .concat();
    let theirs = entry("theirs", account, "us-east-1", "null");
    for (rest, left) in [("", false), (theirs.as_str(), true)] {
        prepare(&project, &emulator);
        project.write(
            ".bedrock_agentcore.yaml",
            format!("default_agent: one\nagents:\n{both}{rest}"),
        );
        clean(&project, &emulator).run().succeeds();
        assert_eq!(project.has(".bedrock_agentcore.yaml"), left);
        assert_eq!(listing(&emulator), before);
    }
    assert_eq!(
        project.read(".bedrock_agentcore.yaml"),
        format!("default_agent: theirs\nagents:\n{theirs}")
    );
}

#[test]
fn an_object_in_the_toolkits_bucket_goes_and_what_is_in_any_other_stays() {
    let emulator = Ministack::start();
    let project = project();
    prepare(&project, &emulator);
    boto3(
        &emulator,
        "toolkits = f'bedrock-agentcore-codebuild-sources-{account}-us-east-1'\n\
         for bucket, keys in ((toolkits, ('one/deployment.zip', 'other/deployment.zip')), ('mine', ('team/x/one/deployment.zip',))):\n    \
             client('s3').create_bucket(Bucket=bucket)\n    \
             for key in keys:\n        \
                 client('s3').put_object(Bucket=bucket, Key=key, Body=b'x')\n",
    );
    let entry = entry("one", emulator.account(), "us-east-1", "s3://mine/team/x");
    project.write(".bedrock_agentcore.yaml", format!("agents:\n{entry}"));
    let done = clean(&project, &emulator).run().succeeds();
    assert!(
        done.stderr
            .contains("Keeping objects `s3://mine/team/x`: the toolkit's file names this place"),
        "{}",
        done.stderr
    );
    let left = boto3(
        &emulator,
        "s3 = client('s3')\nprint(sorted(found['Key'] for bucket in s3.list_buckets()['Buckets'] for found in s3.list_objects_v2(Bucket=bucket['Name'])['Contents']))",
    );
    assert_eq!(
        left.trim(),
        "['other/deployment.zip', 'team/x/one/deployment.zip']"
    );
}

#[test]
fn an_entry_with_somebody_elses_role_is_kept_with_its_cache_and_is_no_leftover() {
    let emulator = Ministack::start();
    let project = project();
    let theirs = entry("one", emulator.account(), "us-east-1", "null")
        .replace("AgentCoreRole-one", "SomebodyElsesRole");
    project.write(
        ".bedrock_agentcore.yaml",
        format!("default_agent: one\nagents:\n{theirs}"),
    );
    project.write(".bedrock_agentcore/one/state", "");
    let before = project.tree();
    for prepared in [false, true] {
        if prepared {
            prepare(&project, &emulator);
        }
        for _ in 0..2 {
            let done = clean(&project, &emulator).run().succeeds();
            done.says(&["Keeping entry `one`", "role/SomebodyElsesRole`"]);
            assert_eq!(project.tree(), before);
        }
    }
    clean(&project, &emulator)
        .arg("--include-yaml")
        .run()
        .succeeds();
    assert!(!project.has(".bedrock_agentcore.yaml") && !project.has(".bedrock_agentcore"));
}

#[test]
fn a_file_that_is_made_to_take_for_ever_is_refused_at_once_and_stays() {
    let emulator = Ministack::start();
    let project = project();
    let nested = "[".repeat(200_000);
    project.write(".bedrock_agentcore.yaml", &nested);
    let outcome = clean(&project, &emulator).run().exits(3);
    for words in [
        "the toolkit's file cannot be read: it is nested too deeply",
        ".bedrock_agentcore.yaml:1:",
    ] {
        assert!(outcome.stderr.contains(words), "{words}");
    }
    assert_eq!(project.read(".bedrock_agentcore.yaml"), nested);
}
