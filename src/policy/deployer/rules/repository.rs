//! The repositories of images.

use super::By::{Clean, Deploy};
use super::{Given, Rule, rule};
use crate::policy::deployer::places::On;

pub(super) const RULES: &[Rule] = &[
    rule(
        "Images",
        On::Repository,
        &[
            ("ecr:BatchDeleteImage", &[Clean]),
            ("ecr:DeleteRepository", &[Clean]),
            ("ecr:ListImages", &[Clean]),
        ],
    ),
    // A repository without this tool's tags must be readable to find out who owns it.
    rule(
        "RepositoryRead",
        On::OwnRepository,
        &[
            ("ecr:DescribeRepositories", &[Deploy, Clean]),
            ("ecr:GetLifecyclePolicy", &[Deploy]),
            ("ecr:ListTagsForResource", &[Deploy, Clean]),
        ],
    ),
    Rule {
        given: Given::ProjectInRequest,
        ..rule(
            "RepositoryCreate",
            On::OwnRepository,
            &[("ecr:CreateRepository", &[Deploy])],
        )
    },
    Rule {
        given: Given::FirstTag,
        ..rule(
            "RepositoryFirstTag",
            On::OwnRepository,
            &[("ecr:TagResource", &[Deploy])],
        )
    },
    Rule {
        given: Given::FurtherTag,
        ..rule(
            "RepositoryTag",
            On::OwnRepository,
            &[("ecr:TagResource", &[Deploy])],
        )
    },
    Rule {
        given: Given::ProjectOnResource,
        ..rule(
            "Repository",
            On::OwnRepository,
            &[
                ("ecr:BatchCheckLayerAvailability", &[Deploy]),
                ("ecr:BatchDeleteImage", &[Deploy, Clean]),
                ("ecr:BatchGetImage", &[Deploy]),
                ("ecr:CompleteLayerUpload", &[Deploy]),
                ("ecr:DeleteRepository", &[Clean]),
                ("ecr:DescribeImages", &[Deploy]),
                ("ecr:InitiateLayerUpload", &[Deploy]),
                ("ecr:ListImages", &[Clean]),
                ("ecr:PutImage", &[Deploy]),
                ("ecr:PutImageScanningConfiguration", &[Deploy]),
                ("ecr:PutImageTagMutability", &[Deploy]),
                ("ecr:PutLifecyclePolicy", &[Deploy]),
                ("ecr:UntagResource", &[Deploy]),
                ("ecr:UploadLayerPart", &[Deploy]),
            ],
        )
    },
    rule(
        "BaseImage",
        On::BaseRepository,
        &[
            ("ecr:BatchGetImage", &[Deploy]),
            ("ecr:GetDownloadUrlForLayer", &[Deploy]),
        ],
    ),
    rule(
        "RegistryToken",
        On::AllForImages,
        &[("ecr:GetAuthorizationToken", &[Deploy])],
    ),
];
