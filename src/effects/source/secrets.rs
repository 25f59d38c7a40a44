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
/// What a file of variables ends in that only shows which ones there are.
const EXAMPLES: [&str; 3] = ["example", "sample", "template"];
/// Documents, which show what an AWS credentials file looks like.
const DOCUMENTS: [&str; 2] = ["md", "rst"];
/// What a key in armour begins with.
pub(super) const ARMOUR: &str = "-----BEGIN ";
/// What is looked through from end to end is no larger: a larger file is data.
pub(super) const SMALL: usize = 64 * 1024;
/// Nothing shorter is a line of a key, and no word is as long.
const KEY_LINE: usize = 32;

/// File systems that ignore case know `.AWS` as `.aws`.
pub(in crate::effects) fn is_secret_directory(name: &str) -> bool {
    SECRET_DIRECTORIES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

pub(in crate::effects) fn is_secret(name: &str, content: &[u8]) -> bool {
    let name = &*name.to_ascii_lowercase();
    let extension = extension(name);
    if is_environment(name)
        || SECRET_FILES.contains(&name)
        || SECRET_EXTENSIONS.contains(&extension)
    {
        return true;
    }
    if extension == "py" {
        // Code that speaks of keys holds the words too, and the agent does not run without it.
        return false;
    }
    let whole = extension == "pem" || is_in_armour(content);
    if !whole && content.len() > SMALL {
        return false;
    }
    let text = &*String::from_utf8_lossy(content);
    (extension == "pem" && text.contains("PRIVATE KEY"))
        || (whole && private_keys(text).next().is_some())
        || private_keys(text).any(has_body)
        || is_service_account(text)
        || (!DOCUMENTS.contains(&extension) && text.lines().any(is_aws_secret))
}

/// The same for a file, of which no more is read than decides.
pub(in crate::effects) fn is_secret_file(path: &Path, name: &str) -> io::Result<bool> {
    if is_secret(name, b"") {
        return Ok(true);
    }
    let extension = &*extension(name).to_ascii_lowercase();
    if extension == "py" {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    let mut content = Vec::new();
    let enough = SMALL as u64 + 1;
    file.by_ref().take(enough).read_to_end(&mut content)?;
    if extension == "pem" || is_in_armour(&content) {
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

/// `.env` with any suffix, and `prod.env`.
fn is_environment(name: &str) -> bool {
    let suffixed = name
        .strip_prefix(".env")
        .is_some_and(|suffix| !suffix.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let stem = name.strip_suffix(".env");
    let last = stem.unwrap_or(name).rsplit(['.', '-', '_']).next();
    (suffixed || stem.is_some()) && !last.is_some_and(|word| EXAMPLES.contains(&word))
}

/// Whether something in armour, a key or a certificate, is the first thing in the file.
fn is_in_armour(content: &[u8]) -> bool {
    let beginning = &content[..content.len().min(SMALL)];
    let beginning = beginning.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(beginning);
    beginning.trim_ascii_start().starts_with(ARMOUR.as_bytes())
}

/// What follows each line with which PEM, OpenSSH or PGP open a private key.
fn private_keys(text: &str) -> impl Iterator<Item = &str> {
    text.split(ARMOUR).skip(1).filter_map(|rest| {
        let (label, body) = rest.split_once("-----")?;
        let label = label.strip_suffix(" BLOCK").unwrap_or(label);
        let is_key = label.ends_with("PRIVATE KEY") && !label.contains('\n');
        is_key.then_some(body)
    })
}

/// A document may show the line alone, or with dots below it.
fn has_body(after: &str) -> bool {
    let body = after.split("-----").next().unwrap_or_default();
    body.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c))
        .any(|run| run.len() >= KEY_LINE)
}

/// The key of a Google service account.
fn is_service_account(text: &str) -> bool {
    text.contains("\"service_account\"")
        && text.contains("\"private_key\"")
        && private_keys(text).next().is_some()
}

/// A line of an AWS credentials file, or of a shell that sets the variable; not a placeholder.
fn is_aws_secret(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let value = value.trim().trim_matches(['"', '\'']);
    key.trim().eq_ignore_ascii_case("aws_secret_access_key")
        && value.len() >= 16
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
}

fn extension(name: &str) -> &str {
    Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default()
}
