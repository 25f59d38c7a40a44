//! Foreign policies and tags on the project's role: never changed, always reported, and a finding.

use serde_json::{Value, json};

use super::{
    project,
    support::{Cli, Emulator, Ministack, Moto, Outcome, Project, boto3},
};

fn run(project: &Project, emulator: &Emulator, words: &[&str]) -> Outcome {
    Cli::new(project).on(emulator).args(words).run()
}

/// Returns the role's policies and tags.
fn role(emulator: &Emulator) -> Value {
    let role = boto3(
        emulator,
        r#"
iam = client("iam")
name = "AgentCoreRole-one"
print(json.dumps({
    "inline": iam.list_role_policies(RoleName=name)["PolicyNames"],
    "tags": {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]},
}))
"#,
    );
    serde_json::from_str(&role).unwrap()
}

#[test]
fn policies_and_tags_of_others_are_warned_of_left_and_found_by_check() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        project.write("deployment/requirements.txt", "");
        run(&project, &emulator, &["prepare"]).succeeds();
        run(&project, &emulator, &["prepare", "--check"]).succeeds();
        boto3(
            &emulator,
            r#"
iam = client("iam")
everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam.put_role_policy(RoleName="AgentCoreRole-one", PolicyName="Admin", PolicyDocument=json.dumps(everything))
iam.tag_role(RoleName="AgentCoreRole-one", Tags=[{"Key": "foreign", "Value": "1"}])
"#,
        );
        let before = role(&emulator);
        let checks = [
            &["prepare", "--check", "-q"][..],
            &["deploy", "--check", "-q"],
        ];
        for check in checks {
            let found = run(&project, &emulator, check).exits(5);
            found.says(&[
                "has inline policies that are not ours: `Admin`",
                "has tags that are not ours: `foreign`",
            ]);
        }
        let document = ["prepare", "--check", "--output", "json"];
        let document = run(&project, &emulator, &document).exits(5).json();
        assert_eq!(document["agents"][0]["changes"], json!([]));
        let shown = &document["agents"][0]["role"];
        assert_eq!(shown["foreign"].as_array().unwrap().len(), 2, "{shown}");
        // A command that writes only warns.
        let prepared = run(&project, &emulator, &["prepare"]).succeeds();
        assert!(prepared.stderr.contains("`foreign`"), "{}", prepared.stderr);
        assert_eq!(role(&emulator), before);
    }
}

#[test]
fn a_declared_tag_comes_and_goes_with_the_metadata_and_anybody_elses_stays() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = Project::new()
            .metadata("region = \"us-east-1\"\ntags = { team = \"x\", cost = \"7\" }")
            .agent("one");
        run(&project, &emulator, &["prepare"]).succeeds();
        boto3(
            &emulator,
            "client('iam').tag_role(RoleName='AgentCoreRole-one', Tags=[{'Key': 'theirs', 'Value': '1'}])",
        );
        let text = project.read("Cargo.toml");
        project.write("Cargo.toml", text.replace("team = \"x\", ", ""));
        let planned = run(&project, &emulator, &["prepare", "--check"]).exits(5);
        assert!(
            planned
                .stderr
                .contains("Would remove tags team of role `AgentCoreRole-one`"),
            "{}",
            planned.stderr
        );
        run(&project, &emulator, &["prepare"]).succeeds();
        let tags = &role(&emulator)["tags"];
        assert_eq!(
            (&tags["team"], &tags["cost"], &tags["theirs"]),
            (&Value::Null, &json!("7"), &json!("1"))
        );
        let again = run(&project, &emulator, &["prepare"]).succeeds();
        assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
    }
}
