//! What AWS CodeBuild runs: a script with the words of the build, and the buildspec that calls it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::config::Dockerfile;

/// The names in the archive of the sources.
pub(crate) const SOURCES: &str = "sources.tar";
pub(crate) const SCRIPT: &str = "build.sh";

/// The variables of a build.
pub(crate) const REGISTRY: &str = "AGENTCORE_REGISTRY";
pub(crate) const IMAGE: &str = "AGENTCORE_IMAGE";
/// The digest of what is built.
pub(crate) const FROM: &str = "AGENTCORE_SOURCES";

/// Returns what a build does, as JSON, which is YAML too.
pub(crate) fn buildspec() -> String {
    let build = [
        format!("tar -xf {SOURCES}"),
        format!("sh {SCRIPT}"),
        format!("docker push --quiet \"${IMAGE}\""),
    ];
    let login = format!(
        "aws ecr get-login-password | docker login --username AWS --password-stdin \"${REGISTRY}\""
    );
    json!({
        "version": 0.2,
        "phases": {
            "pre_build": { "on-failure": "ABORT", "commands": [login] },
            "build": { "on-failure": "ABORT", "commands": build },
        },
    })
    .to_string()
}

/// Returns the script that builds the image, from the words in the metadata.
pub(crate) fn script(
    settings: &Dockerfile,
    labels: &[(String, String)],
    (dockerfile, context): (&str, &str),
) -> String {
    let Dockerfile {
        path: _,
        context: _,
        target,
        args,
    } = settings;
    let mut words = vec![format!("--file={dockerfile}")];
    words.extend(target.iter().map(|target| format!("--target={target}")));
    words.extend(
        args.iter()
            .map(|(name, value)| format!("--build-arg={name}={value}")),
    );
    words.extend(
        labels
            .iter()
            .map(|(name, value)| format!("--label={name}={value}")),
    );
    words.push(context.to_owned());
    let mut script = String::from("set -eu\n");
    // The image alone, without an index of attestations.
    script.push_str("export BUILDX_NO_DEFAULT_ATTESTATIONS=1\n");
    let _ = write!(
        script,
        "docker build --platform=linux/arm64 --progress=plain --tag=\"${IMAGE}\""
    );
    for word in words {
        let _ = write!(script, " \\\n  {}", quoted(&word));
    }
    let _ = write!(
        script,
        "\nmade=$(docker image inspect --format '{{{{.Os}}}}/{{{{.Architecture}}}}' \"${IMAGE}\")\n\
         [ \"$made\" = linux/arm64 ] || {{ echo \"the image is for $made, and AgentCore runs linux/arm64\" >&2; exit 1; }}\n"
    );
    script
}

/// Returns a word that the shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns the variables of a build.
pub(crate) fn variables(registry: &str, image: &str, sources: &str) -> Value {
    let variable =
        |name: &str, value: &str| json!({ "name": name, "value": value, "type": "PLAINTEXT" });
    json!([
        variable(REGISTRY, registry),
        variable(IMAGE, image),
        variable(FROM, sources),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_takes_every_word_as_it_is_written() {
        let mut settings = Dockerfile {
            target: Some("run".to_owned()),
            ..Dockerfile::default()
        };
        let value = "it's $HOME `id` \"x\"\n\\";
        settings.args.insert("A".to_owned(), value.to_owned());
        let labels = [("l".to_owned(), "v".to_owned())];
        let script = script(&settings, &labels, ("Dockerfile", "context"));
        assert!(
            script.contains("--build-arg=A=it'\\''s $HOME `id` \"x\"\n\\'"),
            "{script}"
        );
        assert!(script.contains("'--target=run'"), "{script}");
        assert!(script.contains("{{.Os}}/{{.Architecture}}"), "{script}");
        assert!(script.contains("|| { echo"), "{script}");
    }

    #[test]
    fn the_buildspec_pushes_only_what_was_built() {
        let spec: Value = serde_json::from_str(&buildspec()).expect("it is JSON");
        let build = spec["phases"]["build"]["commands"]
            .as_array()
            .expect("a list");
        assert_eq!(build.len(), 3);
        assert!(build[2].as_str().is_some_and(|push| push.contains("push")));
        // CodeBuild runs this phase after a failed build too.
        assert!(spec["phases"]["post_build"].is_null());
    }
}
