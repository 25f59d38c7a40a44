//! The project's bucket: its name, its keys, who owns it, what is uploaded and what may be deleted.

mod deletion;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use md5::Md5;
use serde_json::{Map, Value, json};
use sha2::Digest as _;

pub(crate) use self::deletion::{DeletionStep, OwnBucket};
use crate::{
    error::Failure,
    names::{Partition, ProjectId, RuntimeName},
    package::archive::{Archive, Compiled, Dependencies},
    policy::same,
    resources::{
        change::{Action, Change, Subject},
        ownership::{MANAGED, Ownership, PROJECT},
    },
    text::hex,
};

/// The smallest part that S3 accepts, except for the last part.
pub(crate) const LEAST_PART: u64 = 5 * 1024 * 1024;

/// The size of one part; several are in memory at once.
pub(crate) const PART: u64 = 8 * 1024 * 1024;

/// How old an object must be before it may be pruned, because a concurrent deploy may have uploaded
/// it and not used it yet.
pub(crate) const GRACE: Duration = Duration::from_hours(24);

/// Returns the prefix of a runtime's objects. A runtime's name cannot contain a slash, so prefixes
/// never overlap.
pub(crate) fn prefix(runtime: &RuntimeName) -> String {
    format!("{runtime}/")
}

/// Returns the key of an archive. Equal archives have equal keys, so an object is never overwritten
/// with different content.
pub(crate) fn archive_key(runtime: &RuntimeName, archive: &Archive) -> String {
    let Archive {
        path: _,
        size: _,
        id,
        source,
        bytecode,
        dependencies: _,
        rest_md5: _,
    } = archive;
    let compiled = match bytecode {
        Compiled::Yes => COMPILED,
        Compiled::NoInterpreter | Compiled::Unwanted => NOT_COMPILED,
    };
    let (source, id) = (&source[..SOURCE_DIGITS], &id[..ID_DIGITS]);
    format!("{runtime}/{source}{id}{compiled}.zip")
}

/// The parts of an archive's key: its content, its bytes, and whether it has compiled files.
const SOURCE_DIGITS: usize = 16;
const ID_DIGITS: usize = 15;
const COMPILED: char = 'c';
const NOT_COMPILED: char = '0';

/// Returns true if the archive with this key can stay deployed in place of `archive`: it is made
/// from the same files, and differs only in what another machine's interpreter or installer wrote.
/// Otherwise two developers would replace each other's archives forever.
pub(crate) fn stays(key: &str, runtime: &RuntimeName, archive: &Archive) -> bool {
    let Some(digits) = key
        .strip_prefix(&prefix(runtime))
        .and_then(|name| name.strip_suffix(".zip"))
    else {
        return false;
    };
    let is_compiled = digits.ends_with(COMPILED);
    digits.len() == SOURCE_DIGITS + ID_DIGITS + 1
        && digits.starts_with(&archive.source[..SOURCE_DIGITS])
        && match archive.bytecode {
            Compiled::Yes => is_compiled,
            Compiled::NoInterpreter => true,
            Compiled::Unwanted => !is_compiled,
        }
}

pub(crate) fn dependencies_key(runtime: &RuntimeName, dependencies: &Dependencies) -> String {
    format!(
        "{runtime}/dependencies-{}.zip",
        digits(&dependencies.sha256)
    )
}

fn digits(digest: &str) -> &str {
    digest.get(..32).unwrap_or(digest)
}

/// Returns the tags that prove ownership. They name no agent or stage, because all agents and
/// stages of a project share the bucket.
pub(crate) fn tags(project: &ProjectId) -> BTreeMap<String, String> {
    BTreeMap::from([
        (MANAGED.to_owned(), "true".to_owned()),
        (PROJECT.to_owned(), project.to_string()),
    ])
}

pub(crate) fn ownership(project: &ProjectId, found: &BTreeMap<String, String>) -> Ownership {
    let ours = tags(project);
    if ours
        .iter()
        .all(|(key, value)| found.get(key) == Some(value))
    {
        Ownership::Ours
    } else if ours.keys().any(|key| found.contains_key(key)) {
        let project = found.get(PROJECT).map_or("(none)", String::as_str);
        Ownership::Others(format!("project `{project}`"))
    } else {
        Ownership::Unmarked
    }
}

/// The observed state of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ObservedBucket {
    Absent,
    There {
        tags: BTreeMap<String, String>,
        /// True if the bucket contains no objects.
        empty: bool,
        settings: Settings,
    },
}

/// Settings that are made when the bucket is created, and may have been removed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// All four settings that block public access.
    pub(crate) private: bool,
    /// With any key; a custom key is as good as S3's.
    pub(crate) encrypted: bool,
    pub(crate) drops_unfinished_uploads: bool,
    /// Refuses requests without TLS.
    pub(crate) demands_tls: bool,
}

/// The steps that prepare a bucket, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BucketStep {
    Create,
    BlockPublicAccess,
    Encrypt,
    /// Parts of an unfinished upload cost money and are not listed as objects. Other rules stay.
    DropUnfinishedUploads,
    /// Statements of others in the bucket's policy stay.
    DemandTls,
    /// The last step, so that a bucket with this tool's tags is complete. Other tags stay.
    Tag(BTreeMap<String, String>),
}

/// A bucket with the project's name that does not belong to the project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("bucket `{bucket}` belongs to {whose}")]
    Others { bucket: String, whose: String },
    #[error("bucket `{0}` has objects and does not carry the tags of this project")]
    Unmarked(String),
}

impl From<Foreign> for Failure {
    fn from(foreign: Foreign) -> Self {
        let text = foreign.to_string();
        Self::world(text)
            .note(format!(
                "nothing is put into a bucket whose tags `{MANAGED}` and `{PROJECT}` do not name this project"
            ))
            .help(
                "delete that bucket if it is not needed, or give the project another `project` in the metadata",
            )
    }
}

impl BucketStep {
    pub(crate) fn change(&self, bucket: &str) -> Change {
        let whole = Subject::new("bucket", bucket);
        let (action, object) = match self {
            Self::Create => return Change::of(Action::Create, whole),
            Self::BlockPublicAccess => {
                let object = format!("public access to bucket `{bucket}`");
                (Action::Block, object)
            }
            Self::Encrypt => return Change::of(Action::Encrypt, whole),
            Self::DropUnfinishedUploads => {
                let object = format!("unfinished uploads in bucket `{bucket}` to a day");
                (Action::Limit, object)
            }
            Self::DemandTls => {
                let object = format!("bucket `{bucket}` to requests without TLS");
                (Action::Close, object)
            }
            Self::Tag(tags) => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                let object = format!("bucket `{bucket}` with {}", keys.join(", "));
                (Action::Tag, object)
            }
        };
        Change::new(action, object, whole)
    }
}

/// Returns the steps to report: only the first for a new bucket, all of them for an existing one.
pub(crate) fn worth_saying(steps: &[BucketStep]) -> &[BucketStep] {
    match steps {
        [first @ BucketStep::Create, ..] => std::slice::from_ref(first),
        steps => steps,
    }
}

/// Returns the steps that prepare a bucket or restore settings that were removed. A bucket without
/// tags and objects is left over from a killed run, because only this project uses its name; it is
/// completed.
pub(crate) fn steps_to_ensure(
    bucket: &str,
    project: &ProjectId,
    declared: &BTreeMap<String, String>,
    observed: &ObservedBucket,
) -> Result<Vec<BucketStep>, Foreign> {
    let (create, mut tagged) = match observed {
        ObservedBucket::Absent => (true, BTreeMap::new()),
        ObservedBucket::There {
            tags,
            empty,
            settings,
        } => match ownership(project, tags) {
            Ownership::Ours => return Ok(steps_to_mend(declared, tags, *settings)),
            Ownership::Others(whose) => {
                let bucket = bucket.to_owned();
                return Err(Foreign::Others { bucket, whose });
            }
            Ownership::Unmarked if !empty => return Err(Foreign::Unmarked(bucket.to_owned())),
            Ownership::Unmarked => (false, tags.clone()),
        },
    };
    tagged.extend(declared.clone());
    tagged.extend(tags(project));
    let settle = [
        BucketStep::BlockPublicAccess,
        BucketStep::Encrypt,
        BucketStep::DropUnfinishedUploads,
        BucketStep::DemandTls,
        BucketStep::Tag(tagged),
    ];
    Ok(create
        .then_some(BucketStep::Create)
        .into_iter()
        .chain(settle)
        .collect())
}

/// Returns the steps for an existing bucket. Tags are added and changed but never removed, because
/// other agents, stages and people share the bucket.
fn steps_to_mend(
    declared: &BTreeMap<String, String>,
    there: &BTreeMap<String, String>,
    settings: Settings,
) -> Vec<BucketStep> {
    let Settings {
        private,
        encrypted,
        drops_unfinished_uploads,
        demands_tls,
    } = settings;
    let mut tagged = there.clone();
    tagged.extend(declared.clone());
    let tag = (tagged != *there).then_some(BucketStep::Tag(tagged));
    [
        (!private).then_some(BucketStep::BlockPublicAccess),
        (!encrypted).then_some(BucketStep::Encrypt),
        (!drops_unfinished_uploads).then_some(BucketStep::DropUnfinishedUploads),
        (!demands_tls).then_some(BucketStep::DemandTls),
        tag,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The ID of this tool's statement in the bucket's policy.
const TLS_ONLY: &str = "CargoAgentcoreTlsOnly";

/// Returns the bucket's policy with a statement that refuses requests without TLS, and all other
/// statements unchanged. Returns `None` if the policy already has it.
pub(crate) fn policy_with_tls(
    partition: Partition,
    bucket: &str,
    there: Option<&Value>,
) -> Option<Value> {
    let arn = format!("arn:{partition}:s3:::{bucket}");
    let ours = json!({
        "Sid": TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [&arn, format!("{arn}/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    });
    let mut policy = match there {
        Some(Value::Object(policy)) => policy.clone(),
        _ => Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
    };
    let mut statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let (own, mut others): (Vec<Value>, Vec<Value>) = statements
        .drain(..)
        .partition(|statement| statement["Sid"] == TLS_ONLY);
    // S3 may return the same statement in another form: a single principal, a list of one.
    let is_there = |own: &Value| {
        let mut own = own.clone();
        if own["Principal"] == json!({ "AWS": "*" }) {
            own["Principal"] = json!("*");
        }
        same(&own, &ours)
    };
    if own.len() == 1 && own.iter().all(is_there) {
        return None;
    }
    others.push(ours);
    policy.insert("Statement".to_owned(), others.into());
    Some(policy.into())
}

/// An object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
}

/// The parts of an archive that the bucket already has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) archive: Option<Found>,
    pub(crate) dependencies: Option<Found>,
}

/// How an archive gets into the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    /// It is already there.
    Nothing,
    /// The bucket composes it from the dependencies that it has and the rest, which is sent.
    Rest,
    /// The dependencies are sent as an object of their own, then the archive is composed.
    DependenciesAndRest,
    Whole,
}

impl Upload {
    pub(crate) fn of(archive: &Archive, held: &Held) -> Self {
        let dependencies = archive.dependencies.size;
        let has = |found: &Option<Found>, size| found.as_ref().is_some_and(|f| f.size == size);
        if has(&held.archive, archive.size) {
            Self::Nothing
        } else if dependencies < LEAST_PART || dependencies >= archive.size {
            Self::Whole
        } else if has(&held.dependencies, dependencies) {
            Self::Rest
        } else {
            Self::DependenciesAndRest
        }
    }

    /// Returns the objects that are written.
    pub(crate) fn keys(self, runtime: &RuntimeName, archive: &Archive) -> Vec<String> {
        let whole = || archive_key(runtime, archive);
        match self {
            Self::Nothing => Vec::new(),
            Self::Rest | Self::Whole => vec![whole()],
            Self::DependenciesAndRest => {
                vec![dependencies_key(runtime, &archive.dependencies), whole()]
            }
        }
    }

    /// Returns how many bytes are sent if nothing fails.
    pub(crate) fn bytes(self, archive: &Archive) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Rest => archive.size - archive.dependencies.size,
            Self::DependenciesAndRest | Self::Whole => archive.size,
        }
    }
}

/// Splits a range of the archive into the parts to send.
pub(crate) fn parts(range: &Range<u64>) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start + PART);
        parts.push(start..end);
        start = end;
    }
    parts
}

/// Returns the ETag of an object that was uploaded in one piece.
pub(crate) fn etag(md5: &[u8; 16]) -> String {
    hex(md5)
}

/// Returns the ETag that S3 gives an object that was uploaded in parts.
pub(crate) fn etag_of_parts(parts: &[[u8; 16]]) -> String {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    format!("{}-{}", hex(&digest.finalize()), parts.len())
}

/// An object of a runtime, with all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) key: String,
    /// When the newest version was uploaded, in seconds since 1970.
    pub(crate) modified: i64,
    /// Includes delete markers.
    pub(crate) versions: Vec<String>,
}

/// Returns the objects under a runtime's prefix that may be deleted: this tool's objects past the
/// grace period, except those that live versions use and the newest archive and dependencies.
pub(crate) fn prunable<'a>(
    runtime: &RuntimeName,
    stored: &'a [Stored],
    needed: &BTreeSet<String>,
    now: i64,
) -> Vec<&'a Stored> {
    let newest = |kind: Kind| {
        stored
            .iter()
            .filter(|object| kind_of(runtime, &object.key) == Some(kind))
            .map(|object| object.modified)
            .max()
    };
    let (archive, dependencies) = (newest(Kind::Archive), newest(Kind::Dependencies));
    let grace = i64::try_from(GRACE.as_secs()).unwrap_or(i64::MAX);
    stored
        .iter()
        .filter(|object| {
            let newest = match kind_of(runtime, &object.key) {
                Some(Kind::Archive) => archive,
                Some(Kind::Dependencies) => dependencies,
                None => return false,
            };
            newest != Some(object.modified)
                && !needed.contains(&object.key)
                && now.saturating_sub(object.modified) > grace
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Archive,
    Dependencies,
}

/// Returns what a key belongs to, or `None` for a foreign object.
fn kind_of(runtime: &RuntimeName, key: &str) -> Option<Kind> {
    let name = key.strip_prefix(&prefix(runtime))?.strip_suffix(".zip")?;
    let (kind, digits) = match name.strip_prefix("dependencies-") {
        Some(digits) => (Kind::Dependencies, digits),
        None => (Kind::Archive, name),
    };
    let is_digest = digits.len() == 32
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_digest.then_some(kind)
}

#[cfg(test)]
mod tests;
