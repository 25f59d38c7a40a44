use std::path::Path;

use super::*;
use crate::{
    config::{Access, Allowed, CargoPackage, Manifest, Permission, QueueAccess, Stage, load},
    names::{AgentName, ProjectId, Region, RuntimeName},
    system::filename,
};

fn context(template: &Template) -> Context {
    let region = Region::parse("us-west-2").unwrap();
    Context {
        project: ProjectId::parse("my-agent-7k2qpx").unwrap(),
        title: "my \"odd\" <agent> & {{co}}".into(),
        agent: AgentName::parse("my_agent").unwrap(),
        package: "my_agent".into(),
        model: template.needs_model.then(|| default_model(Some(&region))),
        region: Some(region),
        permissions: template.permissions.to_vec(),
        language: Language::English,
        manifest: None,
        is_apart: false,
    }
}

fn echo() -> &'static Template {
    find("echo").unwrap()
}

fn text(files: &Files, path: &str) -> String {
    String::from_utf8(files[&PathBuf::from(path)].clone()).unwrap()
}

#[test]
fn every_template_renders_with_the_files_that_a_project_has() {
    for template in catalogue() {
        let files = render(template, &context(template)).unwrap();
        let shared = ["Cargo.toml", "README.md", "AGENTS.md", ".gitignore"];
        let own = match template.code {
            Code::Python => &[
                "pyproject.toml",
                "tests/__init__.py",
                "deployment/invoke.py",
                "deployment/invoke_async.py",
                "deployment/requirements.txt",
                "my_agent/__init__.py",
            ][..],
            Code::Rust => &["src/main.rs", "src/contract.rs", "src/contract/tests.rs"],
        };
        for wanted in shared.iter().chain(own) {
            assert!(
                files.contains_key(&PathBuf::from(wanted)),
                "{} has no {wanted}",
                template.name
            );
        }
        let paths: Vec<&str> = files.keys().filter_map(|path| path.to_str()).collect();
        let none: [String; 0] = [];
        assert_eq!(filename::portability(paths), none, "{}", template.name);
        for (path, content) in &files {
            let shown = path.display().to_string();
            assert!(
                !shown.contains("hbs") && !shown.contains("__package__"),
                "{shown}"
            );
            assert!(
                content.ends_with(b"\n"),
                "{shown} does not end with a line's end"
            );
        }
    }
}

#[test]
fn the_readme_is_in_the_language_that_is_asked_for() {
    for template in catalogue() {
        for (language, japanese, links) in [
            (Language::English, [Some(false), None], false),
            (Language::Japanese, [Some(true), None], false),
            (Language::Both, [Some(false), Some(true)], true),
        ] {
            let wanted = Context {
                language,
                ..context(template)
            };
            let files = render(template, &wanted).unwrap();
            for (name, japanese) in ["README.md", "README_ja.md"].into_iter().zip(japanese) {
                let readme = files.get(Path::new(name)).map(|_| text(&files, name));
                let is_japanese = readme.as_ref().map(|readme| readme.contains("動かす"));
                assert_eq!(is_japanese, japanese, "{name} {language:?}");
                if let Some(readme) = readme {
                    assert_eq!(readme.contains("](README"), links, "{name} {language:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_filled_in_is_neither_escaped_nor_rendered_again() {
    let files = render(echo(), &context(echo())).unwrap();
    assert!(text(&files, "README.md").starts_with("# my \"odd\" <agent> & {{co}}\n"));
}

#[test]
fn the_metadata_is_read_again_as_it_was_meant() {
    for template in catalogue() {
        let wanted = context(template);
        let files = render(template, &wanted).unwrap();
        let mut manifest = Manifest::new("/real/fake/Cargo.toml", text(&files, "Cargo.toml"));
        if template.code == Code::Rust {
            manifest.packages.push(CargoPackage {
                name: "my_agent".into(),
                manifest: manifest.path.clone(),
                bins: vec!["my_agent".into()],
                default_run: None,
            });
        }
        let config = load(&[manifest], &Stage::None).unwrap();
        let [agent] = &config.agents[..] else {
            panic!("one agent")
        };
        assert_eq!(agent.project, wanted.project);
        assert_eq!(agent.protocol, template.protocol);
        assert_eq!(agent.permissions, wanted.permissions);
        assert_eq!(agent.models, wanted.model.into_iter().collect::<Vec<_>>());
        assert_eq!(agent.region, wanted.region);
        assert!(config.warnings.is_empty());
    }
}

#[test]
fn every_permission_is_written_so_that_it_is_read_again() {
    let mut wanted = context(echo());
    wanted.permissions = vec![
        Permission::CodeInterpreter(Some("ci-1".into())),
        Permission::Browser(None),
        Permission::Browser(Some("b-1".into())),
        Permission::Memory("m-1".into()),
        Permission::Gateway("g-1".into()),
        Permission::Guardrail("gr1".into()),
        Permission::S3 {
            arn: "arn:aws:s3:::bucket/x/*".into(),
            access: Access::ReadWrite,
        },
        Permission::Secret("arn:aws:secretsmanager:us-west-2:123456789012:secret:n-AbCdEf".into()),
        Permission::WorkloadIdentity,
        Permission::ApiKey("k".into()),
        Permission::OAuth("o".into()),
        Permission::Agent(RuntimeName::parse("other").unwrap()),
        Permission::Marketplace,
        Permission::InferenceProfile("a1b2c3d4e5f6".into()),
        Permission::KnowledgeBase("KB12345678".into()),
        Permission::DynamoDb {
            table: "orders".into(),
            access: Access::ReadWrite,
        },
        Permission::SsmParameter("/app/*".into()),
        Permission::SqsQueue {
            queue: "jobs.fifo".into(),
            access: QueueAccess::SendReceive,
        },
        Permission::SnsTopic("arn:aws:sns:us-west-2:123456789012:news".into()),
        Permission::LambdaFunction("resize:$LATEST".into()),
        Permission::Allow(Allowed {
            actions: vec![
                "athena:GetQueryResults".into(),
                "athena:StartQueryExecution".into(),
            ],
            on: vec!["*".into()],
            reason: Some("its \"work groups\" change".into()),
        }),
    ];
    let manifest = Manifest::new("/real/fake/Cargo.toml", wanted.tables());
    let config = load(&[manifest], &Stage::None).unwrap();
    assert_eq!(config.agents[0].permissions, wanted.permissions);
}

#[test]
fn without_a_region_no_key_is_written() {
    let without = Context {
        region: None,
        ..context(echo())
    };
    let files = render(echo(), &without).unwrap();
    assert!(!text(&files, "Cargo.toml").contains("region"));
}

/// Strict mode lets `{{#if typo}}` pass as false, so this test checks the variables.
#[test]
fn templates_use_only_words_that_the_context_has() {
    let values = context(echo()).values(echo());
    let values = serde_json::to_value(values).unwrap();
    let mut folders = vec![&TEMPLATES];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        // The templates of `init` have their own variables and test.
        folders.extend(folder.dirs().filter(|dir| !dir.path().starts_with("_init")));
        for file in folder
            .files()
            .filter(|file| file.path().extension().is_some_and(|e| e == "hbs"))
        {
            for part in file.contents_utf8().unwrap().split("{{").skip(1) {
                let word = part
                    .split("}}")
                    .next()
                    .unwrap()
                    .trim_start_matches(['#', '/']);
                let word = word.trim_start_matches("if").trim();
                let pointer = format!("/{}", word.replace('.', "/"));
                assert!(
                    word.is_empty() || values.pointer(&pointer).is_some(),
                    "{word} in {}",
                    file.path().display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 20);
}

#[test]
fn an_unknown_template_is_answered_with_those_that_there_are() {
    assert_eq!(
        find("strand").unwrap_err(),
        "no template is named `strand`; the templates are `strands`, `cost-estimator`, `echo`, `rust`, `rust-mcp`, `rust-a2a`; did you mean `strands`?"
    );
}
