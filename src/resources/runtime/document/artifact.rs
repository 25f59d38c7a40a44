//! The artifact of a runtime in its document.

use serde_json::{Value, json};

use super::path::{Document, at, text};
use crate::resources::runtime::fields::{Artifact, CodeObject};

pub(super) fn artifact(document: &Document) -> Artifact {
    let uri = [
        "agentRuntimeArtifact",
        "containerConfiguration",
        "containerUri",
    ];
    if let Some(uri) = text(document, &uri) {
        return Artifact::Container { uri };
    }
    let code = at(document, &["agentRuntimeArtifact", "codeConfiguration"]);
    let Some(code) = code.and_then(Value::as_object) else {
        return Artifact::Unknown;
    };
    let location = |name| text(code, &["code", "s3", name]);
    let object = location("bucket").zip(location("prefix"));
    let entry_point = code.get("entryPoint").and_then(Value::as_array);
    let entry_point = entry_point.into_iter().flatten().filter_map(Value::as_str);
    Artifact::Code {
        object: object.map(|(bucket, key)| CodeObject {
            bucket,
            key,
            version: location("versionId"),
        }),
        runtime: text(code, &["runtime"]).unwrap_or_default(),
        entry_point: entry_point.map(str::to_owned).collect(),
    }
}

pub(super) fn artifact_document(artifact: &Artifact) -> Option<Value> {
    match artifact {
        Artifact::Code {
            object,
            runtime,
            entry_point,
        } => {
            let mut code = json!({ "runtime": runtime, "entryPoint": entry_point });
            if let Some(CodeObject {
                bucket,
                key,
                version,
            }) = object
            {
                code["code"] = json!({ "s3": { "bucket": bucket, "prefix": key } });
                if let Some(version) = version {
                    code["code"]["s3"]["versionId"] = json!(version);
                }
            }
            Some(json!({ "codeConfiguration": code }))
        }
        Artifact::Container { uri } => {
            Some(json!({ "containerConfiguration": { "containerUri": uri } }))
        }
        Artifact::Unknown => None,
    }
}
