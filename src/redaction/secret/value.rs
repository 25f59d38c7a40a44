//! Decides whether a value is real or only a placeholder.

/// Words in manuals and templates, which are unlikely in a random value.
const PLACEHOLDERS: [&str; 22] = [
    "1234567",
    "abcdef0",
    "abcdefg",
    "change-me",
    "change_me",
    "changeme",
    "dummy",
    "example",
    "fake",
    "insert",
    "invalid",
    "placeholder",
    "redacted",
    "replace",
    "sample",
    "secret",
    "test",
    "todo",
    "xxxx",
    "yyyy",
    "your",
    "zzzz",
];
/// Passwords in examples.
const PASSWORDS: [&str; 20] = [
    "admin",
    "guest",
    "hunter2",
    "letmein",
    "minioadmin",
    "mypass",
    "mypassword",
    "none",
    "null",
    "p4ssw0rd",
    "pass",
    "passwd",
    "password",
    "password1",
    "postgres",
    "pw",
    "pwd",
    "qwerty",
    "root",
    "user",
];

/// Returns true for a real value whose format identifies it.
pub(crate) fn is_real(value: &[u8]) -> bool {
    !is_placeholder(value) && distinct(value) >= (value.len() / 3).min(8)
}

/// Returns true for a value that looks random, for values that only the name next to them
/// identifies.
pub(crate) fn is_random(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && distinct(value) >= 9
        && !is_placeholder(value)
        && !is_words(value)
}

/// Returns true for 40 characters that look like an AWS secret, rather than a hexadecimal hash or a
/// path.
pub(crate) fn is_aws_secret(value: &[u8]) -> bool {
    is_random(value)
        && value.iter().any(u8::is_ascii_uppercase)
        && value.iter().any(u8::is_ascii_lowercase)
        && distinct(value) >= 16
}

/// Returns true for a real password in a URL; one that equals the user's name is a placeholder.
pub(crate) fn is_password(password: &[u8], user: &[u8]) -> bool {
    let text = String::from_utf8_lossy(password).to_ascii_lowercase();
    let is_filled_in = text.contains(['$', '{', '<', '[', '(', '*', '…']) || text.contains("...");
    password.len() >= 4
        && !password.eq_ignore_ascii_case(user)
        && !is_filled_in
        && !is_placeholder(password)
        && !PASSWORDS.contains(&&*text)
        && !text.contains("password")
        && password.iter().any(u8::is_ascii_alphanumeric)
}

fn is_placeholder(value: &[u8]) -> bool {
    let text = value.to_ascii_lowercase();
    let repeats = value
        .windows(6)
        .any(|run| run.iter().all(|byte| *byte == run[0]));
    repeats
        || PLACEHOLDERS
            .iter()
            .any(|word| text.windows(word.len()).any(|part| part == word.as_bytes()))
}

/// Returns true for words and numbers with separators, as in `my-client-2024`.
fn is_words(value: &[u8]) -> bool {
    value
        .split(|byte| !byte.is_ascii_alphanumeric())
        .all(|part| {
            let digits = part.iter().skip_while(|byte| byte.is_ascii_alphabetic());
            digits.clone().all(u8::is_ascii_digit)
                && digits.count() <= 4
                && (part.iter().all(|byte| !byte.is_ascii_lowercase())
                    || part.iter().skip(1).all(|byte| !byte.is_ascii_uppercase()))
        })
}

fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
}
