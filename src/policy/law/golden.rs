//! Reviewed snapshots of the policies.

use std::collections::BTreeSet;

use super::{
    deployer::deployer,
    fixture::{self, ACCOUNT, agent, capabilities, scope, target},
};
use crate::{
    names::{AccountId, Partition, Region},
    policy::{
        Deployer, Document, Target, boundary, deployer_grants, document_of, execution, trust,
    },
};

/// `SNAPSHOTS=overwrite` rewrites the files; review them before committing.
fn golden(name: &str, document: &Document) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/policy/golden")
        .join(format!("{name}.json"));
    let wanted = snapbox::Data::read_from(&path, Some(snapbox::data::DataFormat::Text));
    snapbox::assert_data_eq!(format!("{}\n", document.to_pretty_json()), wanted.raw());
}

#[test]
fn each_capability_has_the_document_that_was_read_and_kept() {
    let base = execution(&agent("my_agent", &[]), &scope("my_agent", "us-west-2"));
    golden("always", &base);
    let mut image = agent("my_agent", &[]);
    fixture::into_image(&mut image);
    let whole = execution(&image, &scope("my_agent", "us-west-2"));
    let added = whole.statement[base.statement.len()..].to_vec();
    golden("image", &Document::new(added));
    for region in ["us-west-2", "us-gov-west-1"] {
        let scope = scope("my_agent", region);
        for capability in capabilities(scope.partition, "one") {
            let document = execution(
                &agent("my_agent", std::slice::from_ref(&capability)),
                &scope,
            );
            let added = document.statement[base.statement.len()..].to_vec();
            golden(
                &format!("{}.{region}", capability.name),
                &Document::new(added),
            );
        }
    }
}

#[test]
fn the_other_documents_are_those_that_were_read_and_kept() {
    let capabilities = capabilities(Partition::Aws, "one");
    let agents = [
        agent("one", &capabilities[..8]),
        agent("two", &capabilities[4..12]),
    ];
    let targets: Vec<Target<'_>> = agents.iter().map(|a| target(a, "us-west-2")).collect();
    golden("boundary", &boundary(&targets));
    golden(
        "deployer",
        &document_of(&deployer_grants(&targets, Deployer::WithRoles)),
    );
    golden(
        "deployer-no-iam",
        &document_of(&deployer_grants(&targets, Deployer::WithoutRoles)),
    );
    let mut open = agent("one", &[]);
    fixture::take_boundary(&mut open);
    golden(
        "deployer.without-boundary",
        &deployer(&open, Deployer::WithRoles),
    );
    let regions = ["us-west-2", "eu-central-1"].map(|region| Region::parse(region).unwrap());
    let account = AccountId::parse(ACCOUNT).unwrap();
    golden(
        "trust",
        &trust(Partition::Aws, &account, &BTreeSet::from(regions)),
    );
}
