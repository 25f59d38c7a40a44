//! `.bedrock_agentcore.yaml`: what the Python toolkit remembers, read and shortened.

use std::path::Path;

use serde_yaml_ng::{Mapping, Value};

use crate::error::{Message, Snippet};

/// The file's name, beside the manifest.
pub(crate) const FILE: &str = ".bedrock_agentcore.yaml";
/// The toolkit's cache folder; one folder an agent in it.
pub(crate) const CACHE: &str = ".bedrock_agentcore";

/// What an entry says about one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) runtime_id: Option<String>,
    pub(crate) repository: Option<String>,
    /// `s3://bucket[/prefix]`
    pub(crate) s3_path: Option<String>,
}

/// The file, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolkitFile {
    text: String,
    root: Value,
}

/// What is left of the file without an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shortened {
    /// It was the last one.
    Nothing,
    Text(String),
}

impl ToolkitFile {
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, Message> {
        let root: Value = serde_yaml_ng::from_str(text).map_err(|error| {
            let place = error.location().map_or(0..0, |at| at.index()..at.index());
            Message::new(format!("the toolkit's file cannot be read: {error}"))
                .at(Snippet {
                    file: file.to_owned(),
                    text: text.to_owned(),
                    span: place,
                    label: String::new(),
                })
                .help("mend it, or move it away if nothing deployed hangs on it")
        })?;
        Ok(Self {
            text: text.to_owned(),
            root,
        })
    }

    fn agents(&self) -> Option<&Mapping> {
        self.root.get("agents")?.as_mapping()
    }

    /// The entry of this name; the old form of the file has a single one.
    pub(crate) fn entry(&self, name: &str) -> Option<Entry> {
        let value = match self.agents() {
            Some(agents) => agents.get(name)?,
            None => Some(&self.root)
                .filter(|root| root.get("name").and_then(Value::as_str) == Some(name))?,
        };
        let text = |section: &str, key: &str| {
            let found = value.get(section)?.get(key)?;
            match found {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Number(number) => Some(format!("{number:0>12}")),
                _ => None,
            }
        };
        Some(Entry {
            name: name.to_owned(),
            account: text("aws", "account"),
            region: text("aws", "region"),
            role: text("aws", "execution_role"),
            runtime_id: text("bedrock_agentcore", "agent_id"),
            repository: text("aws", "ecr_repository"),
            s3_path: text("aws", "s3_path"),
        })
    }

    /// The file without the entry; every other line stays as it is.
    pub(crate) fn without(&self, name: &str) -> Shortened {
        let Some(agents) = self.agents() else {
            return Shortened::Nothing;
        };
        let mut rest = agents.clone();
        rest.shift_remove(name);
        if rest.is_empty() {
            return Shortened::Nothing;
        }
        let mut wanted = self.root.clone();
        let next = rest.keys().next().cloned().unwrap_or(Value::Null);
        let was_default = self.root.get("default_agent").and_then(Value::as_str) == Some(name);
        if let Value::Mapping(root) = &mut wanted {
            root.insert("agents".into(), Value::Mapping(rest));
            if was_default {
                root.insert("default_agent".into(), next.clone());
            }
        }
        let default = was_default.then(|| next.as_str().unwrap_or_default().to_owned());
        let cut = cut(&self.text, name, default.as_deref());
        match serde_yaml_ng::from_str::<Value>(&cut) {
            Ok(read) if read == wanted => Shortened::Text(cut),
            _ => Shortened::Text(
                serde_yaml_ng::to_string(&wanted).expect("what was read can be written"),
            ),
        }
    }
}

/// Takes the lines of one agent out of the `agents` section.
fn cut(text: &str, name: &str, default: Option<&str>) -> String {
    let mut kept = String::new();
    let mut in_agents = false;
    // How far the agents' names are indented: a key deeper down may have the same name.
    let mut level: Option<usize> = None;
    let mut dropping = false;
    for line in text.split_inclusive('\n') {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let blank = body.trim_end().is_empty();
        let comment = body.starts_with('#');
        if dropping && (blank || level.is_some_and(|level| indent > level)) {
            continue;
        }
        if blank || comment {
            kept.push_str(line);
            continue;
        }
        dropping = false;
        let key = key(body);
        if indent == 0 {
            in_agents = key == Some("agents");
            level = None;
            if let Some(default) = default
                && key == Some("default_agent")
            {
                kept.push_str(&with_value(line, default));
                continue;
            }
        } else if in_agents && *level.get_or_insert(indent) == indent && key == Some(name) {
            dropping = true;
            continue;
        }
        kept.push_str(line);
    }
    kept
}

/// The key that a line begins with, quotes taken off.
fn key(body: &str) -> Option<&str> {
    let (key, rest) = body.split_once(':')?;
    let ends = rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']);
    let key = key.trim_end();
    ends.then(|| {
        ['"', '\'']
            .into_iter()
            .find_map(|quote| key.strip_prefix(quote)?.strip_suffix(quote))
            .unwrap_or(key)
    })
}

/// The line with another value; its comment and its end stay.
fn with_value(line: &str, value: &str) -> String {
    let (key, rest) = line.split_once(':').unwrap_or((line, ""));
    let comment = rest.find(" #").map_or("", |at| rest[at..].trim_end());
    let end = &line[line.trim_end().len()..];
    format!("{key}: {value}{comment}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "\
default_agent: one
agents:
  one:
    name: one
    aws:
      execution_role: arn:aws:iam::000000000000:role/R
      account: '000000000000'
      region: us-west-2
      ecr_repository: null
      s3_path: s3://bucket
    bedrock_agentcore:
      agent_id: one-AbCdEf1234
  two:   # a comment stays
    name: two
    aws:
      account: '123456789012'
";

    fn file(text: &str) -> ToolkitFile {
        ToolkitFile::parse(Path::new(FILE), text).unwrap()
    }

    #[test]
    fn an_entry_is_read_whole() {
        let entry = file(TWO).entry("one").unwrap();
        assert_eq!(entry.account.as_deref(), Some("000000000000"));
        assert_eq!(entry.runtime_id.as_deref(), Some("one-AbCdEf1234"));
        assert_eq!(
            (entry.repository, entry.s3_path.as_deref()),
            (None, Some("s3://bucket"))
        );
        assert_eq!(file(TWO).entry("three"), None);
    }

    #[test]
    fn another_agents_lines_stay_to_the_byte() {
        let Shortened::Text(text) = file(TWO).without("one") else {
            panic!("two is left")
        };
        let rest = &TWO[TWO.find("  two:").unwrap()..];
        assert_eq!(text, format!("default_agent: two\nagents:\n{rest}"));
        let Shortened::Text(text) = file(TWO).without("two") else {
            panic!("one is left")
        };
        assert_eq!(text, TWO[..TWO.find("  two:").unwrap()]);
    }

    #[test]
    fn what_was_written_by_hand_stays_to_the_byte() {
        let text = "\
# our agents
default_agent: one   # the first
agents: # all of them
  # the first
  \"one\":   # soon to go
    name: one
# a remark in between
    aws:
      account: '1'

  # the second
  two: &two
    name: two
    one:
      nested: true
    aws: {account: '2'}
  three:
    <<: *two
    name: three   # by hand
";
        let Shortened::Text(shortened) = file(text).without("one") else {
            panic!("two and three are left")
        };
        let gone = [
            "  \"one\":   # soon to go\n    name: one\n",
            "    aws:\n      account: '1'\n\n",
        ];
        let mut wanted = text.replace("default_agent: one   #", "default_agent: two #");
        for lines in gone {
            wanted = wanted.replace(lines, "");
        }
        assert_eq!(shortened, wanted);

        let windows = text.replace('\n', "\r\n");
        let Shortened::Text(shortened) = file(&windows).without("one") else {
            panic!("two and three are left")
        };
        assert_eq!(shortened, wanted.replace('\n', "\r\n"));
    }

    #[test]
    fn an_entry_that_another_one_refers_to_goes_and_the_other_keeps_its_meaning() {
        let text = "agents:\n  one:\n    name: one\n    aws: &aws\n      account: '123456789012'\n  two:\n    name: two\n    aws: *aws\n";
        let Shortened::Text(shortened) = file(text).without("one") else {
            panic!("two is left")
        };
        assert_eq!(file(&shortened).entry("two"), file(text).entry("two"));
        assert_eq!(file(&shortened).entry("one"), None);
    }

    #[test]
    fn a_form_that_is_not_cut_by_lines_is_written_anew_with_the_same_meaning() {
        let flow = "agents: {one: {name: one}, two: {name: two, aws: {account: '123456789012'}}}\n";
        let Shortened::Text(text) = file(flow).without("one") else {
            panic!("two is left")
        };
        let shortened = file(&text);
        assert_eq!(shortened.entry("one"), None);
        assert_eq!(shortened.entry("two"), file(flow).entry("two"));
    }

    #[test]
    fn the_last_entry_takes_the_file_with_it_and_so_does_the_old_form() {
        assert_eq!(
            file("agents:\n  one:\n    name: one\n").without("one"),
            Shortened::Nothing
        );
        let old = file("name: one\naws:\n  account: '123456789012'\n");
        assert_eq!(
            old.entry("one").unwrap().account.as_deref(),
            Some("123456789012")
        );
        assert_eq!(old.without("one"), Shortened::Nothing);
    }

    #[test]
    fn a_damaged_file_is_pointed_at() {
        let message = ToolkitFile::parse(Path::new(FILE), "agents:\n  one: [\n").unwrap_err();
        assert!(message.at.is_some());
    }
}
