//! The file systems that the service mounts for an agent, and this machine does not.

use serde_json::{Map, Value};

/// Returns the paths in a runtime's list of file systems, whatever their kinds.
pub fn paths(file_systems: &Value) -> Vec<String> {
    let list = file_systems.as_array().into_iter().flatten();
    let kinds = list.filter_map(Value::as_object).flat_map(Map::values);
    let paths = kinds.filter_map(|kind| kind["mountPath"].as_str());
    paths.map(str::to_owned).collect()
}

/// Returns what a user of the agent on this machine should know, if anything is mounted in AWS.
pub fn note(paths: &[String]) -> Option<String> {
    let names: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    let what = match &names[..] {
        [] => return None,
        [one] => format!("the file system at {one} is"),
        several => format!("the file systems at {} are", several.join(", ")),
    };
    Some(format!("{what} not mounted on this machine"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_file_system_is_noted_with_its_path() {
        let file_systems = json!([
            { "sessionStorage": { "mountPath": "/mnt/work" } },
            { "efsAccessPoint": { "accessPointArn": "arn", "mountPath": "/mnt/shared" } },
            { "of_another_kind": {} },
        ]);
        let both = paths(&file_systems);
        assert_eq!(both, ["/mnt/work", "/mnt/shared"]);
        assert_eq!(
            note(&both).as_deref(),
            Some("the file systems at `/mnt/work`, `/mnt/shared` are not mounted on this machine")
        );
        assert_eq!(
            note(&both[..1]).as_deref(),
            Some("the file system at `/mnt/work` is not mounted on this machine")
        );
        assert_eq!(note(&paths(&Value::Null)), None);
    }
}
