//! Secrets, and what only looks like one.

use super::super::secrets::{ARMOUR, SMALL, is_secret, is_secret_file};

const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

/// Checks that the content and the file are judged alike.
#[track_caller]
fn judged(name: &str, content: &str, secret: bool) {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join(name);
    std::fs::write(&path, content).expect("a file");
    let shown = &content[..content.len().min(60)];
    assert_eq!(
        is_secret_file(&path, name).ok(),
        Some(secret),
        "{name}: {shown}"
    );
    assert_eq!(
        is_secret(name, content.as_bytes()),
        secret,
        "{name}: {shown}"
    );
}

#[test]
fn files_of_variables_are_known_by_their_names_and_examples_are_none() {
    for name in [
        ".env",
        ".ENV",
        ".env.local",
        ".env-prod",
        ".env_local",
        ".env~",
        ".env.example.local",
        "prod.env",
        "Prod.ENV",
    ] {
        judged(name, "", true);
    }
    for name in [
        ".env.example",
        ".env.sample",
        ".env-template",
        ".env.local.example",
        "prod.env.example",
        "example.env",
        "app_sample.env",
        ".environment",
        "env",
        "env.py",
        "environment.yml",
    ] {
        judged(name, "A=1", false);
    }
}

#[test]
fn a_key_in_armour_is_known_wherever_it_stands() {
    let begin = "-----BEGIN PRIVATE KEY-----";
    let end = "-----END PRIVATE KEY-----";
    let openssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nx";
    let late =
        "-----BEGIN CERTIFICATE-----\n".to_owned() + &"certificate\n".repeat(9_000) + openssh;
    let encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n";
    for (name, content) in [
        ("deploy_key", openssh.to_owned()),
        ("deploy_key", format!("\n\r\n{openssh}")),
        ("deploy_key", format!("\u{feff}{openssh}")),
        ("chain.PEM", late.clone()),
        ("chain.txt", late),
        (
            "bag.txt",
            format!("friendlyName: x\n{begin}\n{BODY}\n{end}\n"),
        ),
        (
            "old.txt",
            format!("x\n-----BEGIN RSA PRIVATE KEY-----\r\n{encrypted}\r\n{BODY}"),
        ),
        (
            "pgp.asc",
            format!("x\n-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{BODY}"),
        ),
        (
            "config.yml",
            format!("key: |\n    {begin}\n    {BODY}\n    {end}\n"),
        ),
        (
            "config.json",
            format!("{{\"key\": \"{begin}\\n{BODY}\\n{end}\"}}"),
        ),
        ("README.md", format!("# Key\n\n{begin}\n{BODY}\n{end}\n")),
    ] {
        judged(name, &content, true);
    }
    for (name, content) in [
        ("deploy_key.pub", "ssh-ed25519 AAAA".to_owned()),
        ("empty", String::new()),
        ("cert.txt", "-----BEGIN CERTIFICATE-----\nx".to_owned()),
        (
            "cacert.pem",
            format!("# CA\n-----BEGIN CERTIFICATE-----\n{BODY}\n").repeat(900),
        ),
        (
            "public.txt",
            format!("x\n-----BEGIN PUBLIC KEY-----\n{BODY}\n"),
        ),
        ("code.py", format!("{begin}\n{BODY}\n")),
        (
            "README.md",
            format!("A key begins with `{begin}`.\n\n{begin}\n...\n{end}\n"),
        ),
        (
            "table.csv",
            format!("{}{begin}\n{BODY}\n", "1,2\n".repeat(SMALL / 4)),
        ),
        (
            "page.txt",
            format!("x {ARMOUR}\nPRIVATE KEY-----\n{BODY}\n"),
        ),
    ] {
        judged(name, &content, false);
    }
}

#[test]
fn credentials_of_aws_and_of_a_google_service_account_are_known() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let ini = format!("[default]\naws_access_key_id = x\naws_secret_access_key = {secret}\n");
    let shell = format!("export AWS_SECRET_ACCESS_KEY=\"{secret}\"\n");
    let account =
        "{\"type\": \"service_account\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIE\"}";
    judged("credentials", &ini, true);
    judged("credentials.txt", &ini, true);
    judged("login.sh", &shell, true);
    judged("service-account.json", account, true);

    judged("README.md", &ini, false);
    judged("login.py", &ini, false);
    let account = "{\"type\": \"service_account\", \"private_key\": \"\"}";
    judged("service-account.json", account, false);
    for value in [
        "",
        "test",
        "<your secret access key>",
        "YOUR_SECRET_ACCESS_KEY",
        "${SECRET_ACCESS_KEY}",
    ] {
        judged(
            "credentials",
            &format!("aws_secret_access_key = {value}\n"),
            false,
        );
    }
    judged("notes.txt", "set aws_secret_access_key, then run it", false);
}
