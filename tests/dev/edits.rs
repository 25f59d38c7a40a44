//! The effects of edits.

use super::*;

#[test]
fn an_edit_is_answered_with() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    assert_eq!(dev.answer()["name"], "one");
    stage.write("seller/__init__.py", "NAME = \"two\"\n");
    dev.eventually_answers("two");
    dev.says("`seller/__init__.py` changed");
    // In a new directory.
    stage.write("seller/names/__init__.py", "LAST = \"three\"\n");
    stage.write("seller/__init__.py", "from .names import LAST as NAME\n");
    dev.eventually_answers("three");
    stage.write("seller/names/__init__.py", "LAST = \"four\"\n");
    dev.eventually_answers("four");
    let table = MANIFEST.replace("\"table\"", "\"new\"");
    stage.write("Cargo.toml", table);
    eventually(
        || dev.err(),
        || dev.answer()["environment"]["FROM_TABLE"] == "new",
    );
}

#[test]
fn a_failure_is_shown_with_its_place_and_answered_with_until_it_is_mended() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    stage.write("seller/__init__.py", "NAME = \"two\"\ndef f(:\n");
    dev.says("cannot start agent `seller`");
    dev.says("seller/__init__.py:2:");
    let (status, body) = dev.asks("", "{}");
    assert_eq!(status, 503);
    assert!(body.contains("SyntaxError"), "{body}");
    let file = stage.path("seller/__init__.py").display().to_string();
    assert!(body.contains(&file), "{body}");
    stage.write("seller/__init__.py", "NAME = \"three\"\n");
    dev.eventually_answers("three");
    stage.write("Cargo.toml", MANIFEST.replace("source =", "sorce ="));
    dev.says("sorce");
    assert_eq!(dev.asks("", "{}").0, 503);
    stage.write("Cargo.toml", MANIFEST);
    dev.eventually_answers("three");
}

#[test]
fn what_is_not_shipped_and_what_says_the_same_starts_nothing() {
    let stage = Stage::new();
    stage.write(".gitignore", "*.log\n");
    let dev = stage.dev(&[]);
    let pid = dev.answer()["pid"].clone();
    for round in 0..20 {
        stage.write("seller/app.log", format!("{round}\n"));
        stage.write("seller/__init__.py", "NAME = \"one\"\n");
        std::thread::sleep(Duration::from_millis(30));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(dev.answer()["pid"], pid, "{}", dev.err());
    assert!(!dev.err().contains("Restarting"), "{}", dev.err());
    stage.write("seller/__init__.py", "NAME = \"two\"\n");
    dev.eventually_answers("two");
}

/// As after `cargo agentcore dev 2> seller/dev.txt`.
#[test]
fn its_own_output_among_the_sources_restarts_nothing() {
    let stage = Stage::new();
    let dev = stage.dev_into("seller/dev.txt");
    for (starts, name) in [(1, "two"), (2, "three")] {
        stage.write("seller/__init__.py", format!("NAME = \"{name}\"\n"));
        dev.eventually_answers(name);
        assert_eq!(
            dev.err().matches("Restarting").count(),
            starts,
            "{}",
            dev.err()
        );
    }
}

/// Many editors empty a file before they write it.
#[test]
fn a_file_that_is_emptied_and_then_written_restarts_once_with_its_new_content() {
    let stage = Stage::new();
    stage.write(".env.local", "FROM_FILE=one\n");
    let dev = stage.dev(&[]);
    let save = |path: &str, text: &str| {
        let mut file = fs::File::create(stage.path(path)).unwrap();
        // Longer than what counts as one burst of edits.
        std::thread::sleep(Duration::from_millis(250));
        file.write_all(text.as_bytes()).unwrap();
    };
    save("seller/__init__.py", "NAME = \"two\"\n");
    dev.eventually_answers("two");
    save(".env.local", "FROM_FILE=two\n");
    let environment = || dev.answer()["environment"].clone();
    eventually(|| dev.err(), || environment()["FROM_FILE"] == "two");
    save("Cargo.toml", &MANIFEST.replace("\"table\"", "\"new\""));
    eventually(|| dev.err(), || environment()["FROM_TABLE"] == "new");
    assert_eq!(dev.err().matches("Restarting").count(), 3, "{}", dev.err());
    assert!(!dev.err().contains("error"), "{}", dev.err());
    // A file that stays empty counts, too.
    save("seller/__init__.py", "");
    eventually(
        || dev.err(),
        || dev.err().matches("Restarting").count() == 4,
    );
}

/// Python considers its bytecode current if the source has the same size and, in whole seconds, the
/// same time.
#[test]
fn an_edit_of_the_same_size_and_time_runs_the_new_code() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    let file = stage.path("seller/__init__.py");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    for name in ["two", "six", "ten"] {
        stage.write("seller/__init__.py", format!("NAME = \"{name}\"\n"));
        let file = fs::File::options().append(true).open(&file).unwrap();
        file.set_modified(time).unwrap();
        dev.eventually_answers(name);
    }
}

#[test]
fn changed_requirements_are_installed() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    let wheel = wheels::plain("names", "1.0", &[("names.py", "LAST = \"named\"\n")]);
    stage.write("wheels/names-1.0-py3-none-any.whl", wheel);
    stage.write(
        "deployment/requirements.txt",
        "../wheels/names-1.0-py3-none-any.whl\n",
    );
    stage.write("seller/__init__.py", "from names import LAST as NAME\n");
    dev.eventually_answers("named");
    dev.says("the requirements changed");
}

#[test]
fn requests_in_flight_finish_and_new_ones_wait_for_the_new_code() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    let port = dev.port();
    let slow = std::thread::spawn(move || ask(port, "", r#"{"sleep": 2}"#));
    eventually(|| dev.out(), || dev.out().contains("sleep"));
    stage.write("seller/__init__.py", "NAME = \"two\"\n");
    dev.eventually_answers("two");
    let (status, body) = slow.join().unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("\"name\": \"one\""), "{body}");
}

#[test]
fn nothing_is_reloaded_where_nobody_wants_it() {
    let stage = Stage::new();
    let dev = stage.dev(&["--no-reload"]);
    stage.write("seller/__init__.py", "NAME = \"two\"\n");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(dev.answer()["name"], "one");
}
