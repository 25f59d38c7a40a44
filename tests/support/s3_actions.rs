//! The tables for S3. Method, path and sub-resource determine the operation.

use std::collections::BTreeMap;

use super::actions::{Asked, Call, decoded};

/// The source of a copy: `bucket/key`.
pub const COPY_SOURCE: &str = "x-amz-copy-source";

/// A sub-resource of a bucket or an object, and the operations that read, write and delete it.
type Row = (&'static str, &'static str, &'static str, &'static str);

const OF_BUCKETS: &[Row] = &[
    (
        "accelerate",
        "GetAccelerateConfiguration",
        "PutAccelerateConfiguration",
        "?",
    ),
    ("acl", "GetBucketAcl", "PutBucketAcl", "?"),
    ("cors", "GetBucketCORS", "PutBucketCORS", "PutBucketCORS"),
    (
        "encryption",
        "GetEncryptionConfiguration",
        "PutEncryptionConfiguration",
        "PutEncryptionConfiguration",
    ),
    (
        "lifecycle",
        "GetLifecycleConfiguration",
        "PutLifecycleConfiguration",
        "PutLifecycleConfiguration",
    ),
    ("location", "GetBucketLocation", "?", "?"),
    ("logging", "GetBucketLogging", "PutBucketLogging", "?"),
    (
        "ownershipControls",
        "GetBucketOwnershipControls",
        "PutBucketOwnershipControls",
        "PutBucketOwnershipControls",
    ),
    (
        "policy",
        "GetBucketPolicy",
        "PutBucketPolicy",
        "DeleteBucketPolicy",
    ),
    ("policyStatus", "GetBucketPolicyStatus", "?", "?"),
    (
        "publicAccessBlock",
        "GetBucketPublicAccessBlock",
        "PutBucketPublicAccessBlock",
        "PutBucketPublicAccessBlock",
    ),
    (
        "tagging",
        "GetBucketTagging",
        "PutBucketTagging",
        "PutBucketTagging",
    ),
    ("uploads", "ListBucketMultipartUploads", "?", "?"),
    (
        "versioning",
        "GetBucketVersioning",
        "PutBucketVersioning",
        "?",
    ),
    ("versions", "ListBucketVersions", "?", "?"),
];

const OF_OBJECTS: &[Row] = &[
    ("acl", "GetObjectAcl", "PutObjectAcl", "?"),
    ("attributes", "GetObjectAttributes", "?", "?"),
    ("partNumber", "GetObject", "PutObject", "?"),
    (
        "tagging",
        "GetObjectTagging",
        "PutObjectTagging",
        "DeleteObjectTagging",
    ),
    (
        "uploadId",
        "ListMultipartUploadParts",
        "PutObject",
        "AbortMultipartUpload",
    ),
];

/// Returns the permissions that an S3 request needs, one per object if it deletes several.
pub fn calls(asked: &Asked) -> Vec<Call> {
    let mut segments = asked.path.trim_start_matches('/').splitn(2, '/');
    let bucket = segments.next().unwrap_or_default();
    let key = decoded(segments.next().unwrap_or_default());
    let arn = |resource: &str| format!("arn:{}:s3:::{resource}", asked.partition());
    let call = |operation: &str, resource: String| {
        let prefix = asked.query.get("prefix");
        let keys = prefix.map(|prefix| ("s3:prefix".to_owned(), prefix.clone()));
        Call {
            keys: keys.into_iter().collect(),
            ..asked.call(operation, resource, asked.query.clone())
        }
    };
    if bucket.is_empty() {
        return vec![call("ListAllMyBuckets", "*".to_owned())];
    }
    if asked.method == "POST" && asked.query.contains_key("delete") {
        return deleted(&String::from_utf8_lossy(&asked.body))
            .into_iter()
            .map(|(key, version)| {
                let mut parameters = BTreeMap::from([("Key".to_owned(), key.clone())]);
                parameters.extend(version.iter().map(|v| ("versionId".to_owned(), v.clone())));
                let operation = versioned("DeleteObject", version.is_some());
                asked.call(&operation, arn(&format!("{bucket}/{key}")), parameters)
            })
            .collect();
    }
    let operation = if key.is_empty() {
        of_bucket(asked)
    } else {
        of_object(asked)
    };
    let resource = if key.is_empty() {
        arn(bucket)
    } else {
        arn(&format!("{bucket}/{key}"))
    };
    let mut calls = vec![call(&operation, resource)];
    if let Some(source) = asked.headers.get(COPY_SOURCE) {
        let source = decoded(source.trim_start_matches('/'));
        calls.push(Call {
            implied: true,
            ..call("GetObject", arn(&source))
        });
    }
    // S3 reports a missing object as missing only to callers who may list the bucket.
    if asked.method == "HEAD" && !key.is_empty() {
        calls.push(Call {
            implied: true,
            ..call("ListBucket", arn(bucket))
        });
    }
    calls
}

fn of_bucket(asked: &Asked) -> String {
    row(OF_BUCKETS, asked)
        .unwrap_or(match asked.method.as_str() {
            "GET" | "HEAD" => "ListBucket",
            "PUT" => "CreateBucket",
            "DELETE" => "DeleteBucket",
            _ => "?",
        })
        .to_owned()
}

fn of_object(asked: &Asked) -> String {
    let operation = row(OF_OBJECTS, asked).unwrap_or(match asked.method.as_str() {
        "GET" | "HEAD" => "GetObject",
        "PUT" => "PutObject",
        // Starting and completing an upload are parts of PutObject.
        "POST" if asked.query.contains_key("uploads") => "PutObject",
        "DELETE" => "DeleteObject",
        _ => "?",
    });
    versioned(operation, asked.query.contains_key("versionId"))
}

/// Returns `DeleteObjectVersion` for `DeleteObject` of a version, `GetObjectVersionTagging` for
/// `GetObjectTagging`.
fn versioned(operation: &str, version: bool) -> String {
    if version {
        operation.replacen("Object", "ObjectVersion", 1)
    } else {
        operation.to_owned()
    }
}

fn row(table: &[Row], asked: &Asked) -> Option<&'static str> {
    table
        .iter()
        .find(|(name, ..)| asked.query.contains_key(*name))
        .map(|(_, read, write, delete)| match asked.method.as_str() {
            "GET" | "HEAD" => *read,
            "DELETE" => *delete,
            _ => *write,
        })
}

/// Returns the objects in a DeleteObjects request: the key, and the version, if any.
fn deleted(body: &str) -> Vec<(String, Option<String>)> {
    let text = |within: &str, tag: &str| {
        let (_, rest) = within.split_once(&format!("<{tag}>"))?;
        let (text, _) = rest.split_once(&format!("</{tag}>"))?;
        Some(unescaped(text))
    };
    body.split("<Object>")
        .skip(1)
        .filter_map(|object| {
            let object = object.split("</Object>").next()?;
            Some((text(object, "Key")?, text(object, "VersionId")))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
