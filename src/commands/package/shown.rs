//! What `package` prints, as text and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    config::Agent,
    effects::{
        self,
        packaging::{Built, Origin},
    },
    error::Failure,
    package::{
        build_context::{Entry, Kind},
        image::{LayerOf, python},
    },
    project::{dockerfile::Sources, imaging::Made, sbom::Sbom},
};

/// What is printed for an agent.
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) document: Value,
}

impl Shown {
    pub(super) fn of_archive(
        agent: &Agent,
        (built, sbom): (&Built, Option<&Sbom>),
        list: bool,
    ) -> Result<Self, Failure> {
        let mut document = document(agent, built, list)?;
        document["sbom"] = json!(sbom.map(|sbom| &sbom.path));
        let text = if list {
            let entries = effects::packaging::entries(&built.archive.path)?;
            lines(
                entries
                    .iter()
                    .map(|entry| (entry.unzipped, entry.path.as_str())),
            )
        } else {
            built.archive.path.display().to_string()
        };
        Ok(Self { text, document })
    }

    /// Shows the files that a Dockerfile can copy.
    pub(super) fn of_context(agent: &Agent, sources: &Sources) -> Self {
        let entries: Vec<(u64, &str)> = sources
            .context
            .entries
            .iter()
            .filter_map(|Entry { path, kind }| match kind {
                Kind::Folder => None,
                Kind::File { bytes, .. } => Some((*bytes, path.as_str())),
                Kind::Link(text) => Some((text.len() as u64, path.as_str())),
            })
            .collect();
        let listed: Vec<Value> = entries
            .iter()
            .map(|(bytes, path)| json!({ "path": path, "bytes": bytes }))
            .collect();
        Self {
            text: lines(entries.into_iter()),
            document: json!({
                "agent": agent.name.as_str(),
                "sources": sources.digest,
                "context": listed,
            }),
        }
    }

    /// With `entries`, shows them instead of the folder.
    pub(super) fn of_image(
        agent: &Agent,
        made: &Made,
        folder: &Path,
        entries: Option<Vec<(u64, String)>>,
    ) -> Self {
        let Made { image, sbom } = made;
        let mut document = json!({
            "agent": agent.name.as_str(),
            "image": folder,
            "sbom": sbom.as_ref().map(|sbom| &sbom.path),
            "digest": image.digest(),
            "bytes": image.size(),
            "layers": image
                .described()
                .iter()
                .map(|LayerOf { digest, bytes, made_by }| {
                    json!({ "digest": digest, "bytes": bytes, "created_by": made_by })
                })
                .collect::<Vec<_>>(),
        });
        let Some(entries) = entries else {
            let text = folder.display().to_string();
            return Self { text, document };
        };
        document["entries"] = entries
            .iter()
            .map(|(bytes, path)| json!({ "path": path, "bytes": bytes }))
            .collect();
        let text = lines(entries.iter().map(|(bytes, path)| (*bytes, path.as_str())));
        Self { text, document }
    }
}

/// Returns what the image of a Python agent adds to its base image.
pub(super) fn of_python(built: &Built) -> Result<Vec<(u64, String)>, Failure> {
    let entries = effects::packaging::entries(&built.archive.path)?.into_iter();
    let entries = entries.map(|entry| (entry.unzipped, python::placed(&entry.path)));
    Ok(entries.collect())
}

fn lines<'a>(entries: impl Iterator<Item = (u64, &'a str)>) -> String {
    let lines: Vec<String> = entries
        .map(|(bytes, path)| format!("{bytes:>10} {path}"))
        .collect();
    lines.join("\n")
}

fn document(agent: &Agent, built: &Built, list: bool) -> Result<Value, Failure> {
    let mut document = json!({
        "agent": agent.name.as_str(),
        "runtime": agent.runtime,
        "archive": built.archive.path,
        "id": built.archive.id,
        "bytes": built.archive.size,
        "unzipped_bytes": built.unzipped,
        "own_files": built.own_files,
        "dependencies": {
            "files": built.dependency_files,
            "bytes": built.archive.dependencies.size,
            "sha256": built.archive.dependencies.sha256,
            "from": match built.dependencies {
                Origin::None => "nothing",
                Origin::Cache => "cache",
                Origin::Installed => "index",
                Origin::Archive => "archive",
            },
        },
        "compiled_by": built.compiled_by,
        "excluded": built.left_out,
    });
    if list {
        let entries = effects::packaging::entries(&built.archive.path)?;
        document["entries"] = entries
            .iter()
            .map(|entry| {
                json!({
                    "path": entry.path,
                    "bytes": entry.unzipped,
                    "zipped_bytes": entry.zipped,
                })
            })
            .collect();
    }
    Ok(document)
}
