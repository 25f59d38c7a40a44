//! The project's bucket: its name, its keys, whose it is, what is sent to it and what may leave it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Range,
    time::Duration,
};

use md5::Md5;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::ownership::{MANAGED, Ownership, PROJECT};
use crate::{
    error::Failure,
    names::{AccountId, Partition, ProjectId, Region, RuntimeName},
    package::archive::{Archive, Dependencies},
    policy::same,
};

/// S3 takes no smaller part than this, except as the last one.
pub(crate) const LEAST_PART: u64 = 5 * 1024 * 1024;

/// What is sent in one piece; several are held in memory at once.
pub(crate) const PART: u64 = 8 * 1024 * 1024;

/// How old something is before it may be pruned: a deploy that runs beside this one may have sent it
/// and not named it yet.
pub(crate) const GRACE: Duration = Duration::from_hours(24);

/// One bucket for a project in an account and a region. At most 63 characters.
pub(crate) fn name(project: &ProjectId, account: &AccountId, region: &Region) -> String {
    let project = hex(&Sha256::digest(project.as_str().as_bytes())[..6]);
    format!("cargo-agentcore-{project}-{account}-{region}")
}

/// Where everything of a runtime lies. No runtime's name holds a slash, so none lies in another's.
pub(crate) fn prefix(runtime: &RuntimeName) -> String {
    format!("{runtime}/")
}

/// Equal archives have equal keys, so nothing is ever overwritten by something else.
pub(crate) fn archive_key(runtime: &RuntimeName, archive: &Archive) -> String {
    format!("{runtime}/{}.zip", digits(&archive.id))
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

/// The tags that prove the bucket. It serves all agents and stages of a project, so it names none.
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

/// What is known of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ObservedBucket {
    Absent,
    There {
        tags: BTreeMap<String, String>,
        /// Whether it holds no object.
        empty: bool,
        settings: Settings,
    },
}

/// What was set at the bucket's birth, and may have been taken off since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// All four blocks of public access.
    pub(crate) private: bool,
    /// By whatever key: somebody's own is no worse than S3's.
    pub(crate) encrypted: bool,
    pub(crate) drops_unfinished_uploads: bool,
    /// Refuses whoever comes without TLS.
    pub(crate) demands_tls: bool,
}

/// What is done to a bucket, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BucketStep {
    Create,
    BlockPublicAccess,
    Encrypt,
    /// Parts of an upload that was never finished cost money and are listed nowhere. Other rules stay.
    DropUnfinishedUploads,
    /// Statements of others in the bucket's policy stay.
    DemandTls,
    /// The last step: a bucket with our tags is a finished one. Keeps the tags that are there.
    Tag(BTreeMap<String, String>),
}

/// A bucket of our name that is not ours.
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
    /// Verb and object: ("Creating", "create", "bucket `x`").
    pub(crate) fn words(&self, bucket: &str) -> (&'static str, &'static str, String) {
        match self {
            Self::Create => ("Creating", "create", format!("bucket `{bucket}`")),
            Self::BlockPublicAccess => (
                "Blocking",
                "block",
                format!("public access to bucket `{bucket}`"),
            ),
            Self::Encrypt => ("Encrypting", "encrypt", format!("bucket `{bucket}`")),
            Self::DropUnfinishedUploads => (
                "Limiting",
                "limit",
                format!("unfinished uploads in bucket `{bucket}` to a day"),
            ),
            Self::DemandTls => (
                "Closing",
                "close",
                format!("bucket `{bucket}` to requests without TLS"),
            ),
            Self::Tag(tags) => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                (
                    "Tagging",
                    "tag",
                    format!("bucket `{bucket}` with {}", keys.join(", ")),
                )
            }
        }
    }
}

/// What a run does to a bucket, step by step where it was there, else in one word.
pub(crate) fn worth_saying(steps: &[BucketStep]) -> &[BucketStep] {
    match steps {
        [first @ BucketStep::Create, ..] => std::slice::from_ref(first),
        steps => steps,
    }
}

/// What makes a bucket ready, and what has been taken off one that was. One without tags and without
/// objects, of a name that only this project has, is what a killed run leaves: it is finished.
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

/// Tags are added and changed, and never taken off: other agents, stages and people share the bucket.
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

/// The statement of ours in the bucket's policy.
const TLS_ONLY: &str = "CargoAgentcoreTlsOnly";

/// The bucket's policy with our statement, which refuses whoever comes without TLS, and those of others
/// as they are; `None` where that is the policy that is there.
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
    // S3 may give the same statement in another form: a single principal, a list of one.
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

/// An object as it lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) size: u64,
    /// Without its quotes.
    pub(crate) etag: String,
}

/// What of an archive the bucket holds already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) archive: Option<Found>,
    pub(crate) dependencies: Option<Found>,
}

/// How an archive gets into the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    /// It is there.
    Nothing,
    /// The bucket puts it together from the dependencies that it holds and the rest that is sent.
    Rest,
    /// The dependencies are sent, to stay, and then the same.
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

    /// How many bytes of the archive are sent, where nothing goes wrong.
    pub(crate) fn bytes(self, archive: &Archive) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Rest => archive.size - archive.dependencies.size,
            Self::DependenciesAndRest | Self::Whole => archive.size,
        }
    }
}

/// The pieces in which a range of the archive is sent.
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

/// The ETag of an object that was sent in one piece.
pub(crate) fn etag(md5: &[u8; 16]) -> String {
    hex(md5)
}

/// The ETag that S3 gives to an object made of parts.
pub(crate) fn etag_of_parts(parts: &[[u8; 16]]) -> String {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    format!("{}-{}", hex(&digest.finalize()), parts.len())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An object of a runtime, with all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) key: String,
    /// Seconds since 1970 of the newest version.
    pub(crate) modified: i64,
    /// Delete markers included.
    pub(crate) versions: Vec<String>,
}

/// What nobody needs any more of what lies under a runtime's prefix: our own objects past the grace
/// period, without what live versions point at, and without the newest archive and dependencies.
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

/// What a key is of; `None` for what somebody else put there.
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
