//! Capabilities: one syntax in the metadata table and on the command line.

use crate::names::{NameError, RuntimeName};

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

fn s3_objects(value: &str) -> Result<String, String> {
    let rule = "the ARN of objects in one bucket, such as `arn:aws:s3:::bucket/prefix/*`";
    let wrong = || format!("`{value}` names no S3 objects: {rule}");
    let fields: Vec<&str> = value.splitn(6, ':').collect();
    let ["arn", partition, "s3", "", "", path] = fields[..] else {
        return Err(wrong());
    };
    let (bucket, key) = path.split_once('/').ok_or_else(wrong)?;
    let wild = |text: &str| text.contains(['*', '?', '$']);
    let star = key.trim_end_matches('*');
    if !partition.starts_with("aws") || bucket.len() < 3 || wild(bucket) || star.contains('$') {
        return Err(wrong());
    }
    if key.is_empty() || value.contains(char::is_whitespace) {
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
    if !partition.starts_with("aws")
        || region.is_empty()
        || account.len() != 12
        || !suffixed
        || value.contains(['*', '?', '$'])
    {
        return Err(wrong());
    }
    Ok(value.to_owned())
}
