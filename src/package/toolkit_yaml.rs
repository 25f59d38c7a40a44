//! Reads `.bedrock_agentcore.yaml`, the Python toolkit's file, and removes entries from it.

use std::path::Path;

use super::yaml::{Unread, Yaml};
use crate::error::{Message, Snippet};

/// The file's name, next to the manifest.
pub(crate) const FILE: &str = ".bedrock_agentcore.yaml";
/// The toolkit's cache, with one folder per agent.
pub(crate) const CACHE: &str = ".bedrock_agentcore";

/// An agent's entry.
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

/// The parsed file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolkitFile {
    text: String,
    root: Yaml,
}

/// The file after an entry was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shortened {
    /// It was the last one.
    Nothing,
    Text(String),
}

impl ToolkitFile {
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, Message> {
        let root = Yaml::parse(text).map_err(|Unread { why, at }| {
            Message::new(format!("the toolkit's file cannot be read: {why}"))
                .at(Snippet {
                    file: file.to_owned(),
                    text: text.to_owned(),
                    span: at,
                    label: String::new(),
                })
                .help("correct it, or move it away if it describes nothing that is still deployed")
        })?;
        Ok(Self {
            text: text.to_owned(),
            root,
        })
    }

    fn agents(&self) -> Option<&Vec<(Yaml, Yaml)>> {
        self.root.get("agents")?.as_map()
    }

    /// Returns the entry with this name; the old form of the file has only one.
    pub(crate) fn entry(&self, name: &str) -> Option<Entry> {
        let value = match self.agents() {
            Some(agents) => agents
                .iter()
                .find_map(|(key, agent)| key.is(name).then_some(agent))?,
            None => Some(&self.root)
                .filter(|root| root.get("name").is_some_and(|found| found.is(name)))?,
        };
        let text = |section: &str, key: &str| {
            let found = value.get(section)?.get(key)?;
            let text = found.as_str().filter(|text| !text.is_empty())?;
            // An account that is written as a number may have lost its leading zeros.
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            Some(if is_number {
                format!("{text:0>12}")
            } else {
                text.to_owned()
            })
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

    /// Returns the file without the entry; every other line stays unchanged.
    pub(crate) fn without(&self, name: &str) -> Shortened {
        let Some(agents) = self.agents() else {
            return Shortened::Nothing;
        };
        let mut rest = agents.clone();
        rest.retain(|(key, _)| !key.is(name));
        if rest.is_empty() {
            return Shortened::Nothing;
        }
        let mut wanted = self.root.clone();
        let was_default = self
            .root
            .get("default_agent")
            .is_some_and(|found| found.is(name));
        let next = rest
            .first()
            .map(|(key, _)| key.clone())
            .filter(|_| was_default);
        let default = next
            .as_ref()
            .map(|next| next.as_str().unwrap_or_default().to_owned());
        if let Yaml::Map(root) = &mut wanted {
            for (key, value) in root {
                if key.is("agents") {
                    *value = Yaml::Map(std::mem::take(&mut rest));
                } else if key.is("default_agent")
                    && let Some(next) = &next
                {
                    value.clone_from(next);
                }
            }
        }
        let cut = cut(&self.text, name, default.as_deref());
        match Yaml::parse(&cut) {
            Ok(read) if read == wanted => Shortened::Text(cut),
            _ => Shortened::Text(wanted.write()),
        }
    }
}

/// Removes the lines of one agent from the `agents` section.
fn cut(text: &str, name: &str, default: Option<&str>) -> String {
    let mut kept = String::new();
    let mut in_agents = false;
    // The indentation of the agents' names: a nested key may have the same name.
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

/// Returns the key at the start of a line, without quotes.
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

/// Replaces the value in a line; keeps its comment and line end.
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
