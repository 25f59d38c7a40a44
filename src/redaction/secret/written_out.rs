//! Keys in text form: PEM armor, and JSON Web Keys.

use std::sync::LazyLock;

use regex_automata::{meta::Regex, util::syntax};

use super::value::is_real;

/// The start of an armored key, in lower case.
pub(crate) const ARMOR: &str = "-----begin ";
/// The minimum length of a line in a key; no word is as long.
const KEY_LINE: usize = 32;
/// How close together the members of a JSON Web Key are, in bytes.
const NEAR: usize = 3500;

/// Returns true if the text starts with an armored key or certificate.
pub(crate) fn begins_with_armor(text: &[u8]) -> bool {
    text.trim_ascii_start()
        .get(..ARMOR.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(ARMOR.as_bytes()))
}

/// Recognizes a private key in PEM, OpenSSH or PGP format. A document may contain only its first
/// line, or dots below it.
pub(crate) fn private_key(text: &[u8], at: usize, is_key_file: bool) -> Option<&'static str> {
    let rest = &text[at + ARMOR.len()..];
    let end = memchr::memmem::find(&rest[..rest.len().min(80)], b"-----")?;
    let label = &rest[..end];
    let label = label.strip_suffix(b" BLOCK").unwrap_or(label);
    if !label.ends_with(b"PRIVATE KEY") || label.contains(&b'\n') {
        return None;
    }
    let body = &rest[end + 5..];
    let body = &body[..memchr::memmem::find(body, b"-----").unwrap_or(body.len())];
    let has_body = || {
        body.split(|byte| !byte.is_ascii_alphanumeric() && !b"+/=".contains(byte))
            .any(|run| run.len() >= KEY_LINE && is_real(run))
    };
    (is_key_file || has_body()).then_some("a private key")
}

/// The private member of a JSON Web Key: `d`, or `k` for a shared key.
static PRIVATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(r#"\\?["'][dk]\\?["']\s{0,8}:\s{0,8}\\?["']([A-Za-z0-9_-]{20,})"#)
        .expect("the expression is tested")
});

/// `at` is the position of `kty`.
pub(crate) fn json_web_key(text: &[u8], at: usize) -> Option<&'static str> {
    let is_quoted = |byte: Option<&u8>| byte.is_some_and(|byte| b"\"'\\".contains(byte));
    if !is_quoted(text[..at].last()) || !is_quoted(text.get(at + 3)) {
        return None;
    }
    let near = &text[at.saturating_sub(NEAR)..text.len().min(at + NEAR)];
    PRIVATE
        .captures_iter(near)
        .filter_map(|groups| groups.get_group(1))
        .any(|value| is_real(&near[value.range()]))
        .then_some("a private JSON Web Key")
}
