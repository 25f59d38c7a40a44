//! Parses a permission in the metadata: a word, or a table with one key and its settings.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    ALLOW, ALLOW_FORM, Permission, VALUED, Wrong,
    allow::{self, Allowed, Objection},
    unknown,
};
use crate::{names::is_hidden, text::suggestion};

/// A problem: where it is, what it is, and how to fix it.
pub(in crate::config) struct Problem {
    pub(in crate::config) at: Range<usize>,
    pub(in crate::config) what: String,
    pub(in crate::config) help: String,
}

impl Problem {
    fn new(at: Range<usize>, what: impl Into<String>) -> Self {
        Self {
            at,
            what: what.into(),
            help: "run `cargo agentcore help permissions` for the list".to_owned(),
        }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: help.into(),
            ..self
        }
    }
}

/// Parses one item of `permissions`.
pub(in crate::config) fn read(item: &Spanned<DeValue<'_>>) -> Result<Permission, Vec<Problem>> {
    match item.get_ref() {
        DeValue::String(word) => {
            Permission::from_table_word(word).map_err(|what| vec![Problem::new(item.span(), what)])
        }
        DeValue::Table(table) if table.contains_key(ALLOW) => allowed(table),
        DeValue::Table(table) => named(table, item.span()).map_err(|problem| vec![problem]),
        _ => Err(vec![Problem::new(
            item.span(),
            "a permission is a string or a table with one key",
        )]),
    }
}

fn named(table: &DeTable<'_>, place: Range<usize>) -> Result<Permission, Problem> {
    let mut access = None;
    let mut found = None;
    for (key, value) in table {
        let DeValue::String(text) = value.get_ref() else {
            return Err(Problem::new(
                value.span(),
                format!("`{}` must be a string", key.get_ref()),
            ));
        };
        if key.get_ref() == "access" {
            access = Some((value.span(), text.as_ref()));
        } else if found.replace((key, value.span(), text)).is_some() {
            return Err(second(table, key.span()));
        }
    }
    let Some((key, span, text)) = found else {
        return Err(Problem::new(
            place,
            "a permission's table has one key, such as `{ memory = \"ID\" }`",
        ));
    };
    if !VALUED.contains(&key.get_ref().as_ref()) {
        return Err(Problem::new(key.span(), unknown(key.get_ref())));
    }
    let word = access.as_ref().map(|(_, word)| *word);
    Permission::valued(key.get_ref(), text, word).map_err(|wrong| match wrong {
        Wrong::Value(what) => Problem::new(span, what),
        Wrong::Access(what) => Problem::new(access.map_or(place, |(span, _)| span), what),
    })
}

/// Reports a second key: a misspelled one, or a second capability.
fn second(table: &DeTable<'_>, last: Range<usize>) -> Problem {
    let wrong = table
        .keys()
        .find(|key| key.get_ref() != "access" && !VALUED.contains(&key.get_ref().as_ref()));
    match wrong {
        Some(key) => {
            let near = suggestion(key.get_ref(), ["access"]);
            let what = format!("unknown key `{}` in a permission{near}", key.get_ref());
            Problem::new(key.span(), what)
        }
        None => Problem::new(
            last,
            "a permission's table names one thing; write a table for each",
        ),
    }
}

/// Parses `{ allow = […], on = […], reason = "…" }` and reports all problems with it.
fn allowed(table: &DeTable<'_>) -> Result<Permission, Vec<Problem>> {
    let known = [ALLOW, "on", "reason"];
    let mut problems = Vec::new();
    for (key, _) in table {
        if !known.contains(&key.get_ref().as_ref()) {
            let near = suggestion(key.get_ref(), known);
            let what = format!("unknown key `{}` beside `{ALLOW}`{near}", key.get_ref());
            problems.push(Problem::new(key.span(), what).help(form()));
        }
    }
    let reason = reason(table, &mut problems);
    // An invalid reason counts as a reason, so that only one problem is reported.
    let has_reason = table.contains_key("reason");
    let mut list = |key, check: fn(&str, bool) -> Result<(), Objection>| -> Vec<String> {
        let mut found = list(table, key, &mut problems);
        for (at, text) in &found {
            if let Err(Objection { what, help }) = check(text, has_reason) {
                problems.push(Problem::new(at.clone(), what).help(help));
            }
        }
        found.sort_by(|(_, one), (_, other)| one.cmp(other));
        found.dedup_by(|(_, one), (_, other)| one == other);
        found.into_iter().map(|(_, text)| text).collect()
    };
    let actions = list(ALLOW, allow::action);
    let on = list("on", allow::resource);
    if problems.is_empty() {
        Ok(Permission::Allow(Allowed {
            actions,
            on,
            reason,
        }))
    } else {
        Err(problems)
    }
}

fn form() -> String {
    format!("write {ALLOW_FORM}, and `reason = \"…\"` where it is broader than one thing")
}

fn reason(table: &DeTable<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let value = table.get("reason")?;
    let wrong = match value.get_ref() {
        DeValue::String(text) if text.trim().is_empty() => "`reason` must not be empty",
        DeValue::String(text) if text.chars().any(is_hidden) => {
            "`reason` contains characters that cannot be seen"
        }
        DeValue::String(text) => return Some(text.to_string()),
        _ => "`reason` must be a string",
    };
    problems.push(Problem::new(value.span(), wrong).help("say in one line why the agent needs it"));
    None
}

/// Returns the texts of a list that must not be empty, with their positions.
fn list(
    table: &DeTable<'_>,
    key: &str,
    problems: &mut Vec<Problem>,
) -> Vec<(Range<usize>, String)> {
    let mut texts = Vec::new();
    let place = table
        .get_key_value(key)
        .or_else(|| table.get_key_value(ALLOW));
    let place = place.map_or(0..0, |(key, _)| key.span());
    let items = match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::Array(items)) if !items.is_empty() => items,
        Some(DeValue::Array(_)) => {
            problems.push(Problem::new(place, format!("`{key}` is empty")).help(form()));
            return texts;
        }
        Some(_) => {
            let what = format!("`{key}` must be a list of strings");
            problems.push(Problem::new(place, what).help(form()));
            return texts;
        }
        None => {
            let what = format!("`{ALLOW}` needs `{key}`: what the actions may touch");
            problems.push(Problem::new(place, what).help(form()));
            return texts;
        }
    };
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => texts.push((item.span(), text.to_string())),
            _ => {
                let what = format!("`{key}` must be a list of strings");
                problems.push(Problem::new(item.span(), what).help(form()));
            }
        }
    }
    texts
}
