//! Cleans what `deploy` made: archives next to those of other agents and stages, endpoints, the
//! bucket itself, builds on disk.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    Cli, Emulator, Fault, Ministack, Moto, Outcome, Project, Proxy, Times, boto3,
    emulator::listing_of, listing,
};

/// Agents without dependencies, so that no package index is needed.
pub fn project(agents: &[&str]) -> Project {
    let mut project = Project::new()
        .metadata("region = \"us-east-1\"\n[workspace.metadata.agentcore.stages.prod]");
    for agent in agents {
        project = project.agent(agent);
    }
    for (at, agent) in agents.iter().enumerate() {
        let folder = if at == 0 {
            "deployment".to_owned()
        } else {
            format!("deployment-{agent}")
        };
        project.write(&format!("{folder}/requirements.txt"), "");
    }
    project
}

pub fn run(project: &Project, emulator: &Emulator, words: &[&str]) -> Outcome {
    Cli::new(project).on(emulator).args(words).run()
}

/// Returns the first parts of the keys in the project's bucket with their counts; `none` if there
/// is no bucket.
fn prefixes(emulator: &Emulator) -> String {
    let script = r"
from collections import Counter
s3 = client('s3')
own = [b['Name'] for b in s3.list_buckets()['Buckets'] if b['Name'].startswith('cargo-agentcore-')]
def found(bucket):
    page = s3.list_object_versions(Bucket=bucket)
    keys = [v['Key'] for v in page.get('Versions', []) + page.get('DeleteMarkers', [])]
    keys += [u['Key'] + '?' for u in s3.list_multipart_uploads(Bucket=bucket).get('Uploads', [])]
    return Counter(k.split('/')[0] + ('?' if k.endswith('?') else '') for k in keys)
print(' '.join(f'{k}:{n}' for b in own for k, n in sorted(found(b).items())) if own else 'none')
";
    boto3(emulator, script).trim().to_owned()
}

pub fn says(outcome: &Outcome, part: &str) {
    assert!(
        outcome.stderr.contains(part),
        "`{part}`:\n{}",
        outcome.stderr
    );
}

#[test]
fn each_agent_and_stage_goes_alone_and_the_bucket_with_the_last() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project(&["one", "two"]);
        let before = listing(&emulator);
        run(&project, &emulator, &["deploy"]).succeeds();
        run(
            &project,
            &emulator,
            &["deploy", "--agent", "one", "--stage", "prod"],
        )
        .succeeds();
        assert_eq!(prefixes(&emulator), "one:1 one_prod:1 two:1");

        let one = ["clean", "--yes", "--agent", "one"];
        let first = run(&project, &emulator, &one).succeeds();
        says(&first, "Deleting 1 object under `s3://cargo-agentcore-");
        says(
            &first,
            "other agents of the project are in it: `one_prod`, `two`",
        );
        assert_eq!(prefixes(&emulator), "one_prod:1 two:1");
        let again = run(&project, &emulator, &one).succeeds();
        says(&again, "Nothing to delete");
        for (words, did) in [
            (&["--agent", "two"][..], "unchanged"),
            (&["--agent", "one", "--stage", "prod"][..], "unchanged"),
        ] {
            let still = Cli::new(&project)
                .on(&emulator)
                .args(["deploy", "--output", "json"])
                .args(words)
                .run()
                .succeeds();
            assert_eq!(still.json()["agents"][0]["did"], did, "{words:?}");
        }

        run(&project, &emulator, &["clean", "--yes"]).succeeds();
        assert_eq!(prefixes(&emulator), "one_prod:1");
        let last = ["clean", "--yes", "--agent", "one", "--stage", "prod"];
        let last = run(&project, &emulator, &last).succeeds();
        says(&last, "Deleting bucket `cargo-agentcore-");
        assert_eq!(listing(&emulator), before);
        assert!(!project.has("target/agentcore/test-project-7k2qpx"));
    }
}

#[test]
fn an_agent_that_was_taken_out_of_the_manifest_is_named_and_goes_when_it_is_asked_for() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project(&["one", "two"]);
        let before = listing(&emulator);
        run(&project, &emulator, &["deploy"]).succeeds();
        let prod = ["deploy", "--agent", "two", "--stage", "prod"];
        run(&project, &emulator, &prod).succeeds();
        // The former agent's deployment folder now belongs to another agent.
        let manifest = project
            .read("Cargo.toml")
            .replace("agents.two", "agents.renamed");
        project.write("Cargo.toml", &manifest);
        run(&project, &emulator, &["prepare", "--agent", "renamed"]).succeeds();

        let first = run(&project, &emulator, &["clean", "--yes"]).succeeds();
        for said in [
            format!("Keeping agent `two`: it is no longer in Cargo.toml; `cargo agentcore clean --endpoint-url {} --agent two` deletes what is left of it", emulator.url()).as_str(),
            format!("Keeping agent `two`: it is no longer in Cargo.toml; `cargo agentcore clean --endpoint-url {} --agent two --stage prod` deletes what is left of it", emulator.url()).as_str(),
        ] {
            says(&first, said);
        }
        assert_eq!(prefixes(&emulator), "two:1 two_prod:1");

        run(&project, &emulator, &["prepare", "--agent", "renamed"]).succeeds();
        let tree = project.tree();
        let slip = run(
            &project,
            &emulator,
            &["clean", "--yes", "--agent", "renmed"],
        )
        .exits(2);
        for said in [
            "there is no agent `renmed` in the metadata",
            "nothing in AWS provably belongs to it",
            "did you mean `renamed`?",
        ] {
            says(&slip, said);
        }
        let dry = run(&project, &emulator, &["clean", "-n", "--agent", "two"]).succeeds();
        says(&dry, "Would delete runtime `");
        for words in [
            &["--agent", "two"][..],
            &["--agent", "two", "--stage", "prod"],
        ] {
            let gone = run(&project, &emulator, &[&["clean", "--yes"], words].concat()).succeeds();
            says(&gone, "Deleting role `AgentCoreRole-two");
        }
        assert_eq!(prefixes(&emulator), "none");
        assert_eq!(project.tree(), tree, "the copies are not its");
        run(&project, &emulator, &["clean", "--yes"]).succeeds();
        assert_eq!(listing(&emulator), before);
    }
}

#[test]
fn two_agents_of_one_run_leave_no_bucket_and_a_dry_run_foresees_it() {
    let emulator = Ministack::start();
    let project = project(&["one", "two"]);
    let before = listing(&emulator);
    run(&project, &emulator, &["deploy"]).succeeds();
    let deployed = (
        listing(&emulator),
        project.has("target/agentcore/test-project-7k2qpx/one"),
    );
    let dry = run(
        &project,
        &emulator,
        &["clean", "--dry-run", "--output", "json"],
    )
    .succeeds();
    assert_eq!(
        (
            listing(&emulator),
            project.has("target/agentcore/test-project-7k2qpx/one")
        ),
        deployed
    );
    let proxy = Proxy::to(&emulator);
    let done = Cli::new(&project)
        .at(&proxy.url())
        .args(["clean", "--yes", "--output", "json"])
        .run()
        .succeeds();
    assert_eq!(listing(&emulator), before);
    // The bucket goes after the objects of both, and before the roles, which name its region.
    let actions = proxy.actions();
    let last = |action: &str| actions.iter().rposition(|asked| asked == action).unwrap();
    let bucket = last("s3:DeleteBucket");
    assert!(last("s3:DeleteObjectVersion") < bucket, "{actions:?}");
    let first = actions.iter().position(|asked| asked == "iam:DeleteRole");
    assert!(bucket < first.unwrap(), "{actions:?}");
    let (dry, done) = (dry.json(), done.json());
    assert_eq!(
        done["deleted"], dry["would"],
        "what was foreseen is what was done"
    );
    assert_eq!(done["left"], serde_json::json!([]));
    let would = dry["would"].as_array().unwrap();
    let kinds: Vec<&str> = would
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert_eq!(kinds.len(), would.len(), "{would:?}");
    let buckets: Vec<&Value> = would.iter().filter(|one| one["kind"] == "bucket").collect();
    let [bucket] = buckets[..] else {
        panic!("{would:?}")
    };
    assert_eq!(
        (&bucket["action"], &bucket["region"]),
        (&"delete".into(), &"us-east-1".into())
    );
    assert!(
        bucket["name"]
            .as_str()
            .unwrap()
            .starts_with("cargo-agentcore-")
    );
    assert_eq!(
        dry["kept"].to_string().matches("bucket").count(),
        0,
        "{dry}"
    );
}

#[test]
fn agents_are_cleaned_at_the_same_time_and_a_failure_of_one_stops_no_other() {
    let emulator = Moto::start();
    let names = ["one", "two", "three", "four"];
    let project = project(&names);
    let before = listing(&emulator);
    run(&project, &emulator, &["deploy"]).succeeds();
    let proxy = Proxy::to(&emulator);
    let refused = "bedrock-agentcore:DeleteAgentRuntime";
    proxy.fault(refused, Times::Nth(2), Fault::denied());
    // Once for each agent, before and after.
    let delay = Duration::from_secs(4);
    proxy.fault("logs:DescribeLogGroups", Times::Always, Fault::Late(delay));
    let start = Instant::now();
    let cli = Cli::new(&project).at(&proxy.url());
    let failed = cli.args(["clean", "--yes"]).run().exits(4);
    let took = start.elapsed();
    assert!(took >= delay * 2 && took < delay * 5, "{took:?}");
    says(&failed, "it stopped the deletion of the agent `");
    says(&failed, "again: it continues with what is left");
    let lists = proxy.actions().into_iter();
    let lists = lists.filter(|asked| asked == "bedrock-agentcore:ListAgentRuntimes");
    assert_eq!(lists.count(), 2, "one before and one after");
    let place = "target/agentcore/test-project-7k2qpx";
    let (roles, prefixes) = (listing(&emulator)["roles"].to_string(), prefixes(&emulator));
    let left = names.map(|name| {
        let has_role = roles.contains(&format!("role/AgentCoreRole-{name}\""));
        let has_files = project.has(&format!("{place}/{name}"));
        assert_eq!(has_role, has_files, "{name}");
        assert_eq!(prefixes.contains(name), has_role, "{name}");
        has_role
    });
    assert_eq!(left.into_iter().filter(|left| *left).count(), 1);
    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert_eq!(listing(&emulator), before);
    assert!(!project.has(place));
}

/// Leaves versions, delete markers and unfinished uploads; the runtime is already deleted.
const LEFT_BEHIND: &str = r#"
s3 = client("s3")
bucket = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("cargo-agentcore-")][0]
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
for body in (b"1", b"2"):
    s3.put_object(Bucket=bucket, Key="one/old.zip", Body=body)
s3.delete_object(Bucket=bucket, Key="one/old.zip")
for key in ("one/big.zip", "two/big.zip"):
    s3.create_multipart_upload(Bucket=bucket, Key=key)
control = client("bedrock-agentcore-control")
for runtime in control.list_agent_runtimes()["agentRuntimes"]:
    control.delete_agent_runtime(agentRuntimeId=runtime["agentRuntimeId"])
client("iam").delete_role_policy(RoleName="AgentCoreRole-one", PolicyName="AgentCore-us-east-1")
client("iam").delete_role(RoleName="AgentCoreRole-one")
"#;

#[test]
fn all_versions_and_unfinished_uploads_go_although_runtime_and_role_are_gone() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project(&["one"]);
        let before = listing(&emulator);
        run(&project, &emulator, &["deploy"]).succeeds();
        boto3(&emulator, LEFT_BEHIND);
        let cleaned = run(&project, &emulator, &["clean", "--yes"]).succeeds();
        says(&cleaned, "1 unfinished upload under `s3://cargo-agentcore-");
        says(&cleaned, "2 objects under `s3://cargo-agentcore-");
        says(&cleaned, "(4 versions)");
        says(&cleaned, "other agents of the project are in it: `two`");
        assert_eq!(prefixes(&emulator), "two?:1");
        boto3(
            &emulator,
            "s3 = client('s3')\nb = s3.list_buckets()['Buckets'][0]['Name']\nfor u in s3.list_multipart_uploads(Bucket=b)['Uploads']:\n    s3.abort_multipart_upload(Bucket=b, Key=u['Key'], UploadId=u['UploadId'])",
        );
        run(&project, &emulator, &["clean", "--yes"]).succeeds();
        assert_eq!(listing(&emulator), before);
    }
}

/// S3 lists up to a thousand versions or unfinished uploads per page.
#[test]
fn more_than_a_page_of_versions_and_of_unfinished_uploads_goes() {
    let emulator = Ministack::start();
    let project = project(&["one"]);
    let before = listing(&emulator);
    run(&project, &emulator, &["deploy"]).succeeds();
    boto3(
        &emulator,
        r"
s3 = client('s3')
bucket = s3.list_buckets()['Buckets'][0]['Name']
for n in range(1050):
    s3.put_object(Bucket=bucket, Key=f'one/{n:032x}.zip', Body=b'x')
    s3.create_multipart_upload(Bucket=bucket, Key=f'one/{n:032x}.zip')
",
    );
    let proxy = Proxy::to(&emulator);
    let cleaned = Cli::new(&project)
        .at(&proxy.url())
        .args(["clean", "--yes"])
        .run()
        .succeeds();
    says(
        &cleaned,
        "1050 unfinished uploads under `s3://cargo-agentcore-",
    );
    says(&cleaned, "1051 objects under `s3://cargo-agentcore-");
    for action in ["s3:ListBucketVersions", "s3:ListBucketMultipartUploads"] {
        let pages = proxy.actions().into_iter().filter(|asked| asked == action);
        assert!(pages.count() >= 2, "{action}");
    }
    assert_eq!(listing(&emulator), before);
}

#[test]
fn a_bucket_that_our_tags_do_not_prove_is_kept_with_all_that_is_in_it() {
    let emulator = Ministack::start();
    let project = project(&["one"]);
    run(&project, &emulator, &["deploy"]).succeeds();
    let tags = |tags: &str| {
        boto3(
            &emulator,
            &format!(
                "s3 = client('s3')\nb = s3.list_buckets()['Buckets'][0]['Name']\ns3.delete_bucket_tagging(Bucket=b)\nif {tags}:\n    s3.put_bucket_tagging(Bucket=b, Tagging={{'TagSet': [{{'Key': k, 'Value': v}} for k, v in {tags}.items()]}})"
            ),
        );
    };
    tags("{'cargo-agentcore:managed': 'true', 'cargo-agentcore:project': 'theirs-123456'}");
    let theirs = run(&project, &emulator, &["clean", "--yes"]).succeeds();
    says(&theirs, "its tags say project `theirs-123456`");
    tags("{}");
    let nobodys = run(&project, &emulator, &["clean", "--yes"]).succeeds();
    says(&nobodys, "it does not carry the tags of this project");
    assert_eq!(prefixes(&emulator), "one:1");
    // An empty bucket with foreign tags belongs to someone else.
    boto3(
        &emulator,
        "s3 = client('s3')\nb = s3.list_buckets()['Buckets'][0]['Name']\nfor o in s3.list_objects_v2(Bucket=b)['Contents']:\n    s3.delete_object(Bucket=b, Key=o['Key'])",
    );
    tags("{'team': 'x'}");
    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert_eq!(prefixes(&emulator), "");
}

#[test]
fn a_runtime_that_is_kept_keeps_what_it_runs_from() {
    let emulator = Moto::start();
    let project = project(&["one"]);
    run(&project, &emulator, &["deploy"]).succeeds();
    boto3(
        &emulator,
        "c = client('bedrock-agentcore-control')\nr = c.list_agent_runtimes()['agentRuntimes'][0]\narn = r['agentRuntimeArn']\nc.untag_resource(resourceArn=arn, tagKeys=list(c.list_tags_for_resource(resourceArn=arn)['tags']))\ni = client('iam')\ni.delete_role_policy(RoleName='AgentCoreRole-one', PolicyName='AgentCore-us-east-1')\ni.delete_role(RoleName='AgentCoreRole-one')",
    );
    let kept = run(&project, &emulator, &["clean", "--yes"]).succeeds();
    says(&kept, "which is kept, runs from it");
    assert_eq!(prefixes(&emulator), "one:1");
}

#[test]
fn one_region_goes_alone_and_all_regions_take_each_bucket() {
    let emulator = Ministack::start();
    let project = project(&["one"]);
    let regions = ["us-east-1", "eu-west-1"];
    let before = listing_of(&emulator, &regions);
    run(&project, &emulator, &["deploy"]).succeeds();
    let there = listing_of(&emulator, &regions);
    run(&project, &emulator, &["deploy", "--region", "eu-west-1"]).succeeds();
    let memory = |region: &str| {
        let account = emulator.account();
        project.has(&format!(
            "target/agentcore/test-project-7k2qpx/one/runtime.{account}.{region}"
        ))
    };
    let invoke = ["invoke", "--region", "eu-west-1", "--prompt", "hello"];
    run(&project, &emulator, &invoke).succeeds();
    let one = ["clean", "--yes", "--region", "eu-west-1"];
    let one = run(&project, &emulator, &one).succeeds();
    assert_eq!(listing_of(&emulator, &regions), there);
    assert!(memory("us-east-1") && !memory("eu-west-1"));
    assert!(project.has("target/agentcore/test-project-7k2qpx/one/deployment.zip"));
    let place = project.path().join("target/agentcore/test-project-7k2qpx");
    let removed = format!(
        "Removing state of eu-west-1 in `{0}/one` and `{0}/sessions`\n",
        place.display()
    );
    says(&one, &removed);

    run(&project, &emulator, &["deploy", "--region", "eu-west-1"]).succeeds();
    run(&project, &emulator, &["clean", "--yes", "--all-regions"]).succeeds();
    assert_eq!(listing_of(&emulator, &regions), before);
    assert!(!project.has("target/agentcore/test-project-7k2qpx"));
}

/// A role that the user provides does not list regions; Cargo.toml and the remembered deployments
/// do.
#[test]
fn with_a_role_that_was_brought_all_known_regions_go_and_the_sources_with_the_last() {
    for emulator in [Ministack::start(), Moto::start()] {
        brought_in_two_regions(&emulator);
    }
}

fn brought_in_two_regions(emulator: &Emulator) {
    let project = project(&["one"]);
    let arn = format!("arn:aws:iam::{}:role/theirs", emulator.account());
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        manifest.replacen(
            "region = \"us-east-1\"\n",
            &format!("region = \"us-east-1\"\nrole = {{ arn = \"{arn}\" }}\n"),
            1,
        ),
    );
    boto3(emulator, THEIRS);
    let regions = ["us-east-1", "us-west-2", "eu-west-1"];
    let before = listing_of(emulator, &regions);
    let deploy = |region: &str| {
        let words = ["deploy", "--region", region];
        run(&project, emulator, &words).succeeds();
    };
    let prepare = ["prepare", "--region", "us-east-1"];
    run(&project, emulator, &prepare).succeeds();
    deploy("us-east-1");
    let there = listing_of(emulator, &regions);
    deploy("eu-west-1");
    let one = ["clean", "--yes", "--region", "eu-west-1"];
    let one = run(&project, emulator, &one).succeeds();
    says(
        &one,
        "Keeping agent `one` in us-east-1: it was deployed there",
    );
    assert_eq!(listing_of(emulator, &regions), there);
    assert!(project.has("deployment/one/agent.py"));

    deploy("eu-west-1");
    let all = ["clean", "--yes", "--all-regions", "--region", "us-west-2"];
    let all = run(&project, emulator, &all).succeeds();
    says(
        &all,
        "`role.arn` does not show in which regions the agent `one` is deployed; the known ones are eu-west-1, us-east-1, us-west-2",
    );
    says(&all, "`--region REGION`");
    assert_eq!(listing_of(emulator, &regions), before);
    assert!(!project.has("deployment/one"));
    assert!(!project.has("target/agentcore/test-project-7k2qpx"));
}

pub const THEIRS: &str = r#"
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": account}}}]}
client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))
"#;

#[test]
fn what_was_built_and_called_on_disk_goes_and_neighbours_stay() {
    let emulator = Ministack::start();
    let project = project(&["one", "one_more"]);
    run(&project, &emulator, &["deploy"]).succeeds();
    for agent in ["one", "one_more"] {
        let words = ["invoke", "--agent", agent, "--prompt", "hello"];
        run(&project, &emulator, &words).succeeds();
    }
    let place = "target/agentcore/test-project-7k2qpx";
    let sessions = || {
        let mut names: Vec<String> = std::fs::read_dir(project.path().join(place).join("sessions"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(sessions().len(), 2);
    let cleaned = run(&project, &emulator, &["clean", "--yes", "--agent", "one"]).succeeds();
    says(&cleaned, "Removing build output and state in `");
    assert!(!project.has(&format!("{place}/one")));
    assert!(project.has(&format!("{place}/one_more/deployment.zip")));
    let left = sessions();
    assert!(
        left.len() == 1 && left[0].contains(".one_more-"),
        "{left:?}"
    );
    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert!(!project.has(place));
}
