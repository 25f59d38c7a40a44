use super::*;
use crate::config::{Agent, Artifact, Config, Language, Manifest, Stage, load};

const ROOT: &str = "/real/fake/Cargo.toml";

fn package(name: &str, bins: &[&str], default_run: Option<&str>) -> CargoPackage {
    CargoPackage {
        name: name.to_owned(),
        manifest: ROOT.into(),
        bins: bins.iter().map(|bin| (*bin).to_owned()).collect(),
        default_run: default_run.map(str::to_owned),
    }
}

fn of(package: CargoPackage, table: &str) -> Result<Config, Vec<(String, String)>> {
    let mut manifest = Manifest::new(ROOT, format!("[package.metadata.agentcore]\n{table}\n"));
    manifest.packages = vec![package];
    problems_of(&[manifest])
}

fn problems_of(manifests: &[Manifest]) -> Result<Config, Vec<(String, String)>> {
    load(manifests, &Stage::None).map_err(|failure| {
        let told = failure.messages.into_iter().map(|message| {
            let marked = message.at.map_or_else(String::new, |at| {
                let text = manifests.iter().find(|m| m.path == at.file).unwrap();
                text.text[at.span].to_owned()
            });
            (message.what, marked)
        });
        told.collect()
    })
}

fn only(config: &Config) -> Agent {
    let [agent] = &config.agents[..] else {
        panic!("one agent: {:?}", config.agents)
    };
    agent.clone()
}

#[test]
fn a_table_in_a_package_with_a_binary_declares_the_package_as_an_agent() {
    let config = of(
        package("my-agent", &["my-agent"], None),
        "project = \"p-1\"",
    )
    .unwrap();
    let notes: Vec<&String> = config.notes.values().collect();
    let [note] = &notes[..] else {
        panic!("one note: {notes:?}")
    };
    assert!(note.contains("the agent `my-agent` is called `my_agent`"));
    assert!(config.warnings.is_empty());
    let agent = only(&config);
    assert_eq!(agent.name.as_str(), "my_agent");
    assert_eq!(agent.artifact, Artifact::Image);
    assert_eq!(agent.deployment, None);
    assert_eq!(agent.source_dir(), Path::new("/real/fake"));
    let rust = agent.rust().unwrap();
    assert_eq!((&*rust.package, &*rust.bin), ("my-agent", "my-agent"));
    assert_eq!(rust.target.triple(), "aarch64-unknown-linux-musl");
}

#[test]
fn the_table_of_a_package_takes_the_keys_of_an_agent_and_of_its_build() {
    let table = "project = \"p-1\"\nmodels = [\"us.x.y\"]\nprotocol = \"mcp\"\nartifact = \"image\"\n\
                 build = { features = [\"otel\"], profile = \"small\", target = \"aarch64-unknown-linux-gnu\", env = { A = \"1\" } }";
    let agent = only(&of(package("a", &["a"], None), table).unwrap());
    assert_eq!(agent.models.len(), 1);
    let rust = agent.rust().unwrap();
    assert_eq!(rust.features, ["otel"]);
    assert_eq!(rust.profile.as_deref(), Some("small"));
    assert_eq!(rust.target, Target::Gnu);
    assert_eq!(rust.env["A"], "1");
}

#[test]
fn the_binary_is_the_one_that_cargo_would_run_or_that_has_the_agents_name() {
    let bin = |bins: &[&str], default: Option<&str>, table: &str| {
        let table = format!("project = \"p-1\"\n{table}");
        of(package("my-agent", bins, default), &table)
            .map(|config| only(&config).rust().unwrap().bin.clone())
    };
    assert_eq!(bin(&["serve"], None, "").unwrap(), "serve");
    assert_eq!(bin(&["a", "b"], Some("b"), "").unwrap(), "b");
    assert_eq!(bin(&["a", "my-agent"], None, "").unwrap(), "my-agent");
    let named = "build = { bin = \"a\" }";
    assert_eq!(bin(&["a", "b"], Some("b"), named).unwrap(), "a");
    let unclear = bin(&["a", "b"], None, "").unwrap_err();
    assert_eq!(
        unclear[0].0,
        "it is not clear which binary of `my-agent` is the agent `my_agent`"
    );
    let wrong = bin(&["serve"], None, "build = { bin = \"server\" }").unwrap_err();
    assert_eq!(
        wrong,
        [(
            "the package `my-agent` has no binary `server`".to_owned(),
            "\"server\"".to_owned()
        )]
    );
}

#[test]
fn keys_of_python_agents_are_refused_one_by_one() {
    let table = "project = \"p-1\"\nsource = \"x\"\ndeployment = \"d\"\nentrypoint = \"a.py\"\n\
                 requirements = \"r.txt\"\nruntime = \"python3.13\"\nlanguage = \"rust\"";
    let found = of(package("a", &["a"], None), table).unwrap_err();
    let keys: Vec<&str> = found.iter().map(|(_, key)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "source",
            "deployment",
            "entrypoint",
            "requirements",
            "runtime"
        ]
    );
    assert_eq!(
        found[0].0,
        "`source` is only for Python agents, and `a` is written in Rust"
    );
    for artifact in ["image", "zip", "dockerfile"] {
        let table = format!("project = \"p-1\"\nartifact = \"{artifact}\"");
        let read = of(package("a", &["a"], None), &table);
        assert!(read.is_ok(), "{artifact}");
    }
}

#[test]
fn a_key_of_a_python_agent_does_not_make_a_package_one() {
    let of = |keys: &str| {
        of(
            package("a", &["a"], None),
            &format!("project = \"p-1\"\n{keys}"),
        )
    };
    let refused = of("entrypoint = \"a.py\"").unwrap_err();
    assert_eq!(
        refused,
        [(
            "`entrypoint` is only for Python agents, and `a` is written in Rust".to_owned(),
            "entrypoint".to_owned()
        )]
    );
    let agent = only(&of("language = \"python\"\nentrypoint = \"a.py\"").unwrap());
    assert_eq!(agent.language, Language::Python);
}

#[test]
fn a_rust_agent_has_a_managed_runtime_only_in_an_archive() {
    let of = |keys: &str| {
        of(
            package("a", &["a"], None),
            &format!("project = \"p-1\"\n{keys}"),
        )
    };
    let agent = only(&of("artifact = \"zip\"\nruntime = \"python3.14\"").unwrap());
    assert!(agent.rust().is_some() && !agent.has_image());
    assert_eq!(agent.runtime, crate::config::Runtime::Python314);
    assert_eq!(agent.entrypoint, "main.py");
    assert_eq!(agent.deployment, None);
    let refused = of("language = \"rust\"\nruntime = \"python3.13\"").unwrap_err();
    assert_eq!(refused[0].1, "runtime");
    let refused = of("artifact = \"zip\"\nentrypoint = \"a.py\"\nlanguage = \"rust\"").unwrap_err();
    assert_eq!(refused[0].1, "entrypoint");
    let old = of("artifact = \"zip\"\nruntime = \"python3.10\"").unwrap();
    assert_eq!(old.refused.len(), 1);
}

#[test]
fn agents_with_keys_of_python_or_without_a_binary_stay_python() {
    let table = "project = \"p-1\"\n[package.metadata.agentcore.agents.a]\nsource = \"a\"";
    let agent = only(&of(package("p", &["p"], None), table).unwrap());
    assert_eq!(agent.language, Language::Python);
    let table = "project = \"p-1\"\n[package.metadata.agentcore.agents.a]\n";
    let agent = only(&of(package("p", &[], None), table).unwrap());
    assert_eq!(agent.language, Language::Python);
    let agent = only(&of(package("p", &["p"], None), table).unwrap());
    assert_eq!(agent.rust().unwrap().bin, "p");
    let table = format!("{table}language = \"python\"\nbuild = {{}}");
    let found = of(package("p", &["p"], None), &table).unwrap_err();
    assert_eq!(found[0].0, "`build` is only for Rust agents");
}

#[test]
fn an_agent_of_the_workspace_names_its_package_unless_it_is_clear() {
    let in_workspace = |agent: &str, packages: &[&str], keys: &str| {
        let text = format!(
            "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.{agent}]\nlanguage = \"rust\"\n{keys}"
        );
        let mut root = Manifest::new(ROOT, text);
        root.packages = packages
            .iter()
            .map(|name| package(name, &[name], None))
            .collect();
        problems_of(&[root]).map(|config| only(&config).rust().unwrap().package.clone())
    };
    assert_eq!(in_workspace("a", &["x"], "").unwrap(), "x");
    assert_eq!(in_workspace("a_b", &["x", "a-b"], "").unwrap(), "a-b");
    let named = "build = { package = \"x\" }";
    assert_eq!(in_workspace("a", &["x", "y"], named).unwrap(), "x");
    let unclear = in_workspace("a", &["x", "y"], "").unwrap_err();
    assert_eq!(
        unclear[0].0,
        "it is not clear which package is the agent `a`"
    );
    let none = in_workspace("a", &["x"], "build = { package = \"xx\" }").unwrap_err();
    assert_eq!(none[0].0, "there is no package `xx` in the workspace");
}

#[test]
fn keys_are_inherited_from_the_workspace_if_it_has_them() {
    let loaded = |shared: &str, own: &str| {
        let root = Manifest::new(ROOT, format!("[workspace.metadata.agentcore]\n{shared}\n"));
        let path = "/real/fake/a/Cargo.toml";
        let member = Manifest::new(path, format!("[package.metadata.agentcore]\n{own}\n"));
        let mut root = root;
        root.packages = vec![CargoPackage {
            manifest: path.into(),
            ..package("a", &["a"], None)
        }];
        problems_of(&[root, member])
    };
    let agent = only(
        &loaded(
            "project = \"p-1\"\nregion = \"eu-west-1\"",
            "project.workspace = true\nregion = { workspace = true }",
        )
        .unwrap(),
    );
    assert_eq!(agent.region.unwrap().as_str(), "eu-west-1");
    assert_eq!(agent.project.as_str(), "p-1");
    let found = loaded("project = \"p-1\"", "region.workspace = true").unwrap_err();
    assert_eq!(
        found,
        [(
            "`region` is inherited, but `[workspace.metadata.agentcore]` has no `region`"
                .to_owned(),
            "region".to_owned()
        )]
    );
}

#[test]
fn a_package_name_that_no_agent_can_have_is_refused() {
    let long = "a".repeat(60);
    let found = of(package(&long, &["a"], None), "project = \"p-1\"").unwrap_err();
    assert!(found[0].0.contains("agent name"), "{found:?}");
}
