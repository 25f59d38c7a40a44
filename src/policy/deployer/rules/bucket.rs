//! The buckets: the project's, and the toolkit's.

use super::By::{Clean, Deploy, Status};
use super::{Given, Rule, rule};
use crate::policy::deployer::places::On;

pub(super) const RULES: &[Rule] = &[
    rule(
        "Bucket",
        On::OwnBucket,
        &[
            ("s3:CreateBucket", &[Deploy]),
            ("s3:DeleteBucket", &[Clean]),
            ("s3:GetBucketPolicy", &[Deploy]),
            ("s3:GetBucketPublicAccessBlock", &[Deploy]),
            ("s3:GetBucketTagging", &[Deploy, Clean]),
            ("s3:GetEncryptionConfiguration", &[Deploy]),
            ("s3:GetLifecycleConfiguration", &[Deploy]),
            // Without it, S3 answers a missing object with a refusal, which cannot be told from a
            // real one.
            ("s3:ListBucket", &[Deploy, Status]),
            ("s3:ListBucketMultipartUploads", &[Clean]),
            // For the whole bucket, because `clean` deletes it if it contains no other agent's
            // archives.
            ("s3:ListBucketVersions", &[Deploy, Clean]),
            ("s3:PutBucketPolicy", &[Deploy]),
            ("s3:PutBucketPublicAccessBlock", &[Deploy]),
            ("s3:PutBucketTagging", &[Deploy]),
            ("s3:PutEncryptionConfiguration", &[Deploy]),
            ("s3:PutLifecycleConfiguration", &[Deploy]),
        ],
    ),
    // AgentCore reads the archive with the caller's permission.
    rule(
        "Archives",
        On::OwnObjects,
        &[
            ("s3:AbortMultipartUpload", &[Deploy, Clean]),
            ("s3:DeleteObject", &[Deploy]),
            ("s3:DeleteObjectVersion", &[Deploy, Clean]),
            // `status` asks for the age of the deployed archive.
            ("s3:GetObject", &[Deploy, Status]),
            ("s3:PutObject", &[Deploy]),
        ],
    ),
    Rule {
        given: Given::OwnPrefix,
        ..rule(
            "ObjectList",
            On::ToolkitsBucket,
            &[("s3:ListBucketVersions", &[Clean])],
        )
    },
    rule(
        "Objects",
        On::ToolkitsObjects,
        &[("s3:DeleteObjectVersion", &[Clean])],
    ),
];
