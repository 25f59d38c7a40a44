//! A permission as the metadata writes it: a word, or a table with one key and its settings.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Permission, VALUED, Wrong, unknown};
use crate::text::nearest;

/// The place of a problem, and what it is.
type Problem = (Range<usize>, String);

/// Reads one item of the list `permissions`.
pub(in crate::config) fn read(item: &Spanned<DeValue<'_>>) -> Result<Permission, Problem> {
    match item.get_ref() {
        DeValue::String(word) => {
            Permission::from_table_word(word).map_err(|what| (item.span(), what))
        }
        DeValue::Table(table) => named(table, item.span()),
        _ => Err((
            item.span(),
            "a permission is a string or a table with one key".to_owned(),
        )),
    }
}

fn named(table: &DeTable<'_>, place: Range<usize>) -> Result<Permission, Problem> {
    let mut access = None;
    let mut found = None;
    for (key, value) in table {
        let DeValue::String(text) = value.get_ref() else {
            return Err((
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
        return Err((
            place,
            "a permission's table has one key, such as `{ memory = \"ID\" }`".to_owned(),
        ));
    };
    if !VALUED.contains(&key.get_ref().as_ref()) {
        return Err((key.span(), unknown(key.get_ref())));
    }
    let word = access.as_ref().map(|(_, word)| *word);
    Permission::valued(key.get_ref(), text, word).map_err(|wrong| match wrong {
        Wrong::Value(what) => (span, what),
        Wrong::Access(what) => (access.map_or(place, |(span, _)| span), what),
    })
}

/// A key too many: one that is misspelled, or a second thing.
fn second(table: &DeTable<'_>, last: Range<usize>) -> Problem {
    let wrong = table
        .keys()
        .find(|key| key.get_ref() != "access" && !VALUED.contains(&key.get_ref().as_ref()));
    match wrong {
        Some(key) => {
            let near = nearest(key.get_ref(), std::iter::once("access"))
                .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let what = format!("unknown key `{}` in a permission{near}", key.get_ref());
            (key.span(), what)
        }
        None => (
            last,
            "a permission's table names one thing; write a table for each".to_owned(),
        ),
    }
}
