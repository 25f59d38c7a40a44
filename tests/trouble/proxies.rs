//! A machine's network settings: proxies, and its own certificate authorities. Also, where
//! credentials are never sent.

use std::time::Duration;

use crate::support::{
    Cli, Project, Script, Scripted,
    emulator::{ACCESS_KEY, SECRET_KEY},
    runtimes::account,
    tunnel::{Tls, Tunnel},
};

const HOSTS: [&str; 2] = [
    "bedrock-agentcore-control.us-east-1.amazonaws.com:443",
    "sts.us-east-1.amazonaws.com:443",
];

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

/// Uses access keys and no endpoint.
fn versions(project: &Project) -> Cli {
    Cli::new(project)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .arg("versions")
}

fn secured(project: &Project) -> (Scripted, Tls) {
    let server = account()
        .always(
            "bedrock-agentcore:ListAgentRuntimeEndpoints",
            crate::support::Answer::json(200, &serde_json::json!({ "runtimeEndpoints": [] })),
        )
        .start();
    let tls = Tls::before(&server.url(), &project.home());
    (server, tls)
}

#[test]
fn aws_is_asked_through_the_proxy_and_its_authority_is_trusted() {
    let project = project();
    let (server, tls) = secured(&project);
    let authorization = "Basic bWU6c2VANTBtZQ==";
    let tunnel = Tunnel::to(&tls, Some(authorization));
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let listed = versions(&project)
            .env(variable, tunnel.url("me:se%4050me@"))
            .env("AWS_CA_BUNDLE", tls.authority())
            .arg("-vv")
            .run()
            .succeeds();
        assert_eq!(server.unexpected(), Vec::<String>::new());
        assert_eq!(tunnel.hosts(), HOSTS, "{}", listed.stderr);
        assert!(!listed.stderr.contains("50me"), "{}", listed.stderr);
    }
    // The profile can also name the authority.
    let config = format!(
        "[default]\nregion = us-east-1\nca_bundle = {}\n",
        tls.authority().display()
    );
    let project = project.home_file(".aws/config", &config);
    versions(&project)
        .env("HTTPS_PROXY", tunnel.url("me:se%4050me@"))
        .run()
        .succeeds();
    let refused = versions(&project)
        .env("HTTPS_PROXY", tunnel.url(""))
        .run()
        .exits(1);
    refused.says(&["through the proxy `http://127.0.0.1:"]);
}

#[test]
fn an_agent_is_spoken_to_through_the_proxy() {
    let project = project();
    let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/one-AbCdEf1234";
    let server = Script::new()
        .identity()
        .always(
            "bedrock-agentcore:InvokeAgentRuntime",
            crate::support::Answer::json(200, &serde_json::json!("hello")),
        )
        .start();
    let tls = Tls::before(&server.url(), &project.home());
    let tunnel = Tunnel::to(&tls, None);
    let answered = Cli::new(&project)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("HTTPS_PROXY", tunnel.url(""))
        .env("AWS_CA_BUNDLE", tls.authority())
        .args(["invoke", "--arn", arn, "{}"])
        .run()
        .succeeds();
    assert_eq!(answered.stdout, "hello");
    assert_eq!(
        tunnel.hosts(),
        [
            "bedrock-agentcore.us-east-1.amazonaws.com:443",
            "sts.us-east-1.amazonaws.com:443"
        ]
    );
}

#[test]
fn a_proxy_that_does_not_answer_is_named_without_its_password() {
    let project = project();
    let lost = versions(&project)
        .env("HTTPS_PROXY", "http://me:sesame@127.0.0.1:9")
        .arg("-vv")
        .limit(Duration::from_mins(5))
        .run()
        .exits(1);
    lost.says(&[
        "no answer from AWS",
        "(through the proxy `http://127.0.0.1:9`, which HTTPS_PROXY names)",
    ]);
    assert!(!lost.stderr.contains("sesame"), "{}", lost.stderr);
    for wrong in ["socks5://me:sesame@127.0.0.1:9", "http://me:ses ame@:1"] {
        let refused = versions(&project).env("HTTPS_PROXY", wrong).run().exits(2);
        refused.says(&["the environment variable HTTPS_PROXY"]);
        assert!(!refused.stderr.contains("ses"), "{}", refused.stderr);
    }
}

#[test]
fn what_no_proxy_names_and_this_machine_are_asked_directly() {
    let project = project();
    let (_server, tls) = secured(&project);
    let at = |host: &str, no_proxy: &str| {
        versions(&project)
            .env(
                "CARGO_AGENTCORE_ENDPOINT_URL",
                format!("https://{host}:{}", tls.port()),
            )
            .env("AWS_CA_BUNDLE", tls.authority())
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", no_proxy)
            .limit(Duration::from_mins(5))
            .run()
    };
    at("127.0.0.1", "").succeeds();
    // This machine too, but not by a loopback address or name.
    at("0.0.0.0", "example.com, 0.0.0.0/8").succeeds();
    at("0.0.0.0", "example.com")
        .exits(1)
        .says(&["through the proxy"]);
}

#[test]
fn whoever_shows_a_strange_certificate_is_not_trusted() {
    let project = project();
    let (server, tls) = secured(&project);
    let tunnel = Tunnel::to(&tls, None);
    let untrusted = versions(&project)
        .env("HTTPS_PROXY", tunnel.url(""))
        .limit(Duration::from_mins(5))
        .run()
        .exits(1);
    untrusted.says(&["invalid peer certificate", "help: ", "AWS_CA_BUNDLE"]);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_file_of_certificates_that_is_none_is_named() {
    let project = project();
    let home = project.home();
    std::fs::write(home.join("empty.pem"), "nothing here\n").unwrap();
    std::fs::write(
        home.join("garbage.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    for (file, why) in [
        ("missing.pem", "cannot be read"),
        ("empty.pem", "contains no certificate"),
        ("garbage.pem", "contains no certificate"),
    ] {
        let path = home.join(file);
        let refused = versions(&project)
            .env("AWS_CA_BUNDLE", &path)
            .run()
            .exits(2);
        let named = format!("AWS_CA_BUNDLE names `{}`", path.display());
        refused.says(&[&named, why]);
    }
    let project = project.home_file(
        ".aws/config",
        "[profile corp]\nregion = us-east-1\nca_bundle = /nowhere/ca.pem\n",
    );
    let refused = versions(&project).env("AWS_PROFILE", "corp").run().exits(3);
    refused.says(&["`ca_bundle` of the profile `corp` names `/nowhere/ca.pem`"]);
}

#[test]
fn credentials_are_not_sent_over_plain_http_to_another_machine() {
    let project = project();
    let server = account().start();
    // Leads to this machine, but does not look like it.
    let elsewhere = server.url().replace("127.0.0.1", "0.0.0.0");
    let arn = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/one-AbCdEf1234";
    let keys = |cli: Cli| {
        cli.env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    };
    let cli = || keys(Cli::new(&project));
    let named = format!(
        "a request with AWS credentials is not sent to `{elsewhere}`, which is neither HTTPS nor this machine"
    );
    for refused in [
        cli().args(["versions", "--endpoint-url", &elsewhere]),
        cli()
            .arg("deploy")
            .env("CARGO_AGENTCORE_ENDPOINT_URL", &elsewhere),
        cli().arg("status").env("AWS_ENDPOINT_URL", &elsewhere),
        cli()
            .args(["invoke", "{}"])
            .env("AWS_ENDPOINT_URL", &elsewhere),
        cli()
            .args(["invoke", "--arn", arn, "{}"])
            .env("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", &elsewhere),
    ] {
        refused.run().exits(2).says(&[&named]);
    }
    // A role is assumed at a separate address.
    let project = project.home_file(
        ".aws/config",
        "[profile source]\naws_access_key_id = A\naws_secret_access_key = S\n\n[profile assumed]\nregion = us-east-1\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = source\n",
    );
    let refused = Cli::new(&project)
        .args(["versions", "--profile", "assumed"])
        .env("AWS_ENDPOINT_URL_STS", &elsewhere)
        .run()
        .exits(4);
    refused.says(&["a request with credentials is not sent to"]);
    assert_eq!(server.requests().len(), 0, "nothing was sent");
}
