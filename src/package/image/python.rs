//! The image of a Python agent: a base image, the agent's dependencies, and its own files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    EPOCH, Image, Run, StoredLayer, config,
    entry::{AGENT_ID, Entry},
    layer::Layer,
};
use crate::{
    config::{Agent, Runtime},
    names::{image_reference::ImageReference, ours::PROJECT},
    package::installer::minor_version,
    protocol::contract::Contract,
};

/// The folder of dependencies and own files, as in an archive.
pub(crate) const ROOT: &str = "/app";
/// The home of the agent's user, unless the base image has a user of its own.
const HOME: &str = "/home/nonroot";
/// The label with the version of Python of an image that only runs in the local AgentCore.
pub(crate) const PYTHON: &str = "cargo-agentcore:python";

/// The image that another one starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// Its configuration, as it is stored.
    settings: Map<String, Value>,
    layers: Vec<StoredLayer>,
}

/// A layer of dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageLayer {
    pub(crate) stored: StoredLayer,
    pub(crate) diff_id: String,
}

/// What is put on a base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) packages: Vec<PackageLayer>,
    pub(crate) own: Layer,
    /// What starts the agent: the entry point, with what instruments it before.
    pub(crate) entry_point: Vec<String>,
}

/// Returns the image that an agent's image starts from unless its table names another.
pub(crate) fn default_base(runtime: Runtime) -> ImageReference {
    let text = format!(
        "public.ecr.aws/docker/library/python:{}-slim",
        minor_version(runtime)
    );
    ImageReference::parse(&text).expect("it is a reference")
}

impl Base {
    /// Reads a base image with this number of layers, which are given later.
    ///
    /// # Errors
    ///
    /// Fails with a text if the service cannot run it, or its parts do not fit together.
    pub(crate) fn read(config: &[u8], layers: usize) -> Result<Self, String> {
        let settings: Map<String, Value> = serde_json::from_slice(config)
            .map_err(|error| format!("its configuration is not a JSON object: {error}"))?;
        let word = |name: &str| {
            settings
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (system, processor) = (word("os"), word("architecture"));
        if (system, processor) != ("linux", "arm64") {
            return Err(format!(
                "it is for {system}/{processor}, and AgentCore runs linux/arm64"
            ));
        }
        let base = Self {
            settings,
            layers: Vec::new(),
        };
        if base.diff_ids().len() != layers {
            return Err("its configuration describes other layers than its manifest".to_owned());
        }
        Ok(base)
    }

    /// Returns the base image with its layers, the lowest first.
    pub(crate) fn with(self, layers: Vec<StoredLayer>) -> Self {
        Self { layers, ..self }
    }

    /// Returns the size of the layers in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// Returns the minor version of Python that the image says it has, such as `3.13`.
    pub(crate) fn python(&self) -> Option<String> {
        let version = self.variables().remove("PYTHON_VERSION")?;
        let mut parts = version.split('.');
        Some(format!("{}.{}", parts.next()?, parts.next()?))
    }

    /// Returns true if the image says that it was made from Alpine Linux, whose C library is musl.
    pub(crate) fn is_alpine(&self) -> bool {
        let history = self.settings.get("history").and_then(Value::as_array);
        let mut made_by = history
            .into_iter()
            .flatten()
            .filter_map(|step| step["created_by"].as_str());
        made_by.any(|words| words.contains("alpine-minirootfs"))
    }

    fn diff_ids(&self) -> Vec<Value> {
        let ids = self.settings.get("rootfs").map(|root| &root["diff_ids"]);
        ids.and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Returns how the image runs.
    fn run(&self) -> Map<String, Value> {
        let run = self.settings.get("config").and_then(Value::as_object);
        run.cloned().unwrap_or_default()
    }

    fn words(&self, name: &str) -> Vec<String> {
        let run = self.run();
        let words = run.get(name).and_then(Value::as_array);
        let words = words.map_or(&[][..], Vec::as_slice).iter();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let words = self.words("Env").into_iter();
        words
            .filter_map(|word| {
                let (name, value) = word.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// Returns what starts Python, and what the image starts before it, such as an init process.
    fn interpreter(&self) -> (Vec<String>, String) {
        let is_python = |word: &String| {
            let name = word.rsplit('/').next().unwrap_or_default();
            name.starts_with("python")
        };
        let mut before = self.words("Entrypoint");
        if let Some(python) = before.pop_if(|word| is_python(word)) {
            return (before, python);
        }
        let python = self.words("Cmd").into_iter().next().filter(is_python);
        (before, python.unwrap_or_else(|| "python3".to_owned()))
    }

    /// Returns the history with an entry for every layer.
    fn history(&self) -> Vec<Value> {
        let history = self.settings.get("history").and_then(Value::as_array);
        let mut history = history.cloned().unwrap_or_default();
        let is_layer = |entry: &&Value| entry["empty_layer"] != true;
        if history.iter().filter(is_layer).count() != self.layers.len() {
            let of_base = json!({ "created": EPOCH, "created_by": "the base image" });
            history = vec![of_base; self.layers.len()];
        }
        history
    }
}

/// Makes the agent's image on a base image, which keeps its variables, labels and user. A base image
/// whose user is root gets a user without rights.
pub(crate) fn image(agent: &Agent, base: &Base, contents: Contents) -> Image {
    let Contents {
        packages,
        own,
        entry_point,
    } = contents;
    let (before, python) = base.interpreter();
    let mut run = base.run();
    let user = run.get("User").and_then(Value::as_str).unwrap_or_default();
    let is_root = ["", "0", "root"].contains(&user.split(':').next().unwrap_or_default());
    let mut variables = base.variables();
    variables.extend(variables_of(&variables, is_root));
    let mut labels = labels(agent);
    if let Some(theirs) = run.get("Labels").and_then(Value::as_object) {
        for (name, value) in theirs {
            let text = value.as_str().unwrap_or_default();
            labels.entry(name.clone()).or_insert(text.to_owned());
        }
    }
    if is_root {
        run.insert("User".to_owned(), format!("{AGENT_ID}:{AGENT_ID}").into());
    }
    let variables: Vec<String> = variables
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let port = Contract::of_agent(agent).port;
    run.insert("Env".to_owned(), json!(variables));
    run.insert("Labels".to_owned(), json!(labels));
    run.insert("WorkingDir".to_owned(), ROOT.into());
    run.insert(
        "ExposedPorts".to_owned(),
        json!({ format!("{port}/tcp"): {} }),
    );
    let command = command(before, &python, &entry_point);
    run.insert("Entrypoint".to_owned(), json!(command));
    for name in ["Cmd", "Healthcheck", "OnBuild", "Volumes"] {
        run.remove(name);
    }
    let mut diff_ids = base.diff_ids();
    let mut history = base.history();
    let above = packages.iter().map(|layer| (&layer.diff_id, PACKAGES));
    for (diff_id, made_by) in above.chain([(&own.diff_id, own.made_by.as_str())]) {
        diff_ids.push(json!(diff_id));
        history.push(json!({ "created": EPOCH, "created_by": made_by }));
    }
    let config = json!({
        "created": EPOCH,
        "architecture": "arm64",
        "os": "linux",
        "config": run,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    });
    let packages = packages.into_iter().map(|layer| layer.stored);
    let stored = base.layers.iter().cloned().chain(packages).collect();
    Image::of(&config, stored, vec![own.blob])
}

/// Makes the image for the local AgentCore, which runs it with this machine's own Python: it has no
/// base image.
pub(crate) fn local_image(agent: &Agent, contents: Contents) -> Image {
    let Contents {
        packages,
        own,
        entry_point,
    } = contents;
    let mut labels = labels(agent);
    labels.insert(PYTHON.to_owned(), minor_version(agent.runtime).to_owned());
    let run = Run {
        architecture: "arm64".to_owned(),
        system: "linux",
        user: format!("{AGENT_ID}:{AGENT_ID}"),
        directory: ROOT,
        entrypoint: entry_point,
        environment: Vec::new(),
        port: Contract::of_agent(agent).port,
        labels,
    };
    let mut config = config(&run, &[]);
    let ids = packages.iter().map(|layer| &layer.diff_id);
    config["rootfs"]["diff_ids"] = ids.chain([&own.diff_id]).map(|id| json!(id)).collect();
    let made_by = packages.iter().map(|_| PACKAGES).chain([&*own.made_by]);
    config["history"] = made_by
        .map(|made_by| json!({ "created": EPOCH, "created_by": made_by }))
        .collect();
    let stored = packages.into_iter().map(|layer| layer.stored).collect();
    Image::of(&config, stored, vec![own.blob])
}

/// What the history says about the layers.
const PACKAGES: &str = "the agent's dependencies";
const OWN: &str = "the agent";

/// Makes the layer of the agent's own files, by their paths in an archive.
pub(crate) fn own_layer(files: Vec<Entry>) -> std::io::Result<Layer> {
    let folders = folders(
        files.iter().map(|file| file.path.as_str()),
        &BTreeSet::new(),
    );
    let home = HOME.trim_start_matches('/');
    let mut entries: Vec<Entry> = folders
        .into_iter()
        .map(|folder| Entry::folder(folder, 0o755))
        .collect();
    entries.push(Entry::folder(home, 0o700).owned_by(super::entry::Owner::Agent));
    entries.extend(files);
    Layer::of(entries, OWN)
}

/// Returns a path of an archive as a path of the image.
pub(crate) fn placed(path: &str) -> String {
    format!("{}/{path}", ROOT.trim_start_matches('/'))
}

/// Returns the folders of these files that are not in `known`, each before what is in it.
pub(crate) fn folders<'a>(
    files: impl Iterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> BTreeSet<String> {
    files
        .flat_map(|file| {
            file.match_indices('/')
                .map(|(cut, _)| file[..cut].to_owned())
        })
        .filter(|folder| !known.contains(folder))
        .collect()
}

fn variables_of(there: &BTreeMap<String, String>, is_root: bool) -> BTreeMap<String, String> {
    let path = match there.get("PYTHONPATH").filter(|path| !path.is_empty()) {
        Some(path) => format!("{ROOT}:{path}"),
        None => ROOT.to_owned(),
    };
    let mut variables = BTreeMap::from([
        // The AgentCore SDK listens on all addresses only where it knows that it is in a container.
        ("DOCKER_CONTAINER".to_owned(), "1".to_owned()),
        ("PYTHONPATH".to_owned(), path),
        ("PYTHONUNBUFFERED".to_owned(), "1".to_owned()),
    ]);
    if is_root {
        variables.insert("HOME".to_owned(), HOME.to_owned());
    }
    variables
}

pub(crate) fn labels(agent: &Agent) -> BTreeMap<String, String> {
    BTreeMap::from([
        (
            "org.opencontainers.image.title".to_owned(),
            agent.name.to_string(),
        ),
        (PROJECT.to_owned(), agent.project.to_string()),
    ])
}

/// Returns the whole command. A script of the dependencies is started by Python, because its first
/// line names the Python of another machine, and it starts Python itself.
fn command(before: Vec<String>, python: &str, entry_point: &[String]) -> Vec<String> {
    let mut command = before;
    let Some((file, scripts)) = entry_point.split_last() else {
        return command;
    };
    for script in scripts {
        command.extend([python.to_owned(), format!("{ROOT}/bin/{script}")]);
    }
    command.extend([python.to_owned(), format!("{ROOT}/{file}")]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(run: &Value) -> Base {
        let config = json!({ "os": "linux", "architecture": "arm64", "config": run });
        Base::read(config.to_string().as_bytes(), 0).unwrap()
    }

    #[test]
    fn the_base_image_says_how_python_is_started() {
        let command = |run: Value, entry: &[&str]| {
            let (before, python) = base(&run).interpreter();
            let entry: Vec<String> = entry.iter().map(|word| (*word).to_owned()).collect();
            command(before, &python, &entry).join(" ")
        };
        let plain = &["invoke.py"][..];
        assert_eq!(command(json!({}), plain), "python3 /app/invoke.py");
        assert_eq!(
            command(json!({ "Cmd": ["python3.13"] }), plain),
            "python3.13 /app/invoke.py"
        );
        assert_eq!(
            command(
                json!({ "Entrypoint": ["/tini", "--"], "Cmd": ["sh"] }),
                plain
            ),
            "/tini -- python3 /app/invoke.py"
        );
        assert_eq!(
            command(
                json!({ "Entrypoint": ["/usr/bin/python3.13"] }),
                &["opentelemetry-instrument", "invoke.py"]
            ),
            "/usr/bin/python3.13 /app/bin/opentelemetry-instrument /usr/bin/python3.13 /app/invoke.py"
        );
    }

    #[test]
    fn an_image_for_another_machine_is_no_base() {
        let read = |text: &str| Base::read(text.as_bytes(), 0).unwrap_err();
        assert!(read(r#"{"os":"linux","architecture":"amd64"}"#).contains("linux/amd64"));
        let layers = r#"{"os":"linux","architecture":"arm64","rootfs":{"diff_ids":["a"]}}"#;
        assert!(read(layers).contains("other layers"));
        assert!(read("[]").contains("not a JSON object"));
    }

    #[test]
    fn alpine_is_recognized_by_how_it_was_made() {
        let of = |words: &str| {
            let text = json!({
                "os": "linux", "architecture": "arm64",
                "history": [{ "comment": "x" }, { "created_by": words }],
            });
            let base = Base::read(text.to_string().as_bytes(), 0).unwrap();
            base.is_alpine()
        };
        assert!(of(
            "ADD alpine-minirootfs-3.22.1-aarch64.tar.gz / # buildkit"
        ));
        assert!(!of("RUN apk add git"));
    }

    #[test]
    fn the_version_of_python_is_read_from_the_variables() {
        let of = |variable: &str| base(&json!({ "Env": [variable] })).python();
        assert_eq!(of("PYTHON_VERSION=3.13.2").as_deref(), Some("3.13"));
        assert_eq!(of("OTHER=3.13.2"), None);
    }
}
