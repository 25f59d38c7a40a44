//! How much code there is, and how long its files are.

use super::texts;

/// The most lines of a file, without its tests. Files that reach it are split; the aim is 300.
const FILE: usize = 500;
/// The same for files of commands, which only connect the other rooms.
const COMMAND: usize = 200;

/// `.ci/run` prints the figures.
#[test]
#[expect(clippy::print_stdout, reason = "CI shows the figures")]
fn no_file_outgrows_its_limit() {
    let mut sizes: Vec<(usize, String)> = texts()
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (production(&text), path))
        .collect();
    sizes.sort();
    let is_command = |(_, path): &&(usize, String)| path.starts_with("commands/");
    let all: usize = sizes.iter().map(|(lines, _)| lines).sum();
    let (longest, file) = sizes.last().unwrap();
    let (longest_command, command) = sizes.iter().rfind(is_command).unwrap();
    println!("{all} lines in {} files", sizes.len());
    println!("longest file: {longest} lines, {file}");
    println!("longest file of a command: {longest_command} lines, {command}");
    assert!(
        *longest <= FILE,
        "split {file}, or this limit means nothing"
    );
    assert!(
        *longest_command <= COMMAND,
        "split {command}, or this limit means nothing"
    );
}

fn is_test(path: &str) -> bool {
    let mut parts = path.trim_end_matches(".rs").split('/');
    parts.any(|part| part == "tests")
}

/// Returns the number of lines before the tests in the file.
fn production(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests = |pair: &[&str]| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    };
    lines.windows(2).position(is_tests).unwrap_or(lines.len())
}

#[test]
fn tests_are_not_counted() {
    assert_eq!(production("a\nb\n#[cfg(test)]\nmod tests {\n    c\n}\n"), 2);
    assert_eq!(production("a\n#[cfg(test)]\nmod tests;\nb\n"), 4);
    assert!(is_test("resources/role/tests/law.rs") && is_test("cli/tests.rs"));
    assert!(!is_test("commands/check/mod.rs"));
}
