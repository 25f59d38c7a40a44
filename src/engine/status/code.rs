//! How the deployed archive compares to the local code: whether it is the same, and how old it is.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    config::{Agent, Declared, Dockerfile},
    effects::{self, aws::store::Store, manifest::Project},
    engine::{build_project, repository, runtime::own::own_bucket},
    error::Failure,
    names::image_uri,
    package::archive::Archive,
    plan::table::{age as span, time},
    project::{
        consent, dockerfile,
        last_image::{LastImage, MadeFrom},
        own_files, packaging,
        sessions::Placed,
    },
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

/// Where an agent's code is here.
type Here<'a> = (&'a Project, &'a Declared);

const NOTHING: &str = "nothing was built here yet";
const ONLY_CARGO: &str = "the program that was built here last is deployed, and only cargo knows whether it would build another one";

/// Compares without building anything. Unreadable sources are only a note, because the deployed
/// state can be shown without them. `builds` is true if CodeBuild has a project for the image.
pub(crate) async fn compare(
    placed: &Placed<'_>,
    here: Here<'_>,
    deployed: &Artifact,
    builds: bool,
    ui: &Ui,
) -> Code {
    let agent = placed.agent;
    if agent.image.is_some() {
        return Code::Unknown("it runs an existing image".to_owned());
    }
    let compared = match agent.builds_dockerfile() {
        Some(_) if !builds => Ok(Code::Unknown(
            "CodeBuild did not build its image".to_owned(),
        )),
        Some(settings) => of_dockerfile(placed, settings, here.0, deployed).await,
        None if agent.has_image() => of_image(placed, here, deployed),
        None => of_archive(placed, here, deployed),
    };
    match compared {
        Ok(Code::Equal) if agent.rust().is_some() => Code::Unknown(ONLY_CARGO.to_owned()),
        Ok(code) => code,
        Err(failure) => {
            ui.note(&format!(
                "the code of `{}` was not compared: {failure}",
                agent.name
            ));
            Code::Unknown("it cannot be read here".to_owned())
        }
    }
}

fn of_archive(placed: &Placed<'_>, here: Here<'_>, deployed: &Artifact) -> Result<Code, Failure> {
    let last = last(placed.agent, here)?;
    Ok(
        last.map_or(Code::Unknown(NOTHING.to_owned()), |(archive, changed)| {
            Code::compare(&as_deployed(placed, &archive, changed, deployed), deployed)
        }),
    )
}

/// Compares the image that was built here last, and the files and the base image that it was built
/// from.
fn of_image(placed: &Placed<'_>, here: Here<'_>, deployed: &Artifact) -> Result<Code, Failure> {
    let agent = placed.agent;
    let unknown = |why: &str| Ok(Code::Unknown(why.to_owned()));
    let Some(LastImage { digest, python }) =
        LastImage::read(&packaging::directory(agent, here.0)?)?
    else {
        return unknown(NOTHING);
    };
    let mut changed = BTreeSet::new();
    if let Some(MadeFrom { archive, base }) = python {
        let same = last(agent, here)?.filter(|(last, _)| last.id == archive);
        let Some((_, files)) = same else {
            return unknown("what was built here last is not its image");
        };
        changed = files;
        match &agent.base_image {
            _ if base.is_none() => {}
            None => return unknown("Cargo.toml does not name its exact base image"),
            Some(named) if Some(named.to_string()) == base => {}
            Some(_) => changed.extend(["image.base".to_owned()]),
        }
    }
    Ok(Code::of_image(&uri(placed, &digest), &changed, deployed))
}

/// Compares the image that was built from the same sources, if there is one.
async fn of_dockerfile(
    placed: &Placed<'_>,
    settings: &Dockerfile,
    project: &Project,
    deployed: &Artifact,
) -> Result<Code, Failure> {
    let sources = dockerfile::observe(placed.agent, settings, project).await?;
    let found = match build_project::find(placed, &sources.digest).await {
        Err(error) if error.is_not_found() => None,
        found => found?,
    };
    let built = found.map_or("(known after it is built)".to_owned(), |image| {
        uri(placed, &image.digest)
    });
    Ok(Code::of_image(&built, &BTreeSet::new(), deployed))
}

/// Returns the address of an image in the agent's repository.
fn uri(placed: &Placed<'_>, digest: &str) -> String {
    let Placed { agent: _, session } = placed;
    let name = repository::name(placed);
    image_uri::image(&session.account, &session.region, &name, digest)
}

/// Returns the archive that was built last, and the files that changed since; `None` if none was
/// built, because the sources alone do not tell what is deployed. Only cargo knows what a program is
/// made from.
fn last(
    agent: &Agent,
    (project, declared): (&Project, &Declared),
) -> Result<Option<(Archive, BTreeSet<String>)>, Failure> {
    if agent.rust().is_some() {
        let output = packaging::directory(agent, project)?;
        let last = effects::packaging::last_archive(&output)?;
        return Ok(last.map(|archive| (archive, BTreeSet::new())));
    }
    let own = || {
        consent::check_source(project, agent)?;
        own_files::observe(agent, project, declared)
    };
    let last = packaging::last(agent, project, own)?;
    Ok(last.map(|last| (last.archive, last.changed)))
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
