//! Installed scripts, made independent of the machine that installed them.
//!
//! An installer writes the path of its own Python into every script. The service has another one, and
//! two machines would never make the same archive.

use sha2::{Digest as _, Sha256};

const PORTABLE: &[u8] = b"#!/usr/bin/env python3\n";

/// The script with a first line that works anywhere; `None` where it does already, or is no Python.
pub(crate) fn portable(content: &[u8]) -> Option<Vec<u8>> {
    let line = first_line(content)?;
    let rest = if line.starts_with(b"#!/bin/sh") {
        // Long or spaced paths: `'''exec' "/a path/python" "$0" "$@"` and a line that closes the text.
        let after = content[line.len()..].strip_prefix(b"\n'''exec' ")?;
        let close = after.windows(5).position(|bytes| bytes == b"\n' ''")?;
        let end = after[close + 1..].iter().position(|byte| *byte == b'\n')?;
        &after[close + 1 + end + 1..]
    } else if interpreter(line).is_some_and(|program| program.contains("python")) {
        content[line.len()..].strip_prefix(b"\n")?
    } else {
        return None;
    };
    Some([PORTABLE, rest].concat())
}

/// The program of a first line that exists on this machine alone.
pub(crate) fn foreign_interpreter(content: &[u8]) -> Option<String> {
    let program = interpreter(first_line(content)?)?;
    let everywhere = ["/usr/bin/", "/bin/"]
        .iter()
        .any(|prefix| program.starts_with(prefix));
    (program.starts_with('/') && !everywhere).then(|| program.to_owned())
}

fn first_line(content: &[u8]) -> Option<&[u8]> {
    if !content.starts_with(b"#!") {
        return None;
    }
    let head = &content[..content.len().min(4096)];
    head.split(|byte| *byte == b'\n').next()
}

fn interpreter(line: &[u8]) -> Option<&str> {
    let program = std::str::from_utf8(line).ok()?[2..].trim();
    (!program.starts_with("/usr/bin/env ")).then_some(program)
}

/// A `RECORD` in which the changed files stand with what they hold now: path from the root, content.
pub(crate) fn record_of(record: &str, changed: &[(String, Vec<u8>)]) -> String {
    let mut text = String::with_capacity(record.len());
    for line in record.split_inclusive('\n') {
        let path = line.split(',').next().unwrap_or_default();
        let path = path.trim_start_matches("../");
        match changed.iter().find(|(name, _)| name == path) {
            Some((_, content)) => {
                let shown = line.split(',').next().unwrap_or_default();
                let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
                let digest = base64url(&Sha256::digest(content));
                let size = content.len().to_string();
                text.extend([shown, ",sha256=", &digest, ",", &size, end]);
            }
            None => text.push_str(line),
        }
    }
    text
}

/// Base 64 in the alphabet of URLs, without padding, as `RECORD` has it.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut number = 0_u32;
        for at in 0..3 {
            number = number << 8 | u32::from(group.get(at).copied().unwrap_or_default());
        }
        for at in 0..=group.len() {
            let digit = number >> (18 - 6 * at) & 63;
            text.push(char::from(DIGITS[digit as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installers_own_python_is_replaced() {
        let is = |text: &str| portable(text.as_bytes()).map(|out| String::from_utf8(out).unwrap());
        assert_eq!(
            is("#!/opt/py/bin/python3.11\nimport sys\n").as_deref(),
            Some("#!/usr/bin/env python3\nimport sys\n")
        );
        assert_eq!(
            is("#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n' '''\nimport sys\n").as_deref(),
            Some("#!/usr/bin/env python3\nimport sys\n")
        );
        for kept in [
            "#!/usr/bin/env python3\n",
            "#!/bin/sh\necho\n",
            "import sys\n",
            "",
        ] {
            assert_eq!(is(kept), None, "{kept}");
        }
    }

    #[test]
    fn a_program_of_one_machine_is_foreign() {
        assert_eq!(
            foreign_interpreter(b"#!/home/ann/perl -w\n").as_deref(),
            Some("/home/ann/perl -w")
        );
        assert_eq!(foreign_interpreter(b"#!/bin/bash\n"), None);
        assert_eq!(foreign_interpreter(b"#!/usr/bin/env node\n"), None);
        assert_eq!(foreign_interpreter(b"\x7fELF"), None);
    }

    #[test]
    fn the_record_tells_what_a_changed_script_holds_now() {
        let record = "a.py,sha256=x,1\nbin/run,sha256=old,320\n../../bin/run,sha256=old,2\n";
        let changed = [("bin/run".to_owned(), b"abc".to_vec())];
        // The digest of "abc" from FIPS 180-2, in the alphabet of URLs.
        let new = "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3";
        assert_eq!(
            record_of(record, &changed),
            format!("a.py,sha256=x,1\nbin/run,{new}\n../../bin/run,{new}\n")
        );
    }
}
