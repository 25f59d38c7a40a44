//! Logins in URLs.

use super::value::{is_password, is_random};

pub(crate) const AFTER_SCHEME: &str = "://";
/// The maximum length of a login.
const LONGEST: usize = 2048;
/// The minimum length of a token in place of the user's name.
const TOKEN: usize = 20;
/// Local and placeholder hosts.
const NOBODYS: [&str; 9] = [
    "localhost",
    "127.",
    "0.0.0.0",
    "[::1]",
    "host",
    "hostname",
    "server",
    "your",
    "my",
];

/// User names in examples.
const USERS: [&[u8]; 6] = [b"", b"foo", b"me", b"name", b"user", b"username"];

/// Returns true if the URL whose `://` is at `at` has a user with a password, or a token as the
/// user.
pub(crate) fn has_login(text: &[u8], at: usize) -> bool {
    let rest = &text[at + AFTER_SCHEME.len()..];
    let rest = &rest[..rest.len().min(LONGEST)];
    let end = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || b"/?#\"'<>\\`".contains(byte));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let Some(sign) = memchr::memrchr(b'@', authority) else {
        return false;
    };
    let (login, host) = (&authority[..sign], &authority[sign + 1..]);
    let (user, password) = match memchr::memchr(b':', login) {
        Some(colon) => (&login[..colon], &login[colon + 1..]),
        None => (login, &[][..]),
    };
    let is_token = |text: &[u8]| text.len() >= TOKEN && is_random(text);
    if is_token(user) {
        return true;
    }
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    let is_nobodys = host.is_empty()
        || host.contains(['$', '{', '%'])
        || host.contains("example")
        || NOBODYS.iter().any(|known| {
            let rest = host.strip_prefix(known);
            rest.is_some_and(|rest| {
                known.ends_with('.') || !rest.starts_with(char::is_alphanumeric)
            })
        });
    // A host without a dot is probably another container, whose password is often a default one.
    let is_common =
        !host.contains('.') || USERS.iter().any(|known| user.eq_ignore_ascii_case(known));
    !is_nobodys
        && !password.contains(&b':')
        && is_password(password, user)
        && (!is_common || is_random(password))
}
