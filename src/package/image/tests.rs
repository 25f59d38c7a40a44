use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _},
};

use flate2::read::GzDecoder;
use proptest::prelude::*;
use serde_json::Value;

use super::{
    Image, Run, digest,
    entry::{Content, Entry, Owner},
    layer::Layer,
    layout,
    stored::{Manifest, Settings},
};

pub(super) fn run() -> Run {
    Run {
        architecture: "arm64".to_owned(),
        system: "linux",
        user: "65532:65532".to_owned(),
        directory: "/home/nonroot",
        entrypoint: vec!["/my_agent".to_owned()],
        environment: vec![("A".to_owned(), "b=c".to_owned())],
        port: 8080,
        labels: BTreeMap::from([("l".to_owned(), "m".to_owned())]),
    }
}

fn unpacked(layer: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(layer).read_to_end(&mut bytes).unwrap();
    bytes
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let path = prop::collection::vec("[a-z]{1,40}", 1..5).prop_map(|parts| parts.join("/"));
    let content = prop::collection::vec(any::<u8>(), 0..2000);
    let mode = prop::sample::select(vec![0o644, 0o755, 0o1777]);
    let entry = (path, mode, content, any::<bool>()).prop_map(|(path, mode, content, ours)| {
        let entry = Entry::file(path, mode, content);
        entry.owned_by(if ours { Owner::Agent } else { Owner::Root })
    });
    prop::collection::btree_map("[a-z]{1,8}", entry, 0..12)
        .prop_map(|entries| entries.into_values().collect())
}

proptest! {
    #[test]
    fn the_same_files_in_any_order_give_the_same_bytes(
        entries in entries().prop_shuffle(),
        seed: u64,
    ) {
        let mut paths = std::collections::BTreeSet::new();
        let entries: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| paths.insert(entry.path.clone()))
            .collect();
        let mut shuffled = entries.clone();
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut shuffled);
        let image = |entries| {
            let layer = Layer::of(entries, "files").unwrap();
            Image::assemble(&run(), vec![layer])
        };
        let (first, second) = (image(entries.clone()), image(shuffled));
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(layout::files(&first), layout::files(&second));

        // What went in comes out, with nothing of this machine in it.
        let bytes = unpacked(&first.layers[0].bytes);
        let mut archive = tar::Archive::new(Cursor::new(bytes));
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            prop_assert_eq!(header.mtime().unwrap(), 0);
            prop_assert_eq!(header.username().unwrap().unwrap_or_default(), "");
            let owner = if header.uid().unwrap() == 0 { Owner::Root } else { Owner::Agent };
            prop_assert_eq!(header.uid().unwrap(), header.gid().unwrap());
            let mode = header.mode().unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push(Entry::file(path, mode, content).owned_by(owner));
        }
        let mut sorted = entries;
        sorted.sort();
        prop_assert_eq!(found, sorted);
    }
}

#[test]
fn every_address_is_the_digest_of_what_it_names() {
    let base = super::base::layer().unwrap();
    let program = Layer::of(
        vec![Entry::file("my_agent", 0o755, *b"program")],
        "the agent",
    );
    let program = program.unwrap();
    for layer in [&base, &program] {
        assert_eq!(layer.diff_id, digest(&unpacked(&layer.blob.bytes)));
        // No name, no time and no system in the header of gzip.
        assert_eq!(&layer.blob.bytes[..10], [31, 139, 8, 0, 0, 0, 0, 0, 0, 255]);
    }
    let image = Image::assemble(&run(), vec![base, program]);
    let manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    let config: Value = serde_json::from_slice(&image.config.bytes).unwrap();
    for (descriptor, blob) in [&manifest["layers"][0], &manifest["layers"][1]]
        .into_iter()
        .zip(&image.layers)
        .chain([(&manifest["config"], &image.config)])
    {
        assert_eq!(descriptor["digest"], blob.digest);
        assert_eq!(descriptor["size"], blob.size());
        assert_eq!(blob.digest, digest(&blob.bytes));
    }
    assert_eq!(
        config["history"].as_array().unwrap().len(),
        config["rootfs"]["diff_ids"].as_array().unwrap().len(),
    );
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(config["config"]["User"], "65532:65532");
    assert!(config["config"]["ExposedPorts"]["8080/tcp"].is_object());
    assert_eq!(manifest["manifests"], Value::Null, "it is no index");

    let read = Manifest::parse(&image.manifest.bytes).unwrap();
    assert_eq!(read.config.digest, image.config.digest);
    assert_eq!(read.layers.len(), 2);
    let settings = Settings::parse(&image.config.bytes).unwrap();
    assert_eq!(settings.command, ["/my_agent"]);
    assert_eq!(settings.environment, [("A".to_owned(), "b=c".to_owned())]);
}

#[test]
fn the_base_has_what_a_static_program_looks_for() {
    let base = super::base::layer().unwrap();
    let bytes = unpacked(&base.blob.bytes);
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mode = entry.header().mode().unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        found.insert(path, (mode, content));
    }
    assert_eq!(found["tmp/"].0, 0o1777);
    assert!(found["etc/passwd"].1.contains("nonroot:x:65532:65532:"));
    let authorities = &found["etc/ssl/certs/ca-certificates.crt"].1;
    assert!(authorities.matches("BEGIN CERTIFICATE").count() > 100);
    assert!(authorities.lines().all(|line| line.len() <= 64));
}

/// The base and the layout of bytes must not change by accident: every agent would be deployed
/// again.
#[test]
fn a_known_image_keeps_its_digest() {
    let program = Layer::of(
        vec![Entry::file("my_agent", 0o755, *b"program")],
        "the agent",
    );
    let image = Image::assemble(&run(), vec![program.unwrap()]);
    assert_eq!(
        image.digest(),
        "sha256:39bbce51df242269fbd7e481df9f8c108dc9fb0087214a0de672d4c43509ef2a"
    );
}

#[test]
fn an_image_beyond_the_limit_is_named_with_its_size() {
    assert_eq!(super::exceeded(2_000_000_000), None);
    let message = super::exceeded(2_000_000_001).unwrap();
    assert_eq!(
        message.what,
        "the image has 2000.0 MB, but the service accepts 2000.0 MB"
    );
}

#[test]
fn what_cannot_run_is_refused_in_words() {
    let said = |text: &str| Manifest::parse(text.as_bytes()).unwrap_err();
    assert!(said("{").starts_with("the image's manifest is not JSON"));
    assert!(said(r#"{"manifests": []}"#).contains("index"));
    assert!(said(r#"{"config": {"digest": "sha256:../x"}}"#).contains("invalid digest"));
    let zstd = r#"{"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd"}]}"#;
    assert!(said(zstd).contains("tar+zstd"));
    assert!(
        Settings::parse(b"{}")
            .unwrap_err()
            .contains("which program")
    );
}

#[test]
fn a_folder_ends_with_a_slash_in_the_archive() {
    let layer = Layer::of(vec![Entry::folder("a", 0o755)], "").unwrap();
    let mut archive = tar::Archive::new(Cursor::new(unpacked(&layer.blob.bytes)));
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(&*entry.path_bytes(), b"a/");
    assert_eq!(Entry::folder("a", 0o755).content, Content::Folder);
}
