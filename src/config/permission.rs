//! Capabilities: one syntax in the metadata table and on the command line.

use crate::names::{AccountId, NameError, Partition, Region, RuntimeName, is_hidden};

/// A capability that an agent declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// The shared system interpreter, or a custom one by id.
    CodeInterpreter(Option<String>),
    /// The shared system browser, or a custom one by id.
    Browser(Option<String>),
    Pricing,
    Memory(String),
    Gateway(String),
    Guardrail(String),
    S3 {
        arn: String,
        access: Access,
    },
    Secret(String),
    /// `{ identity = "workload" }`.
    WorkloadIdentity,
    ApiKey(String),
    OAuth(String),
    Agent(RuntimeName),
    Marketplace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    ReadWrite,
}

/// The keys that take a value, in the table and before `=` on the command line.
pub const VALUED: [&str; 11] = [
    "code-interpreter",
    "browser",
    "memory",
    "gateway",
    "guardrail",
    "s3",
    "secret",
    "identity",
    "api-key",
    "oauth",
    "agent",
];
/// The capabilities that stand alone.
pub const BARE: [&str; 4] = ["code-interpreter", "browser", "pricing", "marketplace"];

impl Permission {
    /// Reads a capability that stands alone.
    pub fn bare(word: &str) -> Option<Self> {
        Some(match word {
            "code-interpreter" => Self::CodeInterpreter(None),
            "browser" => Self::Browser(None),
            "pricing" => Self::Pricing,
            "marketplace" => Self::Marketplace,
            _ => return None,
        })
    }

    /// Reads a capability with a value; the error is the rule that the value breaks.
    pub fn valued(key: &str, value: &str, access: Access) -> Result<Self, String> {
        let id = |kind: &str| resource_id(kind, value);
        Ok(match key {
            "code-interpreter" => Self::CodeInterpreter(Some(id("code interpreter id")?)),
            "browser" => Self::Browser(Some(id("browser id")?)),
            "memory" => Self::Memory(id("memory id")?),
            "gateway" => Self::Gateway(id("gateway id")?),
            "guardrail" => Self::Guardrail(id("guardrail id")?),
            "s3" => Self::S3 {
                arn: s3_objects(value)?,
                access,
            },
            "secret" => Self::Secret(secret_arn(value)?),
            "identity" if value == "workload" => Self::WorkloadIdentity,
            "identity" => {
                return Err(format!(
                    "`{value}` is no identity; the one there is: `workload`"
                ));
            }
            "api-key" => Self::ApiKey(id("credential provider name")?),
            "oauth" => Self::OAuth(id("credential provider name")?),
            "agent" => Self::Agent(
                RuntimeName::parse(value).map_err(|error: NameError| error.to_string())?,
            ),
            _ => return Err(unknown(key)),
        })
    }

    /// Reads the command line's form: `pricing`, `memory=ID`.
    pub fn from_flag(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) => Self::valued(key, value, Access::Read),
            None => Self::alone(text, &format!("`{text}=…`")),
        }
    }

    /// Reads a string in the table's list: `"pricing"`.
    pub fn from_table_word(text: &str) -> Result<Self, String> {
        Self::alone(text, &format!("`{{ {text} = \"…\" }}`"))
    }

    fn alone(word: &str, with_value: &str) -> Result<Self, String> {
        Self::bare(word).ok_or_else(|| {
            if VALUED.contains(&word) {
                format!("`{word}` needs a value: {with_value}")
            } else {
                unknown(word)
            }
        })
    }
}

/// The message for a word that is no capability, with the nearest one that is.
pub fn unknown(word: &str) -> String {
    let near = VALUED
        .into_iter()
        .chain(BARE)
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= known.len() / 3 + 1)
        .min();
    let listed = |words: &[&str]| format!("`{}`", words.join("`, `"));
    let near = near.map_or(String::new(), |(_, known)| {
        format!("; did you mean `{known}`?")
    });
    format!(
        "unknown permission `{word}`: there are {}, and with a value {}{near}",
        listed(&BARE),
        listed(&VALUED)
    )
}

fn resource_id(kind: &str, value: &str) -> Result<String, String> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if (1..=128).contains(&value.len()) && value.bytes().all(legal) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "`{value}` is not a legal {kind}: 1 to 128 letters, digits, hyphens and underscores"
        ))
    }
}

/// Objects of one bucket: IAM takes Latin letters in a key and nothing beyond.
fn s3_objects(value: &str) -> Result<String, String> {
    let rule = "the ARN of objects in one bucket, such as `arn:aws:s3:::bucket/prefix/*`";
    let wrong = || format!("`{value}` names no S3 objects: {rule}");
    let fields: Vec<&str> = value.splitn(6, ':').collect();
    let ["arn", partition, "s3", "", "", path] = fields[..] else {
        return Err(wrong());
    };
    let (bucket, key) = path.split_once('/').ok_or_else(wrong)?;
    let is_bucket = (3..=255).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b".-_".contains(&c));
    let is_of_key = |c: char| c.is_ascii_graphic() || ('\u{a1}'..='\u{ff}').contains(&c);
    let is_key =
        !key.is_empty() && !key.contains('$') && key.chars().all(|c| is_of_key(c) && !is_hidden(c));
    if Partition::parse(partition).is_none() || !is_bucket || !is_key {
        return Err(wrong());
    }
    Ok(value.to_owned())
}

fn secret_arn(value: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "`{value}` is not a secret's full ARN: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`"
        )
    };
    let fields: Vec<&str> = value.splitn(7, ':').collect();
    let [
        "arn",
        partition,
        "secretsmanager",
        region,
        account,
        "secret",
        name,
    ] = fields[..]
    else {
        return Err(wrong());
    };
    let suffixed = name.len() > 7 && name.as_bytes()[name.len() - 7] == b'-';
    let is_name = name
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || b"/_+=.@!-".contains(&c));
    if Partition::parse(partition).is_none()
        || Region::parse(region).is_err()
        || AccountId::parse(account).is_err()
        || !suffixed
        || !is_name
    {
        return Err(wrong());
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_arn_holds_only_what_can_be_seen_and_stands_for_itself() {
        let secret = |value: &str| Permission::valued("secret", value, Access::Read).is_ok();
        let objects = |value: &str| Permission::valued("s3", value, Access::Read).is_ok();
        let place = "arn:aws:secretsmanager:us-west-2:123456789012:secret";
        for name in [
            "db-AbCdEf",
            "team/db_1+=.@-AbCdEf",
            "identity!default/x-AbCdEf",
        ] {
            assert!(secret(&format!("{place}:{name}")), "{name}");
        }
        for name in [
            "db\u{202e}-AbCdEf",
            "d\nb-AbCdEf",
            "d*-AbCdEf",
            "${aws:username}-AbCdEf",
            "dü-AbCdEf",
            "db",
        ] {
            assert!(!secret(&format!("{place}:{name}")), "{name}");
        }
        assert!(!secret(
            "arn:awsx:secretsmanager:us-west-2:123456789012:secret:db-AbCdEf"
        ));
        assert!(!secret(
            "arn:aws:secretsmanager:*:123456789012:secret:db-AbCdEf"
        ));
        assert!(!secret(
            "arn:aws:secretsmanager:us-west-2:1234567890ab:secret:db-AbCdEf"
        ));
        for path in [
            "bucket/*",
            "my.bucket-1/prefix/*",
            "bucket/a/b.txt",
            "bucket/größe/*",
        ] {
            assert!(objects(&format!("arn:aws:s3:::{path}")), "{path}");
        }
        for path in [
            "bucket/a\u{202e}b/*",
            "bucket/a\u{ad}b",
            "bucket/a\tb",
            "bucket/a b",
            "bucket/東京",
            "buc\u{200b}ket/*",
            "buc*/x",
            "bucket/${aws:username}/*",
            "bucket/",
            "bucket",
        ] {
            assert!(!objects(&format!("arn:aws:s3:::{path}")), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_value_with_a_hidden_character_is_taken(
            key in proptest::sample::select(VALUED.to_vec()),
            hidden in any::<char>().prop_filter("hidden", |c| is_hidden(*c)),
            value in "(arn:aws:s3:::bucket/a|arn:aws:secretsmanager:us-west-2:123456789012:secret:db-AbCdEf|a)",
            at in any::<prop::sample::Index>(),
        ) {
            let mut text = value;
            text.insert(at.index(text.len() + 1), hidden);
            prop_assert!(Permission::valued(key, &text, Access::Read).is_err(), "{text:?}");
        }
    }
}
