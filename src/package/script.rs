//! Makes installed scripts independent of the machine that installed them.
//!
//! An installer writes the path of its own Python into every script. The service has another one,
//! and archives from different machines would differ.

use sha2::{Digest as _, Sha256};

const PORTABLE: &[u8] = b"#!/usr/bin/env python3\n";

/// Returns the scripts declared in a distribution's `entry_points.txt`, by name. Installers
/// generate different ones, and on Windows they are programs.
pub(crate) fn declared(entry_points: &str) -> Vec<(String, Vec<u8>)> {
    let mut is_about_scripts = false;
    let mut scripts = Vec::new();
    for line in entry_points.lines().map(str::trim) {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            is_about_scripts = ["console_scripts", "gui_scripts"].contains(&section.trim());
        } else if is_about_scripts && !line.starts_with(['#', ';']) {
            scripts.extend(declared_in(line));
        }
    }
    scripts
}

/// `name = module:function [extras]`
fn declared_in(line: &str) -> Option<(String, Vec<u8>)> {
    let (name, place) = line.split_once('=')?;
    let place = place.split('[').next().unwrap_or(place);
    let (module, function) = place.split_once(':')?;
    let (name, module, function) = (name.trim(), module.trim(), function.trim());
    let is_dotted = |text: &str| {
        let is_part = |part: &str| {
            let first = part.chars().next();
            first.is_some_and(|c| c == '_' || c.is_alphabetic())
                && part.chars().all(|c| c == '_' || c.is_alphanumeric())
        };
        text.split('.').all(is_part)
    };
    if name.is_empty() || name.contains(['/', '\\']) || !is_dotted(module) || !is_dotted(function) {
        return None;
    }
    let object = function.split('.').next().unwrap_or(function);
    let text = format!(
        "import sys\nfrom {module} import {object}\n\nif __name__ == \"__main__\":\n    sys.exit({function}())\n"
    );
    Some((name.to_owned(), [PORTABLE, text.as_bytes()].concat()))
}

/// Returns the name of the script that a launcher in `bin` or `Scripts` starts.
pub(crate) fn started_by(path: &str) -> Option<&str> {
    let name = path
        .strip_prefix("bin/")
        .or_else(|| path.strip_prefix("Scripts/"))?;
    let endings = [".exe", "-script.pyw", "-script.py"];
    let bare = endings.iter().find_map(|ending| name.strip_suffix(ending));
    Some(bare.unwrap_or(name))
}

/// A file that is shipped differently from how it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The path as installed.
    pub(crate) installed: String,
    pub(crate) shipped: String,
    pub(crate) content: Vec<u8>,
}

/// Returns the script with a portable first line; `None` if it is already portable, or not a Python
/// script.
pub(crate) fn portable(content: &[u8]) -> Option<Vec<u8>> {
    let line = first_line(content)?;
    let rest = if line.starts_with(b"#!/bin/sh") {
        // Long paths or paths with spaces: `'''exec' "/a path/python" "$0" "$@"` and a line that
        // closes the text.
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

/// Returns the program in the first line if it only exists on this machine.
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

/// Returns a `RECORD` with the names and hashes of the changed files as shipped.
pub(crate) fn record_of(record: &str, changed: &[Changed]) -> String {
    let mut text = String::with_capacity(record.len());
    for line in record.split_inclusive('\n') {
        let path = line.split(',').next().unwrap_or_default();
        let from_root = path.trim_start_matches("../");
        let way = &path[..path.len() - from_root.len()];
        match changed.iter().find(|file| file.installed == from_root) {
            Some(Changed {
                installed: _,
                shipped,
                content,
            }) => {
                let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
                let digest = base64url(&Sha256::digest(content));
                let size = content.len().to_string();
                text.extend([way, shipped, ",sha256=", &digest, ",", &size, end]);
            }
            None => text.push_str(line),
        }
    }
    text
}

/// Encodes URL-safe base64 without padding, as in `RECORD`.
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
        let changed = |installed: &str| Changed {
            installed: installed.to_owned(),
            shipped: "bin/run".to_owned(),
            content: b"abc".to_vec(),
        };
        // The digest of "abc" from FIPS 180-2, in URL-safe base64.
        let new = "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3";
        assert_eq!(
            record_of(record, &[changed("bin/run")]),
            format!("a.py,sha256=x,1\nbin/run,{new}\n../../bin/run,{new}\n")
        );
        assert_eq!(
            record_of(
                "../../bin/run.exe,sha256=old,9\r\n",
                &[changed("bin/run.exe")]
            ),
            format!("../../bin/run,{new}\r\n")
        );
    }

    #[test]
    fn declared_scripts_are_written_alike_whoever_installs_them() {
        let text = "[console_scripts]\nrun = pkg.cli:main\n# no = x:y\nsub=pkg:App.run [extra]\n\
            bad = pkg\nworse = pkg:f();evil\n../up = pkg:f\n\n[other]\nx = y:z\n\n[ gui_scripts ]\nwin = w:go\n";
        let scripts: Vec<(String, String)> = declared(text)
            .into_iter()
            .map(|(name, text)| (name, String::from_utf8(text).unwrap()))
            .collect();
        let names: Vec<&str> = scripts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["run", "sub", "win"]);
        assert_eq!(
            scripts[1].1,
            "#!/usr/bin/env python3\nimport sys\nfrom pkg import App\n\nif __name__ == \"__main__\":\n    sys.exit(App.run())\n"
        );
    }

    #[test]
    fn a_launcher_of_windows_starts_the_script_of_its_name() {
        for (path, script) in [
            ("bin/run", Some("run")),
            ("bin/run.exe", Some("run")),
            ("Scripts/run.exe", Some("run")),
            ("Scripts/run-script.py", Some("run")),
            ("pkg/run.exe", None),
        ] {
            assert_eq!(started_by(path), script, "{path}");
        }
    }
}
