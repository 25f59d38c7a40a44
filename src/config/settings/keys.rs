//! The keys for members of the service's document of a runtime.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use toml::{Spanned, de::DeValue};

use super::{
    ALLOWED_PORTS, CAPACITY_PROVIDER, FILE_SYSTEMS, MEMORY, PATH, PORT, Settings, WARM_UP_PATH,
    WARM_UP_PORT, escape,
};
use crate::config::read::{Problems, Table};

/// The ports that an agent may listen on, except [`RESERVED_PORT`].
const PORTS: RangeInclusive<u32> = 8000..=12_000;
const RESERVED_PORT: u32 = 8443;

/// Reads the keys for tables, agents and stages.
pub(in crate::config) fn of_layer(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Settings {
    let mut settings = escape::read(table, problems);
    if let Some(systems) = file_systems(table, problems) {
        settings.set(FILE_SYSTEMS, systems);
    }
    if let Some(mebibytes) = table.integer("minimum-memory", 1..=1_048_576, problems) {
        settings.set(MEMORY, json!([{ "minimumMemoryInMiB": mebibytes }]));
    }
    if let Some(arn) = table.parsed("capacity-provider", problems, capacity_provider) {
        settings.set(CAPACITY_PROVIDER, arn.into());
    }
    settings
}

/// Reads the keys for agents only.
pub(in crate::config) fn of_agent(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Settings {
    let mut settings = Settings::default();
    if let Some(mut server) = table.table("server", problems) {
        if let Some(port) = port(&mut server, problems) {
            settings.set(PORT, port.into());
        }
        if let Some(path) = server.parsed("path", problems, server_path) {
            settings.set(PATH, path.into());
        }
        server.finish(problems);
    }
    if let Some(mut hook) = table.table("warm-up", problems) {
        if !hook.is_meant("path") {
            problems.at(
                hook.span.clone(),
                "`warm-up` needs `path`",
                "such as `warm-up = { path = \"/warm-up\" }`",
            );
        }
        if let Some(path) = hook.parsed("path", problems, warm_up_path) {
            settings.set(WARM_UP_PATH, path.into());
        }
        if let Some(port) = port(&mut hook, problems) {
            settings.set(WARM_UP_PORT, port.into());
        }
        hook.finish(problems);
    }
    if let Some(ports) = allowed_ports(table, problems) {
        settings.set(ALLOWED_PORTS, ports);
    }
    settings
}

fn port(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<u32> {
    let port = table.integer("port", PORTS, problems)?;
    if port == RESERVED_PORT {
        problems.at(
            table.key_span("port"),
            format!("the port {RESERVED_PORT} is reserved by the service"),
            "",
        );
        return None;
    }
    Some(port)
}

fn server_path(text: &str) -> Result<String, String> {
    path(text, 2048, b"-._~/%")
}

fn warm_up_path(text: &str) -> Result<String, String> {
    path(text, 32, b"-._~/")
}

fn path(text: &str, longest: usize, others: &[u8]) -> Result<String, String> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || others.contains(&c);
    if text.starts_with('/') && text.len() <= longest && text.bytes().all(legal) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "invalid path `{text}`: expected `/`, then letters, digits and `{}`, at most {longest} characters in all",
            String::from_utf8_lossy(others)
        ))
    }
}

fn capacity_provider(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields[..] {
        ["arn", _, "bedrock-agentcore", _, _, resource]
            if resource.starts_with("capacity-provider/") =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!(
            "invalid capacity provider ARN `{text}`: expected `arn:aws:bedrock-agentcore:REGION:ACCOUNT:capacity-provider/ID`"
        )),
    }
}

/// Reads single ports as numbers and ranges as text: `[8090, "9000-9010"]`.
fn allowed_ports(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<Value> {
    let items = table.items("allowed-ports", problems)?;
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for item in items {
        let Some((from, to)) = range(item.get_ref()) else {
            problems.at(
                item.span(),
                "an item of `allowed-ports` must be a port from 8000 to 12000, or a range such as \"9000-9010\"",
                format!("the port {RESERVED_PORT} is reserved by the service"),
            );
            continue;
        };
        if ranges
            .iter()
            .any(|(start, end)| from <= *end && *start <= to)
        {
            problems.at(
                item.span(),
                "the items of `allowed-ports` must not overlap",
                "",
            );
        }
        ranges.push((from, to));
    }
    if ranges.len() > 5 {
        problems.at(
            table.key_span("allowed-ports"),
            "`allowed-ports` has more than 5 items",
            "",
        );
    }
    let shown = ranges.iter().map(|(from, to)| {
        if from == to {
            json!({ "port": from })
        } else {
            json!({ "portRange": { "from": from, "to": to } })
        }
    });
    (!ranges.is_empty()).then(|| shown.collect())
}

fn range(item: &DeValue<'_>) -> Option<(u32, u32)> {
    let (from, to) = match item {
        DeValue::Integer(digits) => {
            let port = u32::from_str_radix(digits.as_str(), digits.radix()).ok()?;
            (port, port)
        }
        DeValue::String(text) => {
            let (from, to) = text.split_once('-')?;
            (from.trim().parse().ok()?, to.trim().parse().ok()?)
        }
        _ => return None,
    };
    let is_legal = PORTS.contains(&from)
        && PORTS.contains(&to)
        && from <= to
        && !(from..=to).contains(&RESERVED_PORT);
    is_legal.then_some((from, to))
}

/// A kind of file system: its key, its member in the document, and the member for the key's value.
struct Kind {
    key: &'static str,
    member: &'static str,
    source: &'static str,
    check: fn(&str) -> bool,
    wanted: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        key: "efs",
        member: "efsAccessPoint",
        source: "accessPointArn",
        check: |text| is_access_point(text, "elasticfilesystem", "access-point/fsap-"),
        wanted: "the ARN of an EFS access point: `arn:aws:elasticfilesystem:REGION:ACCOUNT:access-point/fsap-ID`",
    },
    Kind {
        key: "s3-files",
        member: "s3FilesAccessPoint",
        source: "accessPointArn",
        check: |text| is_access_point(text, "s3files", "file-system/fs-"),
        wanted: "the ARN of an S3 Files access point: `arn:aws:s3files:REGION:ACCOUNT:file-system/fs-ID/access-point/fsap-ID`",
    },
    Kind {
        key: "s3-bucket",
        member: "s3BucketMount",
        source: "bucket",
        check: |text| {
            (3..=63).contains(&text.len())
                && text
                    .bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-".contains(&c))
        },
        wanted: "the name of a bucket, not its ARN",
    },
    Kind {
        key: "volume",
        member: "capacityProviderVolume",
        source: "volumeName",
        check: |text| {
            (1..=48).contains(&text.len())
                && text
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c))
        },
        wanted: "the name of a volume of the capacity provider",
    },
];

fn is_access_point(text: &str, service: &str, resource: &str) -> bool {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields[..] {
        ["arn", _, found, _, _, path] => {
            found == service && path.starts_with(resource) && path.contains("fsap-")
        }
        _ => false,
    }
}

fn file_systems(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<Value> {
    let items = table.items("file-systems", problems)?;
    let mut systems: Vec<(Spanned<()>, Map<String, Value>)> = Vec::new();
    for item in items {
        let Some(inner) = Table::of_item("file-systems", item, problems) else {
            continue;
        };
        if let Some(system) = file_system(inner, problems) {
            systems.push((Spanned::new(item.span(), ()), system));
        }
    }
    if systems.len() > 5 {
        problems.at(
            table.key_span("file-systems"),
            "`file-systems` has more than 5 items",
            "",
        );
    }
    let mut mounts: Vec<String> = Vec::new();
    for (place, system) in &systems {
        let mount = system
            .values()
            .find_map(|system| system["mountPath"].as_str());
        let mount = mount.unwrap_or_default().trim_end_matches('/').to_owned();
        if mounts.contains(&mount) {
            problems.at(
                place.span(),
                format!("`{mount}` is the mount path of two file systems"),
                "",
            );
        }
        mounts.push(mount);
    }
    let systems: Vec<Value> = systems
        .into_iter()
        .map(|(_, system)| Value::Object(system))
        .collect();
    (!systems.is_empty()).then_some(Value::Array(systems))
}

fn file_system(mut table: Table<'_>, problems: &mut Problems<'_>) -> Option<Map<String, Value>> {
    let session = table.parsed("session-storage", problems, mount_path);
    let sources: Vec<Option<String>> = KINDS
        .iter()
        .map(|kind| {
            table.parsed(kind.key, problems, |text| {
                if (kind.check)(text) {
                    Ok(text.to_owned())
                } else {
                    Err(format!("invalid value `{text}`: expected {}", kind.wanted))
                }
            })
        })
        .collect();
    let mount = table.parsed("mount", problems, mount_path);
    let prefix = table.parsed("prefix", problems, not_empty);
    let keys = ["session-storage", "efs", "s3-files", "s3-bucket", "volume"];
    let given: Vec<&str> = keys.into_iter().filter(|key| table.is_meant(key)).collect();
    let (has_mount, has_prefix) = (table.is_meant("mount"), table.is_meant("prefix"));
    let span = table.span.clone();
    table.finish(problems);
    let fits = match given[..] {
        ["session-storage"] => !has_mount && !has_prefix,
        ["s3-bucket"] => has_mount,
        [_] => has_mount && !has_prefix,
        _ => false,
    };
    if !fits {
        problems.at(
            span,
            "a file system is `{ session-storage = \"/mnt/NAME\" }`, or one of `efs`, `s3-files`, `s3-bucket` and `volume` with `mount = \"/mnt/NAME\"`",
            "only `s3-bucket` may have a `prefix`",
        );
        return None;
    }
    if let Some(path) = session {
        return Some(one("sessionStorage", json!({ "mountPath": path })));
    }
    let (kind, source) = KINDS
        .iter()
        .zip(sources)
        .find_map(|(kind, source)| Some((kind, source?)))?;
    let mut system = json!({ kind.source: source, "mountPath": mount? });
    if let Some(prefix) = prefix {
        system["prefix"] = prefix.into();
    }
    Some(one(kind.member, system))
}

fn one(member: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(member.to_owned(), value)])
}

fn mount_path(text: &str) -> Result<String, String> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    let name = text.strip_prefix("/mnt/").unwrap_or_default();
    let name = name.strip_suffix('/').unwrap_or(name);
    if !name.is_empty() && text.len() <= 200 && name.bytes().all(legal) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "invalid mount path `{text}`: expected `/mnt/`, then one name of letters, digits and `._-`"
        ))
    }
}

fn not_empty(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        Err("`prefix` must not be empty")
    } else {
        Ok(text.to_owned())
    }
}
