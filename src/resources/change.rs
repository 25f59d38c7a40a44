//! What a step changes: the same value is shown by a dry run, reported by a run and listed in JSON.

use std::fmt;

use serde_json::{Map, Value, json};

/// One change, whatever kind of resource it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) action: Action,
    /// The rest of the sentence after the action: "policy `x` to role `y`".
    pub(crate) object: String,
    pub(crate) subject: Subject,
    pub(crate) details: Details,
}

/// What is different afterwards, as far as a reader wants to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Details {
    None,
    Fields(Vec<FieldChange>),
    /// A JSON document; `before` is `None` if there was none.
    Document {
        before: Option<Value>,
        after: Value,
    },
}

/// Something that changes one resource.
pub(crate) trait Step {
    fn change(&self) -> Change;
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Add,
    Allow,
    Attach,
    Block,
    Build,
    Close,
    Copy,
    Create,
    Delete,
    Detach,
    Encrypt,
    Index,
    Limit,
    Remove,
    Send,
    Set,
    Tag,
    Untag,
    Update,
    Upload,
    Use,
    Write,
}

impl Action {
    /// Returns the verb and its form for work in progress.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Add => ("add", "Adding"),
            Self::Allow => ("allow", "Allowing"),
            Self::Attach => ("attach", "Attaching"),
            Self::Block => ("block", "Blocking"),
            Self::Build => ("build", "Building"),
            Self::Close => ("close", "Closing"),
            Self::Copy => ("copy", "Copying"),
            Self::Create => ("create", "Creating"),
            Self::Delete => ("delete", "Deleting"),
            Self::Detach => ("detach", "Detaching"),
            Self::Encrypt => ("encrypt", "Encrypting"),
            Self::Index => ("index", "Indexing"),
            Self::Limit => ("limit", "Limiting"),
            Self::Remove => ("remove", "Removing"),
            Self::Send => ("send", "Sending"),
            Self::Set => ("set", "Setting"),
            Self::Tag => ("tag", "Tagging"),
            Self::Untag => ("untag", "Untagging"),
            Self::Update => ("update", "Updating"),
            Self::Upload => ("upload", "Uploading"),
            Self::Use => ("use", "Using"),
            Self::Write => ("write", "Writing"),
        }
    }

    /// Returns the verb: `create`.
    pub(crate) fn verb(self) -> &'static str {
        self.words().0
    }

    /// Returns the verb for a status line: `Creating`.
    pub(crate) fn doing(self) -> &'static str {
        self.words().1
    }
}

impl Change {
    pub(crate) fn new(action: Action, object: impl Into<String>, subject: Subject) -> Self {
        Self {
            action,
            object: object.into(),
            subject,
            details: Details::None,
        }
    }

    /// Creates a change whose object is the subject itself, with its kind and name.
    pub(crate) fn of(action: Action, subject: Subject) -> Self {
        let object = format!("{} `{}`", subject.kind, subject.name);
        Self::new(action, object, subject)
    }

    #[must_use]
    pub(crate) fn with(mut self, details: Details) -> Self {
        self.details = details;
        self
    }

    /// Returns the words of a plan: "create role `x`".
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.action.verb(), self.object)
    }

    /// Returns the object of JSON documents, without values that may be secret.
    pub(crate) fn value(&self) -> Value {
        let Self {
            action,
            object,
            subject,
            details,
        } = self;
        let mut value = subject.value();
        value.insert("action".to_owned(), json!(action.verb()));
        value.insert("object".to_owned(), json!(object));
        match details {
            Details::None => {}
            Details::Fields(fields) => {
                let fields = fields.iter().map(|field| field.value(Reveal::Keys));
                value.insert("changes".to_owned(), fields.collect());
            }
            Details::Document { before, after } => {
                if let Some(before) = before {
                    value.insert("before".to_owned(), before.clone());
                }
                value.insert("after".to_owned(), after.clone());
            }
        }
        Value::Object(value)
    }
}

/// Returns changes as the list of JSON documents.
pub(crate) fn values<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<Value> {
    changes.into_iter().map(Change::value).collect()
}

/// The resource that is changed or kept: its kind and its name, for messages and for JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// Such as `log group`.
    pub(crate) kind: &'static str,
    /// The name, ID, ARN or path that identifies it.
    pub(crate) name: String,
    /// What it is a part of.
    pub(crate) of: Option<String>,
    pub(crate) region: Option<String>,
}

impl Subject {
    pub(crate) fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            of: None,
            region: None,
        }
    }

    pub(crate) fn of(mut self, whole: impl Into<String>) -> Self {
        self.of = Some(whole.into());
        self
    }

    pub(crate) fn at(mut self, region: impl fmt::Display) -> Self {
        self.region = Some(region.to_string());
        self
    }

    pub(crate) fn value(&self) -> Map<String, Value> {
        let Self {
            kind,
            name,
            of,
            region,
        } = self;
        [
            ("kind", json!(kind.replace(' ', "_"))),
            ("name", json!(name)),
            ("of", json!(of)),
            ("region", json!(region)),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            name,
            of,
            region,
        } = self;
        write!(f, "{kind} `{name}`")?;
        if let Some(whole) = of {
            write!(f, " of {whole}")?;
        }
        match region {
            Some(region) => write!(f, " in {region}"),
            None => Ok(()),
        }
    }
}

/// One difference. `None` means not set on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldChange {
    /// The name in the manifest, such as `lifecycle.idle-timeout` or `env.LOG_LEVEL`.
    pub(crate) field: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) secrecy: Secrecy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Open,
    /// A value that may be secret.
    Sensitive,
}

/// Whether to print sensitive values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reveal {
    Keys,
    Values,
}

impl FieldChange {
    /// Returns one line: `lifecycle.idle-timeout: 900 -> 600`.
    pub(crate) fn words(&self, reveal: Reveal) -> String {
        let field = &self.field;
        let hidden = self.secrecy == Secrecy::Sensitive && reveal == Reveal::Keys;
        if hidden {
            return format!("{field}: {}", self.kind());
        }
        let shown = |side: &Option<String>| side.clone().unwrap_or("(not set)".into());
        format!("{field}: {} -> {}", shown(&self.before), shown(&self.after))
    }

    pub(crate) fn value(&self, reveal: Reveal) -> Value {
        let Self {
            field,
            before,
            after,
            secrecy,
        } = self;
        let change = self.kind();
        if *secrecy == Secrecy::Sensitive && reveal == Reveal::Keys {
            return json!({ "field": field, "change": change, "secret": true });
        }
        json!({ "field": field, "change": change, "before": before, "after": after })
    }

    /// Returns `added`, `removed` or `changed`.
    pub(crate) fn kind(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (Some(_), None) => "removed",
            (Some(_), Some(_)) => "changed",
        }
    }
}
