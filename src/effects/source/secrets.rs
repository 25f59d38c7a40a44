//! What opens doors, by its name or by what it holds.

use std::{ffi::OsStr, path::Path};

/// Never shipped, whatever rule says otherwise: what opens doors.
pub(in crate::effects) const SECRET_DIRECTORIES: [&str; 6] =
    [".aws", ".ssh", ".gnupg", ".git", ".hg", ".svn"];
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
/// File systems that ignore case know `.AWS` as `.aws`.
pub(super) fn is_any_of(name: &str, known: &[&str]) -> bool {
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A private key in the armour that PEM and OpenSSH put around it, whatever the file is called. Code
/// that speaks of such keys holds the words too.
fn holds_private_key(content: &[u8]) -> bool {
    let armour = b"PRIVATE KEY-----";
    content.starts_with(b"-----BEGIN ")
        && content.windows(armour.len()).any(|bytes| bytes == armour)
}

pub(in crate::effects) fn is_secret(name: &str, content: &[u8]) -> bool {
    let name = &*name.to_ascii_lowercase();
    let extension = Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    name == ".env"
        || (name.starts_with(".env.") && !name.ends_with(".example"))
        || SECRET_FILES.contains(&name)
        || SECRET_EXTENSIONS.contains(&extension)
        || (extension == "pem" && content.windows(11).any(|bytes| bytes == b"PRIVATE KEY"))
        || (extension != "py" && holds_private_key(content))
}
