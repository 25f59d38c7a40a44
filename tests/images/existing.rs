//! `deploy --image`: an image that exists is deployed as it is, and its repository is never changed.

use serde_json::{Value, json};

use super::{
    package,
    service::deployed,
    support::{Cli, Emulator, Ministack, Outcome, Project, boto3, listing, wheels::with_uv},
};

/// A Python agent, which is an archive without `--image`.
fn python() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("my_agent")
}

/// Pushes an image into somebody's repository, and returns its address.
fn push(emulator: &Emulator, mark: u8) -> String {
    let script = format!(
        "import json\n\
         c = client('ecr')\n\
         try: c.create_repository(repositoryName='team/app')\n\
         except c.exceptions.RepositoryAlreadyExistsException: pass\n\
         manifest = json.dumps({{'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'mark': {mark},\n\
         \x20'config': {{'mediaType': 'application/vnd.oci.image.config.v1+json', 'size': 2, 'digest': 'sha256:' + '0' * 64}}, 'layers': []}})\n\
         print(c.put_image(repositoryName='team/app', imageManifest=manifest, imageTag='v{mark}')['image']['imageId']['imageDigest'])"
    );
    let digest = boto3(emulator, &script);
    format!(
        "{}.dkr.ecr.us-east-1.amazonaws.com/team/app@{}",
        emulator.account(),
        digest.trim()
    )
}

fn run(project: &Project, emulator: &Emulator, words: &[&str]) -> Outcome {
    with_uv(Cli::new(project)).args(words).on(emulator).run()
}

/// Returns the repositories that the agent's role may read.
fn readable(emulator: &Emulator) -> Vec<String> {
    let printed = boto3(
        emulator,
        "import json\n\
         c = client('iam')\n\
         name = [r['RoleName'] for r in c.list_roles()['Roles'] if 'my_agent' in r['RoleName']][0]\n\
         policy = c.get_role_policy(RoleName=name, PolicyName='AgentCore-us-east-1')['PolicyDocument']\n\
         print(json.dumps([s['Resource'] for s in policy['Statement'] if 'ecr:BatchGetImage' in s['Action']]))",
    );
    let resources: Vec<Value> = serde_json::from_str(&printed).unwrap();
    let texts = |value: Value| match value {
        Value::Array(several) => several,
        one => vec![one],
    };
    let all = resources.into_iter().flat_map(texts);
    all.filter_map(|one| Some(one.as_str()?.rsplit_once(":repository/")?.1.to_owned()))
        .collect()
}

#[test]
fn an_existing_image_runs_with_the_right_to_read_its_repository_which_is_never_changed() {
    let emulator = Ministack::start();
    let project = python();
    let (first, second) = (push(&emulator, 1), push(&emulator, 2));
    let before = listing(&emulator);
    let on = |words: &[&str]| run(&project, &emulator, words);

    let dry = on(&["deploy", "--image", &first, "--dry-run"]).succeeds();
    assert!(
        dry.stderr
            .contains(&format!("Would use the existing `{first}`")),
        "{}",
        dry.stderr
    );
    assert!(!dry.stderr.contains("upload"), "{}", dry.stderr);
    let dry = on(&["deploy", "--image", &first, "--dry-run", "--output", "json"])
        .succeeds()
        .json();
    let dry = &dry["agents"][0];
    assert_eq!(
        (
            &dry["artifact"]["image"],
            &dry["repository"],
            &dry["bucket"]
        ),
        (&json!(first), &Value::Null, &Value::Null)
    );
    assert_eq!(listing(&emulator), before);

    let done = on(&["deploy", "--image", &first, "--output", "json"])
        .succeeds()
        .json();
    let done = &done["agents"][0];
    assert_eq!(
        (&done["artifact"]["image"], &done["artifact"]["bytes"]),
        (&json!(first), &Value::Null)
    );
    assert_eq!(deployed(&emulator), first);
    assert_eq!(readable(&emulator), ["team/app"]);
    on(&["deploy", "--image", &first, "--check"]).succeeds();
    let status = on(&["status", "--output", "json"]).succeeds().json();
    assert_eq!(status["agents"][0]["differences"], json!([]), "{status}");

    // It would take the access to the image away.
    let refused = on(&["prepare"]).exits(2);
    assert!(refused.stderr.contains("--image URI"), "{}", refused.stderr);

    // The tag says nothing.
    let tagged = second.replace("team/app@", "team/app:v1@");
    on(&["deploy", "--image", &tagged, "--check"]).exits(5);
    let updated = on(&["deploy", "--image", &tagged]).succeeds();
    assert!(updated.stderr.contains("version 2"), "{}", updated.stderr);
    assert_eq!(deployed(&emulator), second);
    let refused = on(&["deploy"]).exits(1);
    assert!(refused.stderr.contains("--image URI"), "{}", refused.stderr);

    on(&["clean", "--yes"]).succeeds();
    assert_eq!(listing(&emulator), before);
}

#[test]
fn a_rust_agent_returns_from_an_existing_image_to_its_own() {
    let emulator = Ministack::start();
    let project = package().file("program", super::service::program(1));
    let on = |words: &[&str]| run(&project, &emulator, words);
    let image = push(&emulator, 1);
    let before = listing(&emulator);
    on(&["deploy", "--binary", "program"]).succeeds();
    let own = deployed(&emulator);
    on(&["deploy", "--image", &image]).succeeds();
    // Endpoints may still have versions from its own repository.
    let (_, repository) = own.split_once('/').unwrap();
    let (repository, _) = repository.split_once('@').unwrap();
    assert_eq!(readable(&emulator), [repository, "team/app"]);
    let status = on(&["status", "--output", "json"]).succeeds().json();
    assert_eq!(status["agents"][0]["differences"], json!([]), "{status}");
    on(&["deploy", "--binary", "program"]).succeeds();
    assert_eq!(deployed(&emulator), own);
    on(&["clean", "--yes"]).succeeds();
    assert_eq!(listing(&emulator), before);
}

#[test]
fn an_image_that_cannot_be_deployed_is_refused_before_anything_is_written() {
    let emulator = Ministack::start();
    let project = python();
    let image = push(&emulator, 1);
    let before = listing(&emulator);
    let (name, digest) = image.split_once('@').unwrap();
    let missing = format!("{name}@sha256:{}", "a".repeat(64));
    for (given, exit, said) in [
        (name.to_owned(), 2, "a tag can point to another image later"),
        (
            format!("docker.io/library/app@{digest}"),
            2,
            "public.ecr.aws",
        ),
        (
            image.replace(emulator.account(), "111122223333"),
            2,
            "in account 111122223333",
        ),
        (
            image.replace("us-east-1", "eu-west-1"),
            2,
            "the image is in eu-west-1",
        ),
        (missing.clone(), 1, "there is no image"),
        (
            missing.replace("team/app", "team/none"),
            1,
            "there is no image",
        ),
    ] {
        let refused = run(&project, &emulator, &["deploy", "--image", &given]).exits(exit);
        assert!(refused.stderr.contains(said), "{given}: {}", refused.stderr);
    }
    assert_eq!(listing(&emulator), before);
    for built in [&["--rebuild"][..], &["--features", "x"], &["--binary", "b"]] {
        let words = [&["deploy", "--image", &image], built].concat();
        let refused = run(&project, &emulator, &words).exits(2);
        assert!(
            refused.stderr.contains("cannot be used with"),
            "{}",
            refused.stderr
        );
    }
    let refused = run(&python(), &emulator, &["deploy", "--features", "x"]).exits(2);
    let said = "`--features` is for Rust agents that cargo builds";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    let two = python().agent("other");
    let refused = run(&two, &emulator, &["deploy", "--image", &image]).exits(2);
    assert!(refused.stderr.contains("--agent"), "{}", refused.stderr);
}
