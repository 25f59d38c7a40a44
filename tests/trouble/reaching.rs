//! Profiles that do not exist or have no credentials, and addresses that are invalid or do not
//! answer.

use crate::support::{Cli, Outcome, Project};

const CONFIG: &str = "\
[profile staging]
region = us-east-1
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key = secret

[profile staging-eu]
region = eu-west-1

[profile empty]
region = us-east-1

[sso-session company]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1

[profile session]
region = us-east-1
sso_session = company
sso_account_id = 111122223333
sso_role_name = Developer

[profile by-url]
region = us-east-1
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
sso_account_id = 111122223333
sso_role_name = Developer

[profile assumed]
region = us-east-1
role_arn = arn:aws:iam::111122223333:role/r
source_profile = session

[profile console]
region = us-east-1
login_session = arn:aws:iam::111122223333:user/u

[profile helper]
region = us-east-1
credential_process = sh -c 'echo no ticket >&2; exit 3' --token very-secret
";

/// The SDK's cache file for the login of the session `company`, named after the SHA-1 of its name.
const CACHED: &str = ".aws/sso/cache/71b21161ffa1e6516bcc072aaf5ef38cbe85b511.json";

fn project(metadata: &str) -> Project {
    Project::new()
        .metadata(metadata)
        .agent("one")
        .home_file(".aws/config", CONFIG)
}

/// Requests would fail, because the address refuses connections.
fn prepare(project: &Project) -> Cli {
    Cli::new(project)
        .env("CARGO_AGENTCORE_ENDPOINT_URL", "http://127.0.0.1:9")
        .arg("prepare")
}

fn with(project: &Project, profile: &str) -> Outcome {
    prepare(project).args(["--profile", profile]).run().exits(4)
}

#[test]
fn a_profile_that_is_not_there_is_said_before_its_region_is_missed() {
    let project = project("");
    let home = project.home();
    let places = format!(
        "error: there is no profile `stagign` in `{}` or `{}`",
        home.join(".aws/config").display(),
        home.join(".aws/credentials").display()
    );
    let typed = with(&project, "stagign");
    typed.says(&[
        &places,
        "note: `--profile` or CARGO_AGENTCORE_PROFILE names it",
        "note: the profiles are `staging`, `session`, `staging-eu`, ",
        "help: did you mean `staging`?",
    ]);
    let named = prepare(&project)
        .env("AWS_PROFILE", "nope")
        .args(["--region", "us-east-1"])
        .run()
        .exits(4);
    named.says(&[
        "there is no profile `nope`",
        "AWS_PROFILE names it",
        "`aws configure --profile nope`",
    ]);
    let elsewhere = prepare(&project)
        .env("AWS_CONFIG_FILE", "/nowhere/config")
        .env("AWS_PROFILE", "staging")
        .run()
        .exits(4);
    elsewhere.says(&["in `/nowhere/config` or", "there is no profile at all"]);
    let declared = self::project("profile = \"prod\"");
    prepare(&declared).run().exits(4).says(&[
        "names the AWS profile `prod`, and you have not confirmed it",
        "help: to use it, pass `--profile prod`",
    ]);
}

#[test]
fn a_profile_without_credentials_is_told_apart_from_one_that_is_not_there() {
    with(&project(""), "empty").says(&["error: the profile `empty` has no credentials"]);
}

#[test]
fn a_login_that_is_missing_names_the_command_that_logs_in() {
    let project = project("");
    for (profile, login) in [
        ("session", "session"),
        ("by-url", "by-url"),
        ("assumed", "session"),
    ] {
        let what = format!(
            "error: you are not logged in to AWS IAM Identity Center (SSO) with profile `{login}`\n  help: `aws sso login --profile {login}`\n"
        );
        with(&project, profile).says(&[&what]);
    }
    let default = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .home_file(
            ".aws/config",
            CONFIG.replace("[profile session]", "[default]"),
        );
    prepare(&default)
        .run()
        .exits(4)
        .says(&["with profile `default`\n  help: `aws sso login`\n"]);
}

#[test]
fn a_login_that_has_expired_is_told_apart_from_one_that_is_missing() {
    let project = project("").home_file(
        CACHED,
        r#"{"accessToken": "very-secret", "expiresAt": "2020-01-01T00:00:00Z"}"#,
    );
    let outcome = with(&project, "session");
    outcome.says(&[
            "error: the login to AWS IAM Identity Center (SSO) with profile `session` has expired\n  help: `aws sso login --profile session`\n",
        ]);
    assert!(!outcome.stderr.contains("very-secret"));
}

/// The only folder on PATH that the tool needs.
#[cfg(unix)]
fn cargo_folder() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO")).parent().unwrap()
}

/// Runs with a program named `aws` that answers like the AWS CLI, whose version 2 is in no package
/// registry.
#[cfg(unix)]
fn with_aws_cli(project: &Project, profile: &str, script: &str) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let aws = folder.path().join("aws");
    std::fs::write(&aws, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755)).unwrap();
    prepare(project)
        .env(
            "PATH",
            std::env::join_paths([folder.path(), cargo_folder()]).unwrap(),
        )
        .args(["--profile", profile])
        .run()
}

#[cfg(unix)]
#[test]
fn a_session_of_aws_login_is_exported_by_the_aws_cli() {
    let project = project("");
    // One run of the AWS CLI is enough, because it takes a second.
    let exported = r#"test ! -e "$HOME/asked" || exit 8; : > "$HOME/asked"
test "$*" = "configure export-credentials --format process --profile console" || exit 9
echo '{"Version": 1, "AccessKeyId": "AKIDEXPORTED", "SecretAccessKey": "very-secret",
"SessionToken": "token", "Expiration": "2999-01-01T00:00:00+00:00"}'"#;
    let used = with_aws_cli(&project, "console", exported).exits(1);
    used.says(&["error: no answer from `http://127.0.0.1:9` to `sts:GetCallerIdentity`"]);
    let expired = with_aws_cli(
        &project,
        "console",
        "echo 'Your session has expired or credentials have changed.' >&2; exit 255",
    );
    expired.exits(4).says(&[
            "error: the AWS CLI has no credentials for the profile `console`\n  note: Your session has expired or credentials have changed.\n  help: `aws login --profile console`\n",
        ]);
    let odd = with_aws_cli(
        &project,
        "console",
        "echo '{\"AccessKeyId\": \"very-secret\"}'",
    );
    let odd = odd.exits(4);
    odd.says(&["note: its output is not what `credential_process` defines"]);
    assert!(!odd.stderr.contains("very-secret"), "{}", odd.stderr);
    let missing = prepare(&project)
        .env("PATH", cargo_folder())
        .args(["--profile", "console"])
        .run();
    missing.exits(4).says(&[
            "error: the profile `console` uses a session of `aws login`, and the AWS CLI was not found on PATH",
            "help: install version 2.32 or later of the AWS CLI",
        ]);
}

#[cfg(unix)]
#[test]
fn a_program_that_gives_no_credentials_is_named_with_what_it_says() {
    let outcome = with(&project(""), "helper");
    outcome.says(&[
        "error: the program `sh` returned no credentials for the profile `helper`",
        "no ticket",
        "help: run it yourself to see why; it is the profile's `credential_process` in `",
    ]);
    assert!(!outcome.stderr.contains("very-secret"));
}

#[test]
fn an_address_that_is_none_is_refused_and_the_variable_that_holds_it_is_named() {
    let project = project("region = \"us-east-1\"");
    let prepare = || Cli::new(&project).arg("prepare");
    let wrong = "expected `http://` or `https://` and a host";
    let typed = prepare().args(["--endpoint-url", "notaurl"]).run().exits(2);
    typed.says(&[wrong]);
    assert!(!typed.stderr.contains("variable"), "{}", typed.stderr);
    for variable in ["CARGO_AGENTCORE_ENDPOINT_URL", "AWS_ENDPOINT_URL"] {
        let held = prepare().env(variable, "notaurl").run().exits(2);
        let named = format!("the environment variable {variable}");
        held.says(&[wrong, &named]);
    }
    let region = prepare()
        .env("CARGO_AGENTCORE_REGION", "usx")
        .args(["--output", "json"])
        .run()
        .exits(2);
    assert_eq!(
        region.json()["errors"][0]["help"][0],
        "the value comes from the environment variable CARGO_AGENTCORE_REGION"
    );
}

#[test]
fn an_address_where_nobody_answers_is_named_instead_of_aws() {
    let project = project("region = \"us-east-1\"");
    // The port was free a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}");
    let silent = Cli::new(&project)
        .args(["status", "--profile", "staging", "--endpoint-url", &url])
        .run()
        .exits(1);
    let what =
        format!("error: no answer from `{url}` to `sts:GetCallerIdentity` on the caller\n  note: ");
    silent.says(&[&what, "help: check that the address is right"]);
    assert!(!silent.stderr.contains("AWS"), "{}", silent.stderr);
}
