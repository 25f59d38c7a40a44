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
        // Replaced at once: a file that is truncated first is another file for a moment.
        stage.write("same.py", "NAME = \"one\"\n");
        fs::rename(stage.path("same.py"), stage.path("seller/__init__.py")).unwrap();
        std::thread::sleep(Duration::from_millis(30));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(dev.answer()["pid"], pid, "{}", dev.err());
    assert!(!dev.err().contains("Restarting"), "{}", dev.err());
    stage.write("seller/__init__.py", "NAME = \"two\"\n");
    dev.eventually_answers("two");
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
