use std::path::PathBuf;

use proptest::prelude::*;

use super::{
    Compiled::{NoInterpreter, Unwanted, Yes},
    *,
};

const MEBIBYTE: u64 = 1024 * 1024;

fn project() -> ProjectId {
    ProjectId::parse("my-agent-7k2qpx").unwrap()
}

fn runtime() -> RuntimeName {
    RuntimeName::parse("my_agent").unwrap()
}

fn archive(dependencies: u64, rest: u64) -> Archive {
    Archive {
        path: PathBuf::from("/real/fake/deployment.zip"),
        size: dependencies + rest,
        id: "a".repeat(64),
        source: "5".repeat(64),
        bytecode: Yes,
        dependencies: Dependencies {
            size: dependencies,
            sha256: "b".repeat(64),
            md5: [0; 16],
        },
        rest_md5: [0; 16],
    }
}

fn found(size: u64) -> Found {
    Found {
        size,
        etag: "e".into(),
    }
}

#[test]
fn keys_name_the_runtime_and_32_digits() {
    let archive = archive(6 * MEBIBYTE, 1);
    assert_eq!(
        archive_key(&runtime(), &archive),
        format!("my_agent/{}{}c.zip", "5".repeat(16), "a".repeat(15))
    );
    assert_eq!(
        dependencies_key(&runtime(), &archive.dependencies),
        format!("my_agent/dependencies-{}.zip", "b".repeat(32))
    );
}

#[test]
fn an_archive_of_the_same_files_stays_unless_it_lacks_what_is_wanted() {
    let with = |id: &str, source: &str, bytecode| Archive {
        id: id.repeat(64),
        source: source.repeat(64),
        bytecode,
        ..archive(1, 1)
    };
    for (deployed, here, stays_deployed) in [
        (Yes, Yes, true),
        (Yes, NoInterpreter, true),
        (Yes, Unwanted, false),
        (NoInterpreter, Yes, false),
        (NoInterpreter, NoInterpreter, true),
        (Unwanted, Unwanted, true),
        (NoInterpreter, Unwanted, true),
    ] {
        let key = archive_key(&runtime(), &with("a", "5", deployed));
        let here = with("b", "5", here);
        assert_eq!(stays(&key, &runtime(), &here), stays_deployed, "{key}");
        assert!(!stays(&key, &runtime(), &with("a", "6", here.bytecode)));
    }
    let other = RuntimeName::parse("my_agent_prod").unwrap();
    let key = archive_key(&other, &archive(1, 1));
    assert!(!stays(&key, &runtime(), &archive(1, 1)));
    assert!(!stays("my_agent/55.zip", &runtime(), &archive(1, 1)));
}

#[test]
fn a_bucket_is_made_once_finished_when_half_made_and_left_alone_when_not_ours() {
    let steps = |observed| steps_to_ensure("b", &project(), &BTreeMap::new(), &observed);
    let there = |tags: BTreeMap<String, String>, empty| ObservedBucket::There {
        tags,
        empty,
        settings: WHOLE,
    };
    let made = steps(ObservedBucket::Absent).unwrap();
    assert_eq!(made.first(), Some(&BucketStep::Create));
    assert_eq!(made.last(), Some(&BucketStep::Tag(tags(&project()))));
    // Running the steps again does nothing.
    assert_eq!(steps(there(tags(&project()), false)), Ok(Vec::new()));
    assert_eq!(
        steps(there(BTreeMap::new(), true)).unwrap(),
        made[1..].to_vec()
    );
    assert_eq!(
        steps(there(BTreeMap::new(), false)),
        Err(Foreign::Unmarked("b".into()))
    );
    let other = tags(&ProjectId::parse("other-123456").unwrap());
    assert_eq!(
        steps(there(other, true)),
        Err(Foreign::Others {
            bucket: "b".into(),
            whose: "project `other-123456`".into()
        })
    );
}

const WHOLE: Settings = Settings {
    private: true,
    encrypted: true,
    drops_unfinished_uploads: true,
    demands_tls: true,
};

#[test]
fn what_was_taken_off_our_bucket_is_put_back_and_what_others_set_stays() {
    let with = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let mut there = tags(&project());
    there.extend(with("theirs", "1"));
    let steps = |declared: &BTreeMap<String, String>, settings| {
        let observed = ObservedBucket::There {
            tags: there.clone(),
            empty: false,
            settings,
        };
        steps_to_ensure("b", &project(), declared, &observed).unwrap()
    };
    let none = BTreeMap::new();
    assert_eq!(steps(&none, WHOLE), []);
    let bare = Settings {
        private: false,
        encrypted: false,
        drops_unfinished_uploads: false,
        demands_tls: false,
    };
    assert_eq!(
        steps(&none, bare),
        [
            BucketStep::BlockPublicAccess,
            BucketStep::Encrypt,
            BucketStep::DropUnfinishedUploads,
            BucketStep::DemandTls
        ]
    );
    let mut wanted = there.clone();
    wanted.extend(with("team", "x"));
    assert_eq!(steps(&with("team", "x"), WHOLE), [BucketStep::Tag(wanted)]);
}

#[test]
fn a_policy_refuses_what_comes_without_tls_and_keeps_what_others_wrote() {
    let with = |there: Option<&Value>| policy_with_tls(Partition::AwsUsGov, "b", there);
    let new = with(None).unwrap();
    assert_eq!(
        new,
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "CargoAgentcoreTlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": ["arn:aws-us-gov:s3:::b", "arn:aws-us-gov:s3:::b/*"],
                "Condition": { "Bool": { "aws:SecureTransport": "false" } },
            }],
        })
    );
    assert_eq!(with(Some(&new)), None);
    let mut as_s3_gives_it = new.clone();
    as_s3_gives_it["Statement"][0]["Principal"] = json!({ "AWS": "*" });
    as_s3_gives_it["Statement"][0]["Action"] = json!(["s3:*"]);
    assert_eq!(with(Some(&as_s3_gives_it)), None);

    // A single foreign statement and an older version.
    let theirs = json!({ "Sid": "Theirs", "Effect": "Allow", "Principal": { "AWS": "1" }, "Action": "s3:GetObject", "Resource": "*" });
    let there = json!({ "Version": "2008-10-17", "Id": "p", "Statement": theirs });
    let merged = with(Some(&there)).unwrap();
    assert_eq!(merged["Version"], "2008-10-17");
    assert_eq!(merged["Id"], "p");
    assert_eq!(merged["Statement"], json!([theirs, new["Statement"][0]]));
    assert_eq!(with(Some(&merged)), None);

    // This tool's statement was weakened: it is replaced.
    let mut weak = merged.clone();
    weak["Statement"][1]["Effect"] = json!("Allow");
    assert_eq!(with(Some(&weak)), Some(merged));
}

#[test]
fn tags_that_an_organisation_gave_a_new_bucket_stay() {
    let theirs = BTreeMap::from([("cost-centre".to_owned(), "7".to_owned())]);
    let observed = ObservedBucket::There {
        tags: theirs,
        empty: true,
        settings: WHOLE,
    };
    let steps = steps_to_ensure("b", &project(), &BTreeMap::new(), &observed).unwrap();
    let Some(BucketStep::Tag(tagged)) = steps.last() else {
        panic!("{steps:?}");
    };
    assert_eq!(tagged.get("cost-centre").map(String::as_str), Some("7"));
    assert_eq!(ownership(&project(), tagged), Ownership::Ours);
}

#[test]
fn only_what_is_lacking_is_sent() {
    let large = archive(6 * MEBIBYTE, 100);
    let none = Held::default();
    let held = |archive, dependencies| Held {
        archive,
        dependencies,
    };
    let of = |archive, held: Held| {
        let upload = Upload::of(archive, &held);
        (upload, upload.bytes(archive))
    };
    let all = large.size;
    assert_eq!(of(&large, none.clone()), (Upload::DependenciesAndRest, all));
    assert_eq!(
        of(&large, held(Some(found(all)), None)),
        (Upload::Nothing, 0)
    );
    let there = Some(found(6 * MEBIBYTE));
    assert_eq!(of(&large, held(None, there.clone())), (Upload::Rest, 100));
    // An object of the wrong size counts as missing.
    assert_eq!(of(&large, held(Some(found(7)), there)), (Upload::Rest, 100));
    assert_eq!(
        of(&large, held(None, Some(found(7)))),
        (Upload::DependenciesAndRest, all)
    );
    let small = archive(LEAST_PART - 1, 100);
    assert_eq!(of(&small, none), (Upload::Whole, small.size));
}

#[test]
fn etags_are_those_of_s3() {
    let md5 = |text: &str| -> [u8; 16] { Md5::digest(text).into() };
    assert_eq!(etag(&md5("a")), "0cc175b9c0f1b6a831c399e269772661");
    assert_eq!(
        etag_of_parts(&[md5("a"), md5("b")]),
        "96e024ba2074fe77e8e965ba43a704be-2"
    );
}

proptest! {
    #[test]
    fn parts_are_the_range_in_order_and_none_is_larger_than_a_part(
        start in 0..100 * MEBIBYTE,
        length in 0..100 * MEBIBYTE,
    ) {
        let parts = parts(&(start..start + length));
        let mut at = start;
        for part in &parts {
            prop_assert_eq!(part.start, at);
            prop_assert!(part.end > part.start && part.end - part.start <= PART);
            at = part.end;
        }
        prop_assert_eq!(at, start + length);
        // S3 requires all parts but the last to be large.
        for part in parts.iter().rev().skip(1) {
            prop_assert_eq!(part.end - part.start, PART);
        }
    }

    #[test]
    fn what_is_needed_newest_fresh_or_not_ours_is_never_pruned(
        objects in prop::collection::vec((0_u8..12, 0_u8..3, 0_i64..400_000, any::<bool>()), 0..20),
    ) {
        let stored: Vec<Stored> = objects
            .iter()
            .map(|(digit, kind, modified, _)| Stored {
                key: match kind {
                    0 => format!("my_agent/{digit:032x}.zip"),
                    1 => format!("my_agent/dependencies-{digit:032x}.zip"),
                    _ => format!("my_agent/note-{digit}.txt"),
                },
                modified: *modified,
                versions: vec!["null".into()],
            })
            .collect();
        let needed: BTreeSet<String> = stored
            .iter()
            .zip(&objects)
            .filter(|(_, (.., needed))| *needed)
            .map(|(object, _)| object.key.clone())
            .collect();
        let now = 400_000;
        let pruned = prunable(&runtime(), &stored, &needed, now);
        let grace = i64::try_from(GRACE.as_secs()).unwrap();
        for object in &pruned {
            prop_assert!(!needed.contains(&object.key));
            prop_assert!(now - object.modified > grace);
            prop_assert!(!object.key.contains("note-"));
            let is_dependencies = object.key.contains("dependencies-");
            let is_superseded = stored.iter().any(|other| {
                !other.key.contains("note-")
                    && other.key.contains("dependencies-") == is_dependencies
                    && other.modified > object.modified
            });
            prop_assert!(is_superseded);
        }
        // All other old objects are deleted, so that the bucket does not grow forever.
        for object in &stored {
            let newer = stored.iter().any(|other| {
                kind_of(&runtime(), &other.key) == kind_of(&runtime(), &object.key)
                    && other.modified > object.modified
            });
            let goes = !object.key.contains("note-")
                && newer
                && now - object.modified > grace
                && !needed.contains(&object.key);
            prop_assert_eq!(goes, pruned.contains(&object));
        }
    }
}

#[test]
fn another_runtimes_objects_are_not_pruned() {
    let key = |prefix: &str, digit: char| Stored {
        key: format!("{prefix}/{}.zip", digit.to_string().repeat(32)),
        modified: if digit == 'a' { 0 } else { 1_000_000 },
        versions: Vec::new(),
    };
    let stored = [
        key("my_agent", 'a'),
        key("my_agent", 'b'),
        key("my_agent_prod", 'a'),
        key("my_agent_prod", 'b'),
    ];
    let pruned = prunable(&runtime(), &stored, &BTreeSet::new(), 2_000_000);
    assert_eq!(pruned, [&stored[0]]);
}
