//! The rules: what each layer may use.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, Used};

const PURE: [&str; 9] = [
    "check",
    "config",
    "scaffold",
    "policy",
    "plan",
    "package",
    "protocol",
    "python",
    "resources",
];

/// Layers that combine effects, decisions and output.
const COMBINING: [&str; 3] = ["project", "engine", "commands"];

/// Returns whether it is a crate of the AWS SDK, whose types never leave `effects::aws`.
pub(crate) fn is_sdk(name: &str) -> bool {
    name.starts_with("aws_") || name.starts_with("aws-")
}

/// Returns each violation as a line.
pub(crate) fn violations(sources: &[Source], worldly: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let Some(layer) = source.module.first() else {
            // lib.rs and main.rs connect the layers.
            continue;
        };
        for used in &source.used {
            if !may_use(&source.module, used, worldly) {
                found.push(format!(
                    "{}:{}: `{layer}` uses `{}`",
                    source.path,
                    used.line,
                    used.path.join("::")
                ));
            }
        }
        if !["commands", "options"].contains(&layer.as_str()) {
            for (line, _) in source.words.iter().filter(|(_, word)| word == "dry_run") {
                found.push(format!(
                    "{}:{line}: `{layer}` knows of `dry_run`",
                    source.path
                ));
            }
        }
        if is_within_aws(&source.module) {
            found.extend(leaks(source));
        }
    }
    found
}

fn is_within_aws(module: &[String]) -> bool {
    module.len() > 1 && module[0] == "effects" && module[1] == "aws"
}

fn may_use(module: &[String], used: &Used, worldly: &[&str]) -> bool {
    let layer = module[0].as_str();
    let path: Vec<&str> = used.path.iter().map(String::as_str).collect();
    match path[..] {
        ["crate", other, ..] => other == layer || may_know(layer, other),
        ["crate"] => false,
        [name, ..] if is_sdk(name) => is_within_aws(module),
        ["std", "io", "stdout" | "stderr", ..]
        | [
            "anstyle_query" | "dialoguer" | "indicatif" | "terminal_size",
            ..,
        ] => layer == "ui",
        // Plain values: an address is not a connection, and a given time is not a clock.
        ["std", "net", "IpAddr" | "Ipv4Addr" | "Ipv6Addr", ..] => true,
        ["std", "time", "SystemTime" | "Instant"] if COMBINING.contains(&layer) => true,
        // These only combine effects.
        ["tokio", "join" | "try_join" | "select"] => {
            layer == "effects" || COMBINING.contains(&layer)
        }
        ["std", "fs" | "env" | "process" | "net" | "thread", ..]
        | ["std", "time", "SystemTime" | "Instant", ..] => layer == "effects",
        ["std", "io", "stdin", ..] => ["effects", "ui"].contains(&layer),
        [name, ..] if worldly.contains(&name) => layer == "effects",
        _ => true,
    }
}

fn may_know(layer: &str, other: &str) -> bool {
    match layer {
        "names" => other == "text",
        "error" | "help" | "redaction" | "system" | "text" => false,
        _ if PURE.contains(&layer) => {
            PURE.contains(&other)
                || ["names", "error", "redaction", "system", "text"].contains(&other)
        }
        "effects" => !COMBINING.contains(&other) && !["cli", "options", "ui"].contains(&other),
        // It reads from the environment whether to use color.
        "ui" => ["error", "names", "effects", "help", "redaction"].contains(&other),
        "options" => PURE.contains(&other) || ["names", "error"].contains(&other),
        "project" => !["engine", "commands", "cli"].contains(&other),
        "engine" => !["commands", "cli"].contains(&other),
        "commands" => other != "cli",
        "cli" => true,
        "build" => false,
        _ => panic!("say in tests/layers/law.rs what the layer `{layer}` may use"),
    }
}

/// Finds SDK types in the part of `effects::aws` that other modules can see.
fn leaks(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (line, words) in &source.shown {
        let whole = words
            .iter()
            .position(|word| is_sdk(word))
            .map(|_| words.last());
        let brought = words.iter().find(|word| {
            source
                .brought
                .get(*word)
                .is_some_and(|path| is_sdk(&path[0]))
        });
        if let Some(word) = whole.flatten().or(brought) {
            found.push(format!(
                "{}:{line}: `{word}` of the SDK leaves `effects::aws`",
                source.path
            ));
        }
    }
    found
}

/// Returns the modules that need each other, directly or through others, as lines such as
/// `a -> b -> a in plan`. Compares the children of `parent`; an empty one means the crate.
pub(crate) fn cycles(sources: &[Source], parent: &[String]) -> Vec<String> {
    let child = |path: &[String]| path.strip_prefix(parent)?.first().cloned();
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let Some(from) = child(&source.module) else {
            continue;
        };
        for used in source.used.iter().filter(|used| used.path[0] == "crate") {
            if let Some(to) = child(&used.path[1..]).filter(|to| *to != from) {
                needs.entry(from.clone()).or_default().insert(to);
            }
        }
    }
    // An item of `parent` itself is not a module.
    let modules: BTreeSet<String> = needs.keys().cloned().collect();
    for wanted in needs.values_mut() {
        wanted.retain(|to| modules.contains(to));
    }
    let mut found = BTreeSet::new();
    for start in &modules {
        let mut paths = vec![vec![start.clone()]];
        let mut seen = BTreeSet::new();
        while let Some(path) = paths.pop() {
            for next in needs.get(&path[path.len() - 1]).into_iter().flatten() {
                if next == start && path.iter().all(|module| module >= start) {
                    let cycle = path.join(" -> ");
                    found.insert(format!("{cycle} -> {start} in {}", parent.join("::")));
                } else if seen.insert(next.clone()) {
                    paths.push([&path[..], std::slice::from_ref(next)].concat());
                }
            }
        }
    }
    found.into_iter().collect()
}
