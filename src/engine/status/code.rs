//! How the deployed archive compares to the local code: whether it is the same, and how old it is.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    config::Declared,
    effects::{self, aws::store::Store, manifest::Project},
    engine::runtime::own::own_bucket,
    error::Failure,
    package::archive::Archive,
    plan::table::{age as span, time},
    project::{consent, own_files, packaging, sessions::Placed},
    resources::{
        bucket,
        change::{FieldChange, Secrecy},
        runtime::{
            fields::{Artifact, CodeObject},
            observed::{Code, CodeHere},
        },
    },
    ui::Ui,
};

/// How long the deployed archive has been in the bucket.
pub(crate) enum Age {
    /// Seconds since 1970.
    Since(i64),
    Gone,
    /// It is not in this project's bucket, or S3 did not answer.
    Unknown,
}

impl Age {
    /// Returns the text after the archive's address.
    pub(crate) fn words(&self, now: i64) -> String {
        match self {
            Self::Since(put) => format!(", since {} ({} ago)", time(*put), span(now - put)),
            Self::Gone => ", which is no longer in the bucket".to_owned(),
            Self::Unknown => String::new(),
        }
    }

    /// Returns the difference if a deploy would upload the archive again.
    pub(crate) fn difference(&self, artifact: &Artifact) -> Option<FieldChange> {
        matches!(self, Self::Gone).then(|| FieldChange {
            field: "artifact".to_owned(),
            before: Some(format!("{artifact} is no longer in the bucket")),
            after: Some("upload it again".to_owned()),
            secrecy: Secrecy::Open,
        })
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Since(put) => time(*put).into(),
            Self::Gone | Self::Unknown => Value::Null,
        }
    }
}

/// Asks only the project's own bucket, because others may be unreadable. A failure is only a
/// note.
pub(crate) async fn age(placed: &Placed<'_>, artifact: &Artifact, ui: &Ui) -> Age {
    let Placed { agent, session } = placed;
    let store = Store::new(session, &agent.project);
    let Artifact::Code {
        object: Some(object),
        ..
    } = artifact
    else {
        return Age::Unknown;
    };
    if object.bucket != store.bucket() {
        return Age::Unknown;
    }
    match store.put_at(&object.key).await {
        Ok(Some(put)) => Age::Since(put),
        Ok(None) => Age::Gone,
        Err(error) => {
            ui.note(&format!(
                "cannot determine the age of the archive of `{}`: {}",
                agent.name,
                Failure::from(error)
            ));
            Age::Unknown
        }
    }
}

/// Compares without packaging. Unreadable sources are only a note, because the deployed state can
/// be shown without them.
pub(crate) fn compare(
    placed: &Placed<'_>,
    place: (&Project, &Declared),
    deployed: &Artifact,
    ui: &Ui,
) -> Code {
    if placed.agent.image.is_some() {
        return Code::Unknown("it runs an existing image".to_owned());
    }
    if placed.agent.has_image() {
        return Code::Unknown("an image tells nothing about its sources".to_owned());
    }
    if placed.agent.rust().is_some() {
        return program(placed, place.0, deployed, ui);
    }
    match here(placed, place, deployed) {
        Ok(Some(here)) => Code::compare(&here, deployed),
        Ok(None) => Code::Unknown("nothing was built here yet".to_owned()),
        Err(failure) => {
            ui.note(&format!(
                "the code of `{}` was not compared: {failure}",
                placed.agent.name
            ));
            Code::Unknown("it cannot be read here".to_owned())
        }
    }
}

/// Returns the local code; `None` if no archive was built, because the sources alone do not tell
/// what is deployed.
fn here(
    placed: &Placed<'_>,
    (project, declared): (&Project, &Declared),
    deployed: &Artifact,
) -> Result<Option<CodeHere>, Failure> {
    let agent = placed.agent;
    let own = || {
        consent::check_source(project, agent)?;
        own_files::observe(agent, project, declared)
    };
    let Some(last) = packaging::last(agent, project, own)? else {
        return Ok(None);
    };
    Ok(Some(as_deployed(
        placed,
        &last.archive,
        last.changed,
        deployed,
    )))
}

/// Compares the deployed program with the one that was built last. Only cargo knows whether it would
/// build another one now.
fn program(placed: &Placed<'_>, project: &Project, deployed: &Artifact, ui: &Ui) -> Code {
    let last = packaging::directory(placed.agent, project)
        .and_then(|output| effects::packaging::last_archive(&output));
    match last {
        Ok(Some(archive)) => {
            let here = as_deployed(placed, &archive, BTreeSet::new(), deployed);
            match Code::compare(&here, deployed) {
                Code::Equal => Code::Unknown(
                    "the program that was built here last is deployed, and only cargo knows whether it would build another one"
                        .to_owned(),
                ),
                other => other,
            }
        }
        Ok(None) => Code::Unknown("nothing was built here yet".to_owned()),
        Err(failure) => {
            ui.note(&format!(
                "the code of `{}` was not compared: {failure}",
                placed.agent.name
            ));
            Code::Unknown("it cannot be read here".to_owned())
        }
    }
}

fn as_deployed(
    placed: &Placed<'_>,
    archive: &Archive,
    changed: BTreeSet<String>,
    deployed: &Artifact,
) -> CodeHere {
    let name = &placed.agent.runtime_name;
    let built = CodeObject {
        bucket: own_bucket(placed),
        key: bucket::archive_key(name, archive),
        version: None,
    };
    let is_same = match deployed {
        Artifact::Code {
            object: Some(there),
            ..
        } => there.bucket == built.bucket && bucket::stays(&there.key, name, archive),
        Artifact::Code { object: None, .. } | Artifact::Container { .. } | Artifact::Unknown => {
            false
        }
    };
    CodeHere {
        built,
        is_same,
        changed,
    }
}
