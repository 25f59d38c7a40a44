//! The resource that is deleted or kept: its kind and its name, for messages and for JSON.

use std::fmt;

use super::step::{CleanStep, RoleRemoval};

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

impl CleanStep {
    /// Returns the step's resource. The step's words may contain more, such as counts.
    pub(crate) fn subject(&self) -> Subject {
        let (subject, region) = match self {
            Self::TagLogGroup { region, name, .. } | Self::DeleteLogGroup { region, name } => {
                (Subject::new("log group", name), region)
            }
            Self::DeleteEndpoint {
                region,
                runtime,
                endpoint,
            } => (Subject::new("endpoint", endpoint).of(runtime), region),
            Self::DeleteRuntime { region, runtime } => (Subject::new("runtime", runtime), region),
            Self::DeleteImages {
                region, repository, ..
            } => (Subject::new("images", repository), region),
            Self::DeleteRepository { region, repository } => {
                (Subject::new("repository", repository), region)
            }
            Self::DeleteObject { region, object, .. } => {
                let address = format!("s3://{}/{}", object.bucket, object.key);
                (Subject::new("object", address), region)
            }
            Self::AbortUploads {
                region,
                bucket,
                prefix,
                ..
            } => {
                let address = format!("s3://{bucket}/{prefix}");
                (Subject::new("unfinished uploads", address), region)
            }
            Self::DeleteArchives {
                region,
                bucket,
                prefix,
                ..
            } => {
                let address = format!("s3://{bucket}/{prefix}");
                (Subject::new("objects", address), region)
            }
            Self::DeleteBucket { region, bucket } => (Subject::new("bucket", bucket), region),
            Self::Role(removal) => return removal.subject(),
        };
        subject.at(region)
    }
}

impl RoleRemoval {
    fn subject(&self) -> Subject {
        match self {
            Self::DeletePolicy { role, policy } => {
                Subject::new("policy", policy).of(role.to_string())
            }
            Self::Detach { role, arn } => Subject::new("policy", arn).of(role.to_string()),
            Self::SetTrust { role, .. } => Subject::new("trust policy", role.to_string()),
            Self::Untag { role, .. } | Self::Delete { role } => {
                Subject::new("role", role.to_string())
            }
        }
    }
}
