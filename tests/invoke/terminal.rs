//! Output of others cannot control the terminal; a pipe, or `--raw`, gets every byte.

use serde_json::json;

use super::{
    INVOKE, events, invoke, project, refusal, script,
    support::{Answer, Scripted, terminal::Terminal},
};

/// Writes to the clipboard, hides a link, sets colors, overprints, reorders text, also with C1
/// codes.
const HOSTILE: &str =
    "\x1b]52;c;cm0gLXJm\x07\x1b]8;;http://x\x1b\\\x1b[31m\x1b[2Jsafe\rgone\u{202e}\u{9b}31m";
const SHOWN: &str =
    r"\x1b]52;c;cm0gLXJm\x07\x1b]8;;http://x\x1b\\x1b[31m\x1b[2Jsafe\rgone\u{202e}\u{9b}31m";

fn on_a_terminal(server: &Scripted, words: &[&str]) -> String {
    let project = project();
    let cli = invoke(&project, server).args(["{}", "--color", "never"]);
    let (status, screen) = Terminal::run(&cli.args(words)).ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    screen
}

#[test]
fn an_answer_cannot_control_the_terminal() {
    let text = || Answer::new(200, "text/plain", HOSTILE.to_owned());
    let server = script()
        .then(INVOKE, text())
        .then(INVOKE, Answer::json(200, &json!(HOSTILE)))
        .then(
            INVOKE,
            events(&format!("data: {}\n\ndata: more\n\n", json!(HOSTILE))),
        )
        .then(
            INVOKE,
            Answer::new(200, "text/plain", b"\x9b2J\xff".to_vec()),
        )
        .then(INVOKE, Answer::json(200, &json!({ "a": HOSTILE })))
        .then(INVOKE, text())
        .start();
    for _ in 0..3 {
        let screen = on_a_terminal(&server, &[]);
        assert!(screen.contains(SHOWN), "{screen:?}");
        assert!(!screen.contains('\x1b'), "{screen:?}");
    }
    let screen = on_a_terminal(&server, &[]);
    assert!(screen.contains(r"\x9b2J\xff"), "{screen:?}");
    let screen = on_a_terminal(&server, &["--output", "json"]);
    assert!(screen.contains(r"safe\rgone\u202e\u009b31m"), "{screen:?}");
    let raw = on_a_terminal(&server, &["--raw"]);
    assert!(raw.contains(HOSTILE), "{raw:?}");
}

#[test]
fn a_pipe_gets_every_byte_of_the_answer() {
    let server = script()
        .then(INVOKE, Answer::new(200, "text/plain", HOSTILE.to_owned()))
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().succeeds();
    assert_eq!(outcome.stdout, HOSTILE);
}

#[test]
fn what_the_service_says_is_shown_on_stderr_wherever_that_goes() {
    let server = script()
        .always(INVOKE, refusal(400, "ValidationException", HOSTILE))
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().exits(1);
    assert!(outcome.stderr.contains(SHOWN), "{:?}", outcome.stderr);
    assert!(
        !outcome
            .stderr
            .contains(['\x1b', '\u{202e}', '\u{9b}', '\r'])
    );
}
