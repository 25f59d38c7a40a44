//! Secrets, and texts that only look like them. The formats are tested in tests/package/corpus.

use proptest::prelude::*;

use super::*;

const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
const WHOLE: Scan = Scan {
    enough: usize::MAX,
    is_key_file: false,
};

fn lines(text: &[u8]) -> Vec<usize> {
    let found = find(text, WHOLE).expect("memory can be read");
    found.into_iter().map(|finding| finding.line).collect()
}

#[track_caller]
fn judged(name: &str, content: &str, secret: bool) {
    let scan = Scan {
        enough: 1,
        is_key_file: name.to_lowercase().ends_with(".pem"),
    };
    let found = find(content.as_bytes(), scan).expect("memory can be read");
    let shown = &content[..content.len().min(60)];
    let is_secret = is_secret_name(name) || !found.is_empty();
    assert_eq!(is_secret, secret, "{name}: {shown}: {found:?}");
}

#[test]
fn files_of_variables_are_known_by_their_names_and_examples_are_not() {
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
        "env.prod",
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
fn directories_are_known_in_any_case_and_by_what_they_are_in() {
    assert!(is_secret_directory(".AWS", ""));
    assert!(is_secret_directory("gcloud", ".config"));
    assert!(!is_secret_directory("gcloud", "src"));
    assert!(!is_secret_directory("aws", ""));
}

#[test]
fn a_key_in_armor_is_known_wherever_it_stands() {
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
            "old.txt",
            format!("x\n-----BEGIN RSA PRIVATE KEY-----\r\n{encrypted}\r\n{BODY}"),
        ),
        (
            "table.csv",
            format!("{}{begin}\n{BODY}\n", "1,2\n".repeat(500_000)),
        ),
    ] {
        judged(name, &content, true);
    }
    for (name, content) in [
        ("cert.txt", "-----BEGIN CERTIFICATE-----\nx".to_owned()),
        (
            "README.md",
            format!("A key begins with `{begin}`.\n\n{begin}\n...\n{end}\n"),
        ),
        (
            "page.txt",
            format!("x -----BEGIN \nPRIVATE KEY-----\n{BODY}\n"),
        ),
    ] {
        judged(name, &content, false);
    }
}

#[test]
fn each_finding_has_its_line_in_any_encoding() {
    let secret = [
        "aws_secret_access_key = ",
        "k9Xw2Lq7/Vb4Nc5Qz8Rt1+Ym6Hd3Js0Fg7Ue4TpA",
    ]
    .concat();
    let text = format!("one\ntwo\n{secret}\nfour\n{secret} {secret}\n");
    assert_eq!(lines(text.as_bytes()), [3, 5]);
    let marked = format!("\u{feff}{text}");
    assert_eq!(lines(marked.as_bytes()), [3, 5]);
    let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(lines(&little), [3, 5]);
    assert_eq!(lines(&little[2..]), [3, 5]);
    let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(lines(&big), [3, 5]);
    assert_eq!(lines(format!("\0{text}").as_bytes()), [0; 0]);
}

/// A reader that returns a few bytes at a time, like a pipe.
struct Dribble<'t>(&'t [u8], usize);

impl std::io::Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(into.len()).min(self.0.len());
        let (now, later) = self.0.split_at(count);
        into[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A secret is found exactly once, wherever it is, although the text is read in pieces.
    #[test]
    fn a_secret_is_found_at_any_place(before in 0_usize..700_000, after in 0_usize..300_000, at_once in 1_usize..70_000) {
        let key = ["gh", "p_", "k9Xw2Lq7Vb4Nc5Qz8Rt1Ym6Hd3Js0Fg7Ue4T"].concat();
        let text = format!("{}\n {key}\n{}", "line\n".repeat(before / 5), ".".repeat(after));
        let found = find(Dribble(text.as_bytes(), at_once), WHOLE).expect("memory can be read");
        let lines: Vec<usize> = found.into_iter().map(|finding| finding.line).collect();
        prop_assert_eq!(lines, [before / 5 + 2]);
    }

    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        find(&*bytes, WHOLE).expect("memory can be read");
    }
}
