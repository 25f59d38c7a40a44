//! Parses YAML with limits, because a file in a checkout may be built to exhaust memory or time.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// The maximum size of a file in bytes.
const MAX_BYTES: usize = 1024 * 1024;
const MAX_DEPTH: usize = 64;
/// The maximum number of values; each use of an alias counts.
const MAX_VALUES: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Yaml {
    /// Unquoted: the text determines the type.
    Plain(String),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(Yaml, Yaml)>),
}

/// Why a text cannot be parsed, with the position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) why: String,
    pub(crate) at: Range<usize>,
}

impl Yaml {
    /// Parses the text's first document.
    pub(crate) fn parse(text: &str) -> Result<Self, Unread> {
        if text.len() > MAX_BYTES {
            return Err(Unread {
                why: format!("it is larger than {} KB", MAX_BYTES / 1024),
                at: 0..0,
            });
        }
        let mut reading = Reading::default();
        for event in Parser::new_from_str(text) {
            let read = match event {
                Ok((event, span)) => reading
                    .take(event)
                    .map_err(|why| (why.to_owned(), span.start)),
                // The parser has its own limit for brackets.
                Err(error) if error.info().contains("recursion limit") => {
                    Err((TOO_DEEP.to_owned(), *error.marker()))
                }
                Err(error) => Err((error.info().to_owned(), *error.marker())),
            };
            match read {
                Ok(Some(whole)) => return Ok(whole),
                Ok(None) => {}
                Err((why, marker)) => {
                    let at = byte(text, marker);
                    return Err(Unread { why, at: at..at });
                }
            }
        }
        Ok(Self::Plain(String::new()))
    }

    /// Returns the value of a key, including merged ones (`<<`).
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let own = self.entries().iter().find(|(name, _)| name.is(key));
        own.map(|(_, value)| value)
            .or_else(|| self.merged().find_map(|map| map.get(key)))
    }

    fn merged(&self) -> impl Iterator<Item = &Self> {
        let merge = self.entries().iter().find(|(name, _)| name.is("<<"));
        merge.into_iter().flat_map(|(_, value)| match value {
            Self::List(maps) => maps.iter().collect(),
            map => vec![map],
        })
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self, Self::Plain(own) | Self::Text(own) if own == text)
    }

    /// Returns a text that is neither empty nor null.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Plain(text) if !["", "~", "null", "Null", "NULL"].contains(&&**text) => {
                Some(text)
            }
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&Vec<(Self, Self)>> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    fn entries(&self) -> &[(Self, Self)] {
        self.as_map().map_or(&[], Vec::as_slice)
    }

    /// Returns the tree as YAML.
    pub(crate) fn write(&self) -> String {
        let mut out = String::new();
        self.write_at(0, &mut out);
        out
    }

    /// Writes a value, including the line end; a map or list starts on a new line.
    fn write_at(&self, depth: usize, out: &mut String) {
        match self {
            Self::Plain(_) | Self::Text(_) => {
                self.write_scalar(out);
                out.push('\n');
            }
            Self::List(items) if items.is_empty() => out.push_str("[]\n"),
            Self::Map(entries) if entries.is_empty() => out.push_str("{}\n"),
            Self::List(items) => {
                for item in items {
                    out.push_str(&"  ".repeat(depth));
                    out.push('-');
                    item.write_value(depth, out);
                }
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    out.push_str(&"  ".repeat(depth));
                    key.write_scalar(out);
                    out.push(':');
                    value.write_value(depth, out);
                }
            }
        }
    }

    fn write_value(&self, depth: usize, out: &mut String) {
        let is_block = match self {
            Self::Plain(_) | Self::Text(_) => false,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
        };
        out.push(if is_block { '\n' } else { ' ' });
        self.write_at(depth + 1, out);
    }

    fn write_scalar(&self, out: &mut String) {
        match self {
            // Anything ambiguous is quoted.
            Self::Plain(text)
                if text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.+-~<".contains(&byte)) =>
            {
                out.push_str(text);
            }
            Self::Plain(text) | Self::Text(text) => {
                out.push_str(&serde_json::Value::from(text.as_str()).to_string());
            }
            // A block cannot have a key that is not a text.
            Self::List(_) | Self::Map(_) => out.push_str("null"),
        }
    }
}

/// The open lists and maps, innermost last.
#[derive(Default)]
struct Reading {
    open: Vec<Open>,
    anchors: HashMap<usize, (Yaml, usize)>,
    values: usize,
}

struct Open {
    anchor: usize,
    /// The number of values before it.
    before: usize,
    what: What,
}

enum What {
    List(Vec<Yaml>),
    Map {
        entries: Vec<(Yaml, Yaml)>,
        keys: HashSet<Yaml>,
        /// The key whose value is expected next.
        key: Option<Yaml>,
    },
}

impl Reading {
    /// Processes an event; returns the document at its end.
    fn take(&mut self, event: Event<'_>) -> Result<Option<Yaml>, &'static str> {
        let before = self.values;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let is_text = style != ScalarStyle::Plain || tag.is_some();
                let value = if is_text {
                    Yaml::Text(text)
                } else {
                    Yaml::Plain(text)
                };
                self.values += 1;
                self.close(value, anchor, before)
            }
            Event::Alias(anchor) => {
                // An alias within its own anchor would never end.
                let (value, size) = self
                    .anchors
                    .get(&anchor)
                    .ok_or("the alias refers to nothing")?;
                self.values += size;
                if self.values > MAX_VALUES {
                    return Err(TOO_MANY);
                }
                let value = value.clone();
                self.close(value, 0, before)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, What::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                let (entries, keys, key) = (Vec::new(), HashSet::new(), None);
                self.open(anchor, What::Map { entries, keys, key })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open {
                    anchor,
                    before,
                    what,
                } = self.open.pop().ok_or("it is out of order")?;
                let value = match what {
                    What::List(items) => Yaml::List(items),
                    What::Map {
                        entries,
                        keys: _,
                        key: _,
                    } => Yaml::Map(entries),
                };
                self.close(value, anchor, before)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(None),
        }
    }

    fn open(&mut self, anchor: usize, what: What) -> Result<Option<Yaml>, &'static str> {
        if self.open.len() >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let before = self.values;
        self.values += 1;
        self.open.push(Open {
            anchor,
            before,
            what,
        });
        Ok(None)
    }

    fn close(
        &mut self,
        value: Yaml,
        anchor: usize,
        before: usize,
    ) -> Result<Option<Yaml>, &'static str> {
        if self.values > MAX_VALUES {
            return Err(TOO_MANY);
        }
        if anchor > 0 {
            self.anchors
                .insert(anchor, (value.clone(), self.values - before));
        }
        let Some(around) = self.open.last_mut() else {
            return Ok(Some(value));
        };
        match &mut around.what {
            What::List(items) => items.push(value),
            What::Map { entries, keys, key } => match key.take() {
                None if !keys.insert(value.clone()) => return Err("the key occurs twice"),
                None => *key = Some(value),
                Some(key) => entries.push((key, value)),
            },
        }
        Ok(None)
    }
}

const TOO_MANY: &str = "it contains too many values";
const TOO_DEEP: &str = "it is nested too deeply";

/// Converts the parser's character index to a byte index.
fn byte(text: &str, marker: Marker) -> usize {
    text.char_indices()
        .nth(marker.index())
        .map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(text: &str) -> String {
        Yaml::parse(text).expect_err("it is not to be read").why
    }

    #[test]
    fn what_would_take_for_ever_is_refused_at_once() {
        for deep in [
            "[".repeat(100_000),
            "{a: ".repeat(100_000),
            "- ".repeat(100_000),
            "? ".repeat(100_000),
            (0..100)
                .map(|at| format!("{}a:\n", " ".repeat(at)))
                .collect::<Vec<_>>()
                .concat(),
        ] {
            assert_eq!(why(&deep), TOO_DEEP, "{deep:.40}");
        }
        let laughs = (1..20)
            .map(|at| {
                format!(
                    "a{at}: &a{at} [{}]\n",
                    vec![format!("*a{}", at - 1); 9].join(", ")
                )
            })
            .collect::<Vec<_>>()
            .concat();
        assert_eq!(why(&format!("a0: &a0 ha\n{laughs}")), TOO_MANY);
        assert_eq!(why(&format!("[{}]", "a, ".repeat(300_000))), TOO_MANY);
        let keys = (0..60_000).map(|at| format!("k{at}: 1\n"));
        let keys = keys.collect::<Vec<_>>().concat();
        assert_eq!(why(&keys), TOO_MANY);
        assert_eq!(why(&"# x\n".repeat(300_000)), "it is larger than 1024 KB");
        assert_eq!(why("&a [*a]"), "the alias refers to nothing");
        assert_eq!(why("a: 1\na: 2\n"), "the key occurs twice");
    }

    #[test]
    fn a_place_is_counted_in_bytes() {
        let unread = Yaml::parse("é: 1\né: 2\n").expect_err("a key is there twice");
        assert_eq!(unread.at, 6..6);
    }

    #[test]
    fn a_merged_key_is_found_after_an_own_one() {
        let read = Yaml::parse("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n").expect("it is read");
        let found = |key: &str| read.get("b")?.get(key)?.as_str();
        assert_eq!(
            (found("x"), found("y"), found("z")),
            (Some("1"), Some("3"), None)
        );
    }

    fn tree() -> impl Strategy<Value = Yaml> {
        let plain = "[a-z0-9][a-z0-9.]{0,6}".prop_map(Yaml::Plain);
        let text = "\\PC{0,8}".prop_map(Yaml::Text);
        prop_oneof![plain, text].prop_recursive(4, 32, 4, |inner| {
            let key = "[a-z]{1,6}".prop_map(Yaml::Plain);
            let map = prop::collection::hash_map(key, inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Yaml::List),
                map.prop_map(|map| Yaml::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(tree in tree()) {
            prop_assert_eq!(Yaml::parse(&tree.write()), Ok(tree));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-a\\[\\]{}:,&*!|>'\"%@?# \n\t]{0,60}") {
            let _ = Yaml::parse(&text);
        }
    }
}
