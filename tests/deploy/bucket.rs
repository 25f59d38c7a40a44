//! The project's bucket over its life: its settings are in place before each upload.

use serde_json::{Value, json};

use super::{Cli, Emulator, Ministack, Moto, Project, boto3, deploy, settling, writes};

const TAGGED: &str =
    "region = \"us-east-1\"\ntags = { team = \"x\" }\nstages.prod.tags = { stage = \"y\" }";

fn project() -> Project {
    let project = Project::new()
        .metadata(TAGGED)
        .agent_with("one", "tags = { own = \"z\" }");
    project.write("deployment/requirements.txt", "");
    project
}

/// Returns the tags, public access blocks, and IDs of the lifecycle rules.
fn settings(emulator: &Emulator) -> Value {
    let found = boto3(
        emulator,
        r#"
s3 = client("s3")
bucket = s3.list_buckets()["Buckets"][0]["Name"]
def asked(ask):
    try:
        return ask(Bucket=bucket)
    except Exception:
        return {}
print(json.dumps({
    "tags": {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]},
    "private": all(asked(s3.get_public_access_block).get("PublicAccessBlockConfiguration", {"none": False}).values()),
    "encrypted": bool(asked(s3.get_bucket_encryption)),
    "rules": sorted(rule["ID"] for rule in asked(s3.get_bucket_lifecycle_configuration).get("Rules", [])),
}))
"#,
    );
    serde_json::from_str(&found).unwrap()
}

fn change(project: &Project, number: u32) {
    project.write("one/more.py", format!("MORE = {number}\n"));
}

#[test]
fn the_tags_of_the_table_come_to_the_bucket_and_others_stay() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        deploy(&project, &emulator).succeeds();
        let mut wanted = json!({
            "cargo-agentcore:managed": "true", "cargo-agentcore:project": "test-project-7k2qpx", "team": "x",
        });
        assert_eq!(
            settings(&emulator)["tags"],
            wanted,
            "not those of one agent"
        );

        boto3(
            &emulator,
            "s3 = client('s3')\nbucket = s3.list_buckets()['Buckets'][0]['Name']\ntags = s3.get_bucket_tagging(Bucket=bucket)['TagSet']\ns3.put_bucket_tagging(Bucket=bucket, Tagging={'TagSet': tags + [{'Key': 'theirs', 'Value': '1'}]})",
        );
        let text = project.read("Cargo.toml");
        project.write("Cargo.toml", text.replace("team = \"x\"", "team = \"new\""));
        change(&project, 1);
        let done = deploy(&project, &emulator).succeeds();
        assert!(done.stderr.contains("Tagging bucket"), "{}", done.stderr);
        wanted["team"] = "new".into();
        wanted["theirs"] = "1".into();
        assert_eq!(settings(&emulator)["tags"], wanted);
    }
}

#[test]
fn what_was_taken_off_the_bucket_is_foreseen_and_put_back_by_a_deploy_that_uploads() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        deploy(&project, &emulator).succeeds();
        let whole = settings(&emulator);
        assert_eq!(
            (&whole["private"], &whole["encrypted"], &whole["rules"]),
            (
                &json!(true),
                &json!(true),
                &json!(["drop-unfinished-uploads"])
            )
        );
        // A deploy without an upload only asks the bucket whether its archive exists.
        let proxy = settling(&emulator);
        Cli::new(&project)
            .at(&proxy.url())
            .arg("deploy")
            .run()
            .succeeds();
        let mut asked = proxy.actions();
        asked.retain(|action| action.starts_with("s3:"));
        assert_eq!(asked, ["s3:GetObject"]);

        boto3(
            &emulator,
            r#"
s3 = client("s3")
bucket = s3.list_buckets()["Buckets"][0]["Name"]
s3.delete_public_access_block(Bucket=bucket)
s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [{"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 7}}]})
"#,
        );
        change(&project, 1);
        let proxy = settling(&emulator);
        let check = Cli::new(&project)
            .at(&proxy.url())
            .args(["deploy", "--check"])
            .run()
            .exits(5);
        let said = [
            "block public access to bucket `",
            "limit unfinished uploads in bucket `",
        ];
        for what in said {
            assert!(check.stderr.contains(what), "{what}: {}", check.stderr);
        }
        assert_eq!(writes(&proxy.actions()), Vec::<&String>::new());

        let done = deploy(&project, &emulator).succeeds();
        assert!(
            done.stderr.contains("Blocking public access to bucket"),
            "{}",
            done.stderr
        );
        let mended = settings(&emulator);
        assert_eq!(
            mended["rules"],
            json!(["drop-unfinished-uploads", "theirs"])
        );
        assert_eq!(
            (&mended["private"], &mended["tags"]),
            (&json!(true), &whole["tags"])
        );
    }
}
