//! What opens doors, by its name or by what it holds: neither copied nor shipped, whatever rule says
//! otherwise.
#![expect(
    clippy::disallowed_methods,
    reason = "files are looked into for keys here"
)]

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

const SECRET_DIRECTORIES: [&str; 6] = [".aws", ".ssh", ".gnupg", ".git", ".hg", ".svn"];
const SECRET_FILES: [&str; 9] = [
    ".envrc",
    ".netrc",
    ".pypirc",
    ".npmrc",
    ".git-credentials",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
];
const SECRET_EXTENSIONS: [&str; 5] = ["key", "p12", "pfx", "jks", "keystore"];
/// What a key in armour begins with.
const ARMOUR: &[u8] = b"-----BEGIN ";

/// File systems that ignore case know `.AWS` as `.aws`.
pub(in crate::effects) fn is_secret_directory(name: &str) -> bool {
    SECRET_DIRECTORIES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

pub(in crate::effects) fn is_secret(name: &str, content: &[u8]) -> bool {
    let name = &*name.to_ascii_lowercase();
    let extension = extension(name);
    name == ".env"
        || (name.starts_with(".env.") && !name.ends_with(".example"))
        || SECRET_FILES.contains(&name)
        || SECRET_EXTENSIONS.contains(&extension)
        || (extension == "pem" && content.windows(11).any(|bytes| bytes == b"PRIVATE KEY"))
        || (extension != "py" && holds_private_key(content))
}

/// The same for a file, of which no more is read than decides: of most a few bytes.
pub(in crate::effects) fn is_secret_file(path: &Path, name: &str) -> io::Result<bool> {
    if is_secret(name, b"") {
        return Ok(true);
    }
    let mut file = File::open(path)?;
    let mut content = Vec::new();
    let beginning = ARMOUR.len() as u64;
    file.by_ref().take(beginning).read_to_end(&mut content)?;
    if content == ARMOUR || extension(&name.to_ascii_lowercase()) == "pem" {
        file.read_to_end(&mut content)?;
    }
    Ok(is_secret(name, &content))
}

/// A link under an innocent name is judged by what it leads to: the real path of something in `folder`.
pub(in crate::effects) fn is_secret_target(target: &Path, folder: &Path) -> bool {
    let inside = target.strip_prefix(folder).unwrap_or(target);
    let hidden = inside
        .iter()
        .any(|part| is_secret_directory(&part.to_string_lossy()));
    let name = target.file_name().map(OsStr::to_string_lossy);
    // What cannot be read is found out when it is copied or shipped.
    let opens = |name: &str| is_secret_file(target, name).unwrap_or(false);
    hidden || target.is_file() && name.is_some_and(|name| opens(&name))
}

/// A private key in the armour that PEM and OpenSSH put around it, whatever the file is called. Code
/// that speaks of such keys holds the words too.
fn holds_private_key(content: &[u8]) -> bool {
    let armour = b"PRIVATE KEY-----";
    content.starts_with(ARMOUR) && content.windows(armour.len()).any(|bytes| bytes == armour)
}

fn extension(name: &str) -> &str {
    Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_judged_as_its_whole_content_would_be() {
        let home = tempfile::tempdir().expect("a directory");
        let late = "certificate\n".repeat(900) + "-----BEGIN PRIVATE KEY-----\n";
        let cases = [
            (".env.local", "S=1", true),
            (".env.example", "S=", false),
            ("deploy_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nx", true),
            ("deploy_key.pub", "ssh-ed25519 AAAA", false),
            ("cert.txt", "-----BEGIN CERTIFICATE-----\nx", false),
            ("code.py", "-----BEGIN PRIVATE KEY-----\nx", false),
            ("chain.PEM", &late, true),
            ("chain.txt", &late, false),
            ("empty", "", false),
        ];
        for (name, content, secret) in cases {
            let path = home.path().join(name);
            std::fs::write(&path, content).expect("a file");
            assert_eq!(is_secret_file(&path, name).ok(), Some(secret), "{name}");
            assert_eq!(is_secret(name, content.as_bytes()), secret, "{name}");
        }
    }
}
