//! With any text, only this tool's colors affect the terminal.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use clap::{Arg, Command, builder::Styles};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error::{Message, Snippet};

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Returns a `Ui` with stdout and stderr on one terminal.
fn terminal(color: bool) -> (Ui, Screen) {
    let screen = Screen::default();
    let ui = Ui {
        out: Mutex::new(Box::new(screen.clone())),
        err: Mutex::new(Box::new(screen.clone())),
        color,
        chosen: ColorChoice::Auto,
        verbosity: Verbosity::VeryVerbose,
        interactive: true,
        out_is_terminal: true,
        lost: Mutex::default(),
        outputs_are_one: true,
        within_a_line: AtomicBool::new(false),
        answer: Mutex::new(Filter::new(Escape::Text)),
        document: Mutex::new(None),
        warned: Mutex::default(),
        lead: Box::new(|text, _| text.to_owned()),
        dialogue: Mutex::default(),
        board: None,
    };
    (ui, screen)
}

/// Calls every output function with this text.
fn say(ui: &Ui, text: &str) {
    ui.result(text);
    ui.offer(text);
    ui.offer_json(&json!(text).to_string());
    ui.document(json!({ text: [text] }));
    let (head, tail) = text.as_bytes().split_at(text.len() / 2);
    ui.piece(head);
    ui.piece(tail);
    ui.piece(b"\n");
    ui.status(text, text);
    ui.answer_status(text, text);
    ui.detail(text, text);
    ui.plain(text);
    ui.answer_plain(text);
    ui.note(text);
    let snippet = Snippet {
        file: text.into(),
        text: format!("{text} = 1\n{text}"),
        span: 0..text.len(),
        label: text.to_owned(),
    };
    let message = Message::new(text).at(snippet).note(text).help(text);
    ui.warning(&message);
    let failure = Failure::world(text).note(text).help(text);
    ui.failure(&failure);
    ui.print_document(text, Some(&failure));
    ui.ask(text);
    let command = Command::new("x").arg(Arg::new("number").value_parser(clap::value_parser!(u8)));
    let plain = command.clone().styles(Styles::plain());
    for words in [["x", text], ["x", &format!("--{text}")]] {
        let read = [&command, &plain].map(|it| it.clone().try_get_matches_from(words));
        if let [Err(error), Err(plain)] = read {
            ui.usage(&error, &plain.render().ansi().to_string());
        }
    }
}

/// Returns the text without color sequences.
fn uncolored(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain += before;
        let end = after
            .find(|c: char| !c.is_ascii_digit() && c != ';')
            .unwrap_or(after.len());
        assert!(after[end..].starts_with('m'), "{text:?}");
        rest = &after[end + 1..];
    }
    plain + rest
}

fn acts(character: char) -> bool {
    (character.is_control() && !"\n\t".contains(character))
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

proptest! {
    #[test]
    fn whatever_is_said_only_our_colors_act_on_the_terminal(
        text in prop_oneof![
            any::<String>(),
            "[\u{0}-\u{a0}\u{202a}-\u{202e}\u{2066}-\u{2069}a;\\[\\]m31]{0,20}",
            "(\u{1b}\\[31m|\u{1b}\\]52;c;YQ==\u{7}|\u{9b}2J|\r|\u{202e}|a){0,6}",
        ],
    ) {
        let (plain, colored) = (terminal(false), terminal(true));
        say(&plain.0, &text);
        say(&colored.0, &text);
        let said = plain.1.text();
        prop_assert!(!said.contains(acts), "{:?}", said);
        prop_assert_eq!(uncolored(&colored.1.text()), said);
    }
}

#[test]
fn a_pipe_gets_every_byte_and_stderr_none_that_acts() {
    let (out, err) = (Screen::default(), Screen::default());
    let (mut ui, _) = terminal(false);
    ui.out = Mutex::new(Box::new(out.clone()));
    ui.err = Mutex::new(Box::new(err.clone()));
    ui.out_is_terminal = false;
    let text = "\x1b[31m\u{202e}\r\u{9b}";
    ui.result(text);
    ui.piece(text.as_bytes());
    ui.offer_json(&json!(text).to_string());
    assert_eq!(
        out.text(),
        format!("{text}\n{text}{}\n", json!(text)),
        "as it is"
    );
    ui.status("Creating", text);
    assert_eq!(
        err.text(),
        "\n    Creating \\x1b[31m\\u{202e}\\r\\u{9b}\n",
        "on a line of its own"
    );
}

#[test]
fn who_asks_for_it_raw_gets_it_on_a_terminal_too() {
    let (ui, screen) = terminal(false);
    ui.offer_raw("\x1b[31m");
    ui.raw_piece(b"\x1b[0m");
    assert_eq!(screen.text(), "\x1b[31m\n\x1b[0m");
}
