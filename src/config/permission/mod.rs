//! Capabilities, with one syntax for the metadata table and the command line.

mod allow;
mod offered;
mod resource;
pub(super) mod table;
mod words;

use toml_edit::{Array, InlineTable, Value};

pub use self::allow::Allowed;
pub(crate) use self::offered::OFFERED;
pub(crate) use self::resource::PUBLIC_PARAMETERS;
use self::resource::{
    FUNCTION, KNOWLEDGE_BASE, QUEUE, TABLE, TOPIC, inference_profile, name_or_arn, parameter,
    resource_id, s3_objects, secret_arn,
};
use super::read::one_of;
use crate::{
    names::{NameError, RuntimeName},
    text::{did_you_mean, nearest},
};

/// A capability that an agent declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// The shared system interpreter, or a custom one by ID.
    CodeInterpreter(Option<String>),
    /// The shared system browser, or a custom one by ID.
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
    /// An application inference profile, by ID or ARN.
    InferenceProfile(String),
    /// By ID or ARN.
    KnowledgeBase(String),
    /// A table with its indexes, by name or ARN.
    DynamoDb {
        table: String,
        access: Access,
    },
    /// A parameter, or all parameters below a path that ends with `/*`, by name or ARN.
    SsmParameter(String),
    /// By name or ARN.
    SqsQueue {
        queue: String,
        access: QueueAccess,
    },
    /// By name or ARN.
    SnsTopic(String),
    /// By name or ARN, optionally with the version or alias to invoke.
    LambdaFunction(String),
    /// `{ allow = […], on = […] }`, only in the table.
    Allow(Allowed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Read,
    ReadWrite,
}

impl Access {
    const WORDS: [(&str, Self); 2] = [("read", Self::Read), ("read-write", Self::ReadWrite)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueAccess {
    Send,
    Receive,
    SendReceive,
}

impl QueueAccess {
    const WORDS: [(&str, Self); 3] = [
        ("send", Self::Send),
        ("receive", Self::Receive),
        ("send-receive", Self::SendReceive),
    ];
}

/// The keys with a value, in the table and before `=` on the command line.
pub const VALUED: [&str; 18] = [
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
    "inference-profile",
    "knowledge-base",
    "dynamodb",
    "ssm",
    "sqs",
    "sns",
    "lambda",
];
/// The capabilities without a value.
pub const BARE: [&str; 4] = ["code-interpreter", "browser", "pricing", "marketplace"];

/// The key for actions that no capability covers.
const ALLOW: &str = "allow";
const ALLOW_FORM: &str = "`{ allow = [\"service:Action\"], on = [\"arn:…\"] }`";

/// The part of a capability that breaks a rule, and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    Value(String),
    Access(String),
}

impl Permission {
    /// Parses a capability without a value.
    pub fn bare(word: &str) -> Option<Self> {
        Some(match word {
            "code-interpreter" => Self::CodeInterpreter(None),
            "browser" => Self::Browser(None),
            "pricing" => Self::Pricing,
            "marketplace" => Self::Marketplace,
            _ => return None,
        })
    }

    /// Parses a capability with a value. Without `access`, it gets the key's least access.
    pub fn valued(key: &str, value: &str, access: Option<&str>) -> Result<Self, Wrong> {
        if access.is_some() && !["s3", "dynamodb", "sqs"].contains(&key) {
            return Err(Wrong::Access(
                "only `s3`, `dynamodb` and `sqs` take `access`".to_owned(),
            ));
        }
        match key {
            "s3" => Ok(Self::S3 {
                arn: s3_objects(value).map_err(Wrong::Value)?,
                access: chosen(access, &Access::WORDS)?,
            }),
            "dynamodb" => Ok(Self::DynamoDb {
                table: name_or_arn(&TABLE, value).map_err(Wrong::Value)?,
                access: chosen(access, &Access::WORDS)?,
            }),
            "sqs" => Ok(Self::SqsQueue {
                queue: name_or_arn(&QUEUE, value).map_err(Wrong::Value)?,
                access: chosen(access, &QueueAccess::WORDS)?,
            }),
            _ => Self::named(key, value).map_err(Wrong::Value),
        }
    }

    fn named(key: &str, value: &str) -> Result<Self, String> {
        let id = |kind: &str| resource_id(kind, value);
        Ok(match key {
            "code-interpreter" => Self::CodeInterpreter(Some(id("code interpreter ID")?)),
            "browser" => Self::Browser(Some(id("browser ID")?)),
            "memory" => Self::Memory(id("memory ID")?),
            "gateway" => Self::Gateway(id("gateway ID")?),
            "guardrail" => Self::Guardrail(id("guardrail ID")?),
            "secret" => Self::Secret(secret_arn(value)?),
            "identity" if value == "workload" => Self::WorkloadIdentity,
            "identity" => {
                return Err(format!(
                    "unknown identity `{value}`; the only one is `workload`"
                ));
            }
            "api-key" => Self::ApiKey(id("credential provider name")?),
            "oauth" => Self::OAuth(id("credential provider name")?),
            "agent" => Self::Agent(
                RuntimeName::parse(value).map_err(|error: NameError| error.to_string())?,
            ),
            "inference-profile" => Self::InferenceProfile(inference_profile(value)?),
            "knowledge-base" => Self::KnowledgeBase(name_or_arn(&KNOWLEDGE_BASE, value)?),
            "ssm" => Self::SsmParameter(parameter(value)?),
            "sns" => Self::SnsTopic(name_or_arn(&TOPIC, value)?),
            "lambda" => Self::LambdaFunction(name_or_arn(&FUNCTION, value)?),
            _ => return Err(unknown(key)),
        })
    }

    /// Parses the command line's form: `pricing`, `memory=ID`.
    pub fn from_flag(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((ALLOW, _)) => Self::alone(ALLOW, ""),
            Some((key, value)) => Self::valued(key, value, None).map_err(|wrong| match wrong {
                Wrong::Value(what) | Wrong::Access(what) => what,
            }),
            None if Self::bare(text).is_none() && !is_key(text) => Err(unknown_with(
                text,
                "`cargo agentcore help permissions` lists them",
            )),
            None => Self::alone(text, &format!("`{text}=…`")),
        }
    }

    /// Parses a string in the table's list: `"pricing"`.
    pub fn from_table_word(text: &str) -> Result<Self, String> {
        Self::alone(text, &format!("`{{ {text} = \"…\" }}`"))
    }

    fn alone(word: &str, with_value: &str) -> Result<Self, String> {
        Self::bare(word).ok_or_else(|| {
            if word == ALLOW {
                format!("`{ALLOW}` is only for the table: {ALLOW_FORM}")
            } else if VALUED.contains(&word) {
                format!("`{word}` needs a value: {with_value}")
            } else {
                unknown(word)
            }
        })
    }

    /// Returns the capability as the metadata writes it.
    pub(crate) fn to_toml(&self) -> Value {
        match self {
            Self::CodeInterpreter(None) => "code-interpreter".into(),
            Self::CodeInterpreter(Some(id)) => written("code-interpreter", id),
            Self::Browser(None) => "browser".into(),
            Self::Browser(Some(id)) => written("browser", id),
            Self::Pricing => "pricing".into(),
            Self::Marketplace => "marketplace".into(),
            Self::Memory(id) => written("memory", id),
            Self::Gateway(id) => written("gateway", id),
            Self::Guardrail(id) => written("guardrail", id),
            Self::S3 { arn, access } => with_access("s3", arn, *access, &Access::WORDS),
            Self::Secret(arn) => written("secret", arn),
            Self::WorkloadIdentity => written("identity", "workload"),
            Self::ApiKey(name) => written("api-key", name),
            Self::OAuth(name) => written("oauth", name),
            Self::Agent(name) => written("agent", name.as_str()),
            Self::InferenceProfile(id) => written("inference-profile", id),
            Self::KnowledgeBase(id) => written("knowledge-base", id),
            Self::DynamoDb { table, access } => {
                with_access("dynamodb", table, *access, &Access::WORDS)
            }
            Self::SsmParameter(name) => written("ssm", name),
            Self::SqsQueue { queue, access } => {
                with_access("sqs", queue, *access, &QueueAccess::WORDS)
            }
            Self::SnsTopic(name) => written("sns", name),
            Self::LambdaFunction(name) => written("lambda", name),
            Self::Allow(allowed) => allowed.to_toml(),
        }
    }
}

impl Allowed {
    fn to_toml(&self) -> Value {
        let Self {
            actions,
            on,
            reason,
        } = self;
        let mut table = InlineTable::new();
        for (key, list) in [(ALLOW, actions), ("on", on)] {
            let list: Array = list.iter().collect();
            table.insert(key, Value::Array(list));
        }
        if let Some(reason) = reason {
            table.insert("reason", reason.as_str().into());
        }
        Value::InlineTable(table)
    }
}

/// Returns the access named `word`, or the least access.
fn chosen<T: Copy>(word: Option<&str>, known: &[(&'static str, T)]) -> Result<T, Wrong> {
    match word {
        Some(word) => one_of("access", word, known).map_err(Wrong::Access),
        None => Ok(known[0].1),
    }
}

fn written(key: &str, value: &str) -> Value {
    Value::InlineTable(InlineTable::from_iter([(key, value)]))
}

fn with_access<T: Copy + PartialEq>(
    key: &str,
    value: &str,
    access: T,
    words: &[(&'static str, T)],
) -> Value {
    let mut word = words.iter().filter(|(_, known)| *known == access);
    let word = word.next().map(|(word, _)| *word);
    Value::InlineTable(
        [(key, value)]
            .into_iter()
            .chain(word.map(|word| ("access", word)))
            .collect(),
    )
}

/// Returns true for a key with a value.
fn is_key(word: &str) -> bool {
    word == ALLOW || VALUED.contains(&word)
}

/// Returns the message for an unknown word: with the most similar capability, or with all of them.
pub fn unknown(word: &str) -> String {
    unknown_with(word, &listed())
}

/// Returns the message for an unknown word, with `help` if no capability is similar.
fn unknown_with(word: &str, help: &str) -> String {
    let known = VALUED.into_iter().chain(BARE).chain([ALLOW]);
    let help = nearest(word, known).map_or(help.to_owned(), did_you_mean);
    format!("unknown permission `{word}`; {help}")
}

/// Lists all capabilities.
pub(crate) fn listed() -> String {
    let words = |words: &[&str]| format!("`{}`", words.join("`, `"));
    format!(
        "the permissions are {}, with a value {}, and {ALLOW_FORM} in the table",
        words(&BARE),
        words(&VALUED)
    )
}

#[cfg(test)]
mod tests;
