//! Hides logins in URLs, in messages and documents.

pub(crate) mod secret;

use std::borrow::Cow;

const AFTER_SCHEME: &str = "://";

/// Replaces each login in a URL with `***`.
pub(crate) fn without_logins(text: &str) -> Cow<'_, str> {
    replaced(text, |_| "***".to_owned())
}

/// Replaces each byte of a login with an asterisk, so that all positions stay the same.
pub(crate) fn with_masked_logins(text: &str) -> Cow<'_, str> {
    replaced(text, |login| "*".repeat(login.len()))
}

fn replaced(text: &str, instead: impl Fn(&str) -> String) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices(AFTER_SCHEME) {
        let start = at + AFTER_SCHEME.len();
        if start < done {
            continue;
        }
        let Some(login) = login(&text[..at], &text[start..]) else {
            continue;
        };
        shown.push_str(&text[done..start]);
        shown.push_str(&instead(login));
        done = start + login.len();
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[done..]);
    Cow::Owned(shown)
}

/// Returns the login before the `@` of a URL. A user name alone is not secret, and neither are
/// variables in place of a login.
fn login<'t>(before: &str, after: &'t str) -> Option<&'t str> {
    let end = |text: &str, also: &[char]| {
        text.find(|c: char| {
            c.is_whitespace() || c.is_control() || "\"'`<>".contains(c) || also.contains(&c)
        })
        .unwrap_or(text.len())
    };
    let whole = &after[..end(after, &[])];
    let authority = &whole[..end(whole, &['/', '?', '#'])];
    let login = match authority.rfind('@') {
        Some(sign) => &authority[..sign],
        // A password may contain characters that a URL should encode; a port is a number.
        None if authority.starts_with('[') => return None,
        None if authority.split_once(':').is_some_and(|(_, port)| {
            !port.is_empty()
                && !port.starts_with(|c: char| c.is_ascii_digit() || "${<[".contains(c))
        }) =>
        {
            &whole[..whole.rfind('@')?]
        }
        None => return None,
    };
    let scheme = before
        .rsplit(|c: char| !c.is_ascii_alphanumeric() && !"+.-".contains(c))
        .next()
        .unwrap_or_default();
    let has_key = scheme.ends_with("ssh") && !login.contains(':');
    let is_hidden = login.split(':').all(|part| {
        part.is_empty()
            || part.bytes().all(|byte| byte == b'*')
            || (part.starts_with("${") && part.ends_with('}'))
    });
    (!has_key && !is_hidden).then_some(login)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_login_is_not_shown() {
        for (text, shown) in [
            (
                "get https://bob:pw@corp.net/simple now",
                "get https://***@corp.net/simple now",
            ),
            (
                "`git+https://tok3n@corp.net/x.git@v1`",
                "`git+https://***@corp.net/x.git@v1`",
            ),
            (
                "https://a:b@c/ and http://d:e@f",
                "https://***@c/ and http://***@f",
            ),
            ("https://bob:p@ss@corp.net", "https://***@corp.net"),
            ("https://bob:p/ss@corp.net/", "https://***@corp.net/"),
            ("http://:pw@corp.net", "http://***@corp.net"),
        ] {
            assert_eq!(without_logins(text), shown);
            let masked = with_masked_logins(text);
            assert_eq!(masked.len(), text.len());
            assert_eq!(without_logins(&masked), masked);
        }
    }

    #[test]
    fn what_is_no_login_is_shown() {
        for text in [
            "https://corp.net/x@1",
            "https://corp.net:8080/x@1",
            "git+ssh://git@github.com/corp/x.git",
            "https://${USER}:${TOKEN}@corp.net",
            "bob@corp.net, see https://corp.net",
            "http://[::1]:80/a@b",
            "http://$HOST:$PORT/a@b",
            "://",
        ] {
            assert_eq!(without_logins(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_password_is_left(before in "\\PC{0,20}", user in "[a-z]{0,8}", password in "[a-zA-Z0-9:!$%&*+@-]{8,30}", after in "\\PC{0,20}") {
            prop_assume!(!before.contains("://") && !password.bytes().all(|byte| b"*:".contains(&byte)));
            let text = format!("{before} https://{user}:{password}@corp.net {after}");
            let shown = without_logins(&text).into_owned();
            let left = shown.contains(&format!("{password}@"));
            prop_assert!(!left, "{}", shown);
        }

        #[test]
        fn any_text_is_taken(text in "\\PC{0,60}") {
            prop_assert_eq!(with_masked_logins(&text).len(), text.len());
        }
    }
}
