//! Pushes into Debian's docker-registry with basic authentication, and into both emulators.
#![expect(clippy::disallowed_methods, reason = "tests touch the world")]

mod faults;
mod world;

use std::process::Command;

use serde_json::Value;

use self::world::{PASSWORD, Server, USER, image, layer, registry, session};
use super::*;
use crate::{
    effects::aws::store::tests::emulator::{Emulator, Ministack, Moto},
    names::{AgentName, ProjectId, RuntimeName},
    resources::{
        ownership::{Identity, Owner},
        repository::{self, DesiredRepository, RepositoryStep},
    },
};

/// Runs skopeo, and returns what it prints.
fn skopeo(args: &[&str]) -> String {
    let output = Command::new("skopeo")
        .args(args)
        .output()
        .expect("skopeo is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_document_is_listed_with_its_image_where_the_registry_keeps_no_list() {
    let server = Server::start();
    let registry = registry(&server.url(), PASSWORD);
    let image = image(b"the program");
    registry.push(&image, &Sent::default()).await.unwrap();
    // The second time changes nothing.
    for document in [&b"{}"[..], b"{}", b"{ }"] {
        registry
            .attach(&image, ("application/vnd.cyclonedx+json", document))
            .await
            .unwrap();
    }
    let place = server.url().replace("http://", "docker://");
    let credentials = format!("{USER}:{PASSWORD}");
    let raw = |reference: String| -> Value {
        let place = format!("{place}/a/b{reference}");
        let words = ["inspect", "--raw", "--tls-verify=false", "--creds"];
        serde_json::from_str(&skopeo(&[&words[..], &[&credentials, &place]].concat())).unwrap()
    };
    let list = raw(format!(":{}", image.digest().replace(':', "-")));
    let listed = list["manifests"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "{list}");
    let digest = listed[0]["digest"].as_str().unwrap();
    let manifest = raw(format!("@{digest}"));
    assert_eq!(manifest["subject"]["digest"], image.digest());
    assert_eq!(manifest["artifactType"], "application/vnd.cyclonedx+json");
}

#[tokio::test]
async fn another_tool_reads_what_was_pushed_and_nothing_is_pushed_twice() {
    let server = Server::start();
    let (registry, sent) = (registry(&server.url(), PASSWORD), Sent::default());
    let first = image(b"the first program");
    let whole = registry.missing(&first).await.unwrap();
    assert_eq!(whole, first.size());
    let pushed = registry.push(&first, &sent).await.unwrap();
    assert_eq!(pushed.bytes, whole - first.manifest.size());
    assert_eq!(sent.bytes(), pushed.bytes);
    assert_eq!(registry.missing(&first).await, Ok(0));
    let again = registry.push(&first, &sent).await.unwrap();
    assert_eq!((again.bytes, sent.bytes()), (0, pushed.bytes));

    // A change of the program sends the program alone.
    let second = image(b"the second program");
    let pushed = registry.push(&second, &Sent::default()).await.unwrap();
    let program = second.layers.last().unwrap().size();
    assert_eq!(pushed.bytes, program + second.config.size());

    let place = server.url().replace("http://", "docker://") + "/a/b";
    let credentials = format!("{USER}:{PASSWORD}");
    for image in [&first, &second] {
        let by_tag = format!("{place}:{}", image.tag());
        let about = skopeo(&[
            "inspect",
            "--tls-verify=false",
            "--creds",
            &credentials,
            &by_tag,
        ]);
        let about: Value = serde_json::from_str(&about).unwrap();
        assert_eq!(about["Digest"], image.digest());
        assert_eq!(about["Architecture"], "arm64");
        // It recomputes the digest of everything that it copies.
        let folder = tempfile::tempdir().unwrap();
        let copy = format!("oci:{}", folder.path().display());
        skopeo(&[
            "copy",
            "--src-tls-verify=false",
            "--src-creds",
            &credentials,
            &by_tag,
            &copy,
        ]);
        for blob in image.blobs() {
            let path = blob.digest.replace(':', "/");
            let copied = std::fs::read(folder.path().join("blobs").join(path)).unwrap();
            assert_eq!(copied[..], blob.bytes[..]);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_missing_access() {
    let server = Server::start();
    let registry = registry(&server.url(), "wrong");
    let error = registry
        .push(&image(b"x"), &Sent::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NoCredentials);
    assert_eq!(Failure::from(error).exit, crate::error::Exit::Access);
}

fn desired() -> DesiredRepository {
    let project = ProjectId::parse("p-7k2qpx").unwrap();
    DesiredRepository {
        name: repository::name(&project, &RuntimeName::parse("one").unwrap()),
        identity: Identity {
            project,
            owner: Owner::Agent(AgentName::parse("one").unwrap()),
            stage: None,
        },
        tags: [("team".to_owned(), "research".to_owned())].into(),
    }
}

async fn steps(ecr: &Ecr, desired: &DesiredRepository) -> Vec<RepositoryStep> {
    let observed = ecr.repository(&desired.name).await.unwrap();
    repository::plan(desired, observed.as_ref()).unwrap()
}

/// The second emulator has no registry, so its images arrive through ECR's own operations.
#[tokio::test]
async fn both_emulators_keep_a_repository_and_its_images() {
    for (emulator, way) in [
        (Ministack::start(), Way::Protocol),
        (Moto::start(), Way::Parts),
    ] {
        keeps_a_repository(&emulator, way).await;
    }
}

async fn keeps_a_repository(emulator: &Emulator, way: Way) {
    let session = session(&emulator.url()).await;
    let (ecr, desired) = (Ecr::new(&session), desired());
    let lacks = Registry::open(&session, &desired.name).await.unwrap();
    assert_eq!(lacks.way, way);
    let image = image(b"program");
    assert_eq!(lacks.missing(&image).await.unwrap(), image.size());

    let made = steps(&ecr, &desired).await;
    assert_eq!(made.len(), 2);
    for step in &made {
        ecr.change(step).await.unwrap();
    }
    assert_eq!(steps(&ecr, &desired).await, []);
    // What someone changes is restored.
    let withdrawn = DesiredRepository {
        tags: [].into(),
        ..desired.clone()
    };
    for step in steps(&ecr, &withdrawn).await {
        ecr.change(&step).await.unwrap();
    }
    for step in steps(&ecr, &desired).await {
        ecr.change(&step).await.unwrap();
    }
    assert_eq!(steps(&ecr, &desired).await, []);

    let registry = Registry::open(&session, &desired.name).await.unwrap();
    let pushed = registry.push(&image, &Sent::default()).await.unwrap();
    assert!(pushed.bytes > 0);
    assert_eq!(registry.missing(&image).await, Ok(0));
    let stored = ecr.images(&desired.name).await.unwrap();
    let digests: Vec<&str> = stored.iter().map(|image| image.digest.as_str()).collect();
    assert_eq!(digests, [image.digest()]);
    let own = ecr.observe_own(&desired.name).await.unwrap().unwrap();
    assert_eq!(own.content.digests, [image.digest()]);
    assert_eq!(own.tags["team"], "research");
    ecr.delete_images(&desired.name, &own.content.digests)
        .await
        .unwrap();
    ecr.delete(&desired.name).await.unwrap();
    assert_eq!(ecr.repository(&desired.name).await, Ok(None));
}

/// A layer that is cut again and again is sent in ECR's own parts.
#[tokio::test]
async fn a_layer_that_is_always_cut_arrives_in_parts() {
    let emulator = Ministack::start();
    let refusing = world::proxy(
        emulator.port(),
        |_| None,
        |request, answer| {
            if request.method() == "PUT" && request.uri().path().contains("/blobs/uploads/") {
                answer.torn()
            } else {
                answer
            }
        },
    );
    let session = session(&refusing.url()).await;
    let (ecr, desired) = (Ecr::new(&session), desired());
    for step in steps(&ecr, &desired).await {
        ecr.change(&step).await.unwrap();
    }
    let registry = Registry::open(&session, &desired.name).await.unwrap();
    let (image, sent) = (layer(3 << 20), Sent::default());
    registry.push(&image, &sent).await.unwrap();
    assert_eq!(registry.missing(&image).await, Ok(0));
}
