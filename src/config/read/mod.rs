//! Reads a TOML table key by key and collects all problems with their positions.

mod problems;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub(super) use self::problems::Problems;
use crate::{
    names::is_hidden,
    text::{did_you_mean, nearest, suggestion},
};

/// A table whose keys are taken one by one; the remaining keys are unknown.
pub(super) struct Table<'t> {
    /// The table's name in messages, such as `[workspace.metadata.agentcore]`.
    name: String,
    keys: &'t DeTable<'t>,
    /// The position for messages about the whole table.
    pub(super) span: Range<usize>,
    asked: BTreeSet<&'static str>,
    /// True if `key.workspace = true` takes a key from the workspace's table.
    inherits: bool,
}

impl<'t> Table<'t> {
    pub(super) fn new(name: impl Into<String>, span: Range<usize>, keys: &'t DeTable<'t>) -> Self {
        Self {
            name: name.into(),
            keys,
            span,
            asked: BTreeSet::new(),
            inherits: false,
        }
    }

    /// Allows `key.workspace = true` here and in the tables of agents.
    pub(super) fn may_inherit(&mut self) {
        self.inherits = true;
    }

    /// Returns true if the table has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Returns the text of a key, without taking it.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.keys.get(key)?.get_ref().as_str()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.keys
            .get_key_value(key)
            .map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.insert(key);
        let value = self.keys.get(key)?;
        // The layer of the workspace applies anyway.
        (!self.is_inherited(value.get_ref())).then_some(value)
    }

    /// Returns true for `{ workspace = true }`, if that is allowed here.
    fn is_inherited(&self, value: &DeValue<'_>) -> bool {
        let Some(keys) = value.as_table().filter(|keys| keys.len() == 1) else {
            return false;
        };
        let word = keys.get("workspace").map(Spanned::get_ref);
        self.inherits && matches!(word, Some(DeValue::Boolean(true)))
    }

    fn wrong(
        &self,
        key: &str,
        wanted: &str,
        value: &Spanned<DeValue<'_>>,
        problems: &mut Problems<'_>,
    ) {
        problems.at(
            value.span(),
            format!("`{key}` in `{}` must be {wanted}", self.name),
            format!("this is {}", kind(value.get_ref())),
        );
    }

    pub(super) fn string(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<String>> {
        let value = self.take(key)?;
        match value.get_ref() {
            DeValue::String(text) => self.shown(key, text, value.span(), problems),
            _ => {
                self.wrong(key, "a string", value, problems);
                None
            }
        }
    }

    /// Checks for hidden characters; a description may have several lines.
    fn shown(
        &self,
        key: &str,
        text: &str,
        span: Range<usize>,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<String>> {
        let is_layout = |c: char| key == "description" && matches!(c, '\n' | '\r' | '\t');
        let hidden = text.chars().find(|c| is_hidden(*c) && !is_layout(*c));
        if let Some(hidden) = hidden {
            problems.at(
                span,
                format!("`{key}` in `{}` contains {}", self.name, named(hidden)),
                "",
            );
            return None;
        }
        Some(Spanned::new(span, text.to_owned()))
    }

    /// Takes a string and parses it; the error of `parse` is the message.
    pub(super) fn parsed<T, E: ToString>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.string(key, problems)?;
        match parse(text.get_ref()) {
            Ok(value) => Some(value),
            Err(error) => {
                problems.at(text.span(), error.to_string(), "");
                None
            }
        }
    }

    pub(super) fn integer(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u32>,
        problems: &mut Problems<'_>,
    ) -> Option<u32> {
        let value = self.take(key)?;
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let number = match value.get_ref() {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                self.wrong(key, &wanted, value, problems);
                None
            }
        }
    }

    pub(super) fn boolean(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<bool> {
        let value = self.take(key)?;
        if let DeValue::Boolean(is) = value.get_ref() {
            Some(*is)
        } else {
            self.wrong(key, "`true` or `false`", value, problems);
            None
        }
    }

    /// Takes a list of strings.
    pub(super) fn strings(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<Spanned<String>>> {
        let value = self.take(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, "a list of strings", value, problems);
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => {
                    texts.extend(self.shown(key, text, item.span(), problems));
                }
                _ => self.wrong(key, "a list of strings", item, problems),
            }
        }
        Some(texts)
    }

    /// Takes a list of strings without their positions.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<String>> {
        let list = self.strings(key, problems)?;
        Some(list.into_iter().map(Spanned::into_inner).collect())
    }

    /// Takes a list of any items.
    pub(super) fn items(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<impl Iterator<Item = &'t Spanned<DeValue<'t>>> + use<'t>> {
        let value = self.take(key)?;
        if let DeValue::Array(items) = value.get_ref() {
            Some(items.iter())
        } else {
            self.wrong(key, "a list", value, problems);
            None
        }
    }

    /// Returns a table for a separate reader.
    pub(super) fn members(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<&'t DeTable<'t>> {
        let value = self.take(key)?;
        if let DeValue::Table(keys) = value.get_ref() {
            Some(keys)
        } else {
            self.wrong(key, "a table", value, problems);
            None
        }
    }

    /// Returns a list item as a table.
    pub(super) fn of_item(
        name: &str,
        item: &'t Spanned<DeValue<'t>>,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        if let DeValue::Table(keys) = item.get_ref() {
            Some(Self::new(name, item.span(), keys))
        } else {
            problems.at(
                item.span(),
                format!("an item of `{name}` must be a table"),
                format!("this is {}", kind(item.get_ref())),
            );
            None
        }
    }

    pub(super) fn table(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Table<'t>> {
        let value = self.take(key)?;
        if let DeValue::Table(keys) = value.get_ref() {
            let span = self.key_span(key);
            Some(Table::new(inner(&self.name, key), span, keys))
        } else {
            self.wrong(key, "a table", value, problems);
            None
        }
    }

    /// Takes a table with user-defined names, each with its position.
    pub(super) fn named(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Vec<(String, Table<'t>)> {
        let Some(outer) = self.table(key, problems) else {
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in outer.keys {
            if let DeValue::Table(keys) = value.get_ref() {
                let text = name.get_ref().to_string();
                let mut table = Table::new(inner(&outer.name, name.get_ref()), name.span(), keys);
                table.inherits = self.inherits && key == "agents";
                tables.push((text, table));
            } else {
                outer.wrong(name.get_ref(), "a table", value, problems);
            }
        }
        tables
    }

    /// Takes a table of strings, each with the position of its key.
    pub(super) fn map(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> BTreeMap<String, Spanned<String>> {
        let map = self.map_with_values(key, problems).into_iter();
        map.map(|(name, (_, text))| (name, text)).collect()
    }

    /// Like [`Table::map`], with the positions of the values.
    pub(super) fn map_with_values(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> BTreeMap<String, (Range<usize>, Spanned<String>)> {
        let Some(outer) = self.table(key, problems) else {
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for (name, value) in outer.keys {
            if let Some(hidden) = name.get_ref().chars().find(|c| is_hidden(*c)) {
                problems.at(
                    name.span(),
                    format!("a key of `{}` contains {}", outer.name, named(hidden)),
                    "",
                );
            } else if let DeValue::String(text) = value.get_ref() {
                map.insert(
                    name.get_ref().to_string(),
                    (value.span(), Spanned::new(name.span(), text.to_string())),
                );
            } else {
                outer.wrong(name.get_ref(), "a string", value, problems);
            }
        }
        map
    }

    /// Returns true if the table has `key`, or an unknown key that is similar. Must be called after
    /// all keys were taken.
    pub(super) fn is_meant(&self, key: &str) -> bool {
        let mistyped = |word: &str| nearest(word, self.asked.iter().copied()) == Some(key);
        self.keys.iter().any(|(found, _)| {
            let word = found.get_ref().as_ref();
            word == key || (!self.asked.contains(word) && mistyped(word))
        })
    }

    /// Reports every key that was not taken.
    pub(super) fn finish(self, problems: &mut Problems<'_>) {
        for (key, value) in self.keys {
            if self.asked.contains(key.get_ref().as_ref()) {
                let word = key.get_ref();
                if self.is_inherited(value.get_ref()) && !problems.shared.contains(word.as_ref()) {
                    let what = format!(
                        "`{word}` is inherited, but `[workspace.metadata.agentcore]` has no `{word}`"
                    );
                    problems.at(key.span(), what, "");
                }
                continue;
            }
            let near = nearest(key.get_ref(), self.asked.iter().copied());
            let message = problems.message(
                key.span(),
                format!("unknown key `{}` in `{}`", key.get_ref(), self.name),
                near.map(did_you_mean).unwrap_or_default(),
            );
            problems.push(match near {
                Some(_) => message,
                None => {
                    let known: Vec<_> = self.asked.iter().map(|key| format!("`{key}`")).collect();
                    message.help(format!("the keys of this table are {}", known.join(", ")))
                }
            });
        }
    }
}

/// Returns the value of a word in `known`.
pub(super) fn one_of<T: Copy>(
    what: &str,
    text: &str,
    known: &[(&'static str, T)],
) -> Result<T, String> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words = known.iter().map(|(word, _)| *word);
    let near = suggestion(text, words.clone());
    Err(format!(
        "unknown {what} `{text}`, expected {}{near}",
        choice(&words.collect::<Vec<_>>())
    ))
}

/// Words a choice as serde does.
fn choice(words: &[&str]) -> String {
    match words {
        [one, other] => format!("`{one}` or `{other}`"),
        [one] => format!("`{one}`"),
        several => format!("one of `{}`", several.join("`, `")),
    }
}

pub(super) fn named(hidden: char) -> String {
    format!(
        "the character U+{:04X}, which cannot be seen",
        u32::from(hidden)
    )
}

fn inner(outer: &str, key: &str) -> String {
    format!("{}.{key}]", outer.trim_end_matches(']'))
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
