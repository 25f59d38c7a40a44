//! The environment of every agent on this machine.

use std::{ffi::OsString, path::Path};

use crate::{
    effects::{
        aws::emulated::{ACCESS_KEY_ID, SECRET_ACCESS_KEY},
        env,
    },
    system::System,
};

/// Returns the variables of a Python agent. Modules are found in `root`, where the archive is
/// unpacked, and in its dependencies, which are in the same place in AWS. `address` replaces AWS.
pub(in crate::effects) fn base(
    home: &Path,
    root: &Path,
    dependencies: Option<&Path>,
    address: &str,
) -> Vec<(OsString, OsString)> {
    let mut list = of_binary(home, address);
    list.push(("PYTHONUTF8".into(), "1".into()));
    list.push(("PYTHONPATH".into(), module_path(root, dependencies)));
    // The SDK listens on every interface only if it believes that it runs in a container.
    list.push(("DOCKER_CONTAINER".into(), "1".into()));
    list
}

/// Returns the variables of an agent that is a binary. From the user's environment, only the program
/// path and the language are passed on. `address` replaces AWS.
pub(in crate::effects) fn of_binary(home: &Path, address: &str) -> Vec<(OsString, OsString)> {
    let mut list: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: OsString| list.push((name.into(), value));
    for name in ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "WINDIR"] {
        if let Some(value) = env::var(name) {
            set(name, value.into());
        }
    }
    for name in ["HOME", "TMPDIR"] {
        set(name, home.into());
    }
    if System::HERE.is_windows() {
        for name in ["USERPROFILE", "TEMP", "TMP"] {
            set(name, home.into());
        }
        for name in ["PATHEXT", "COMSPEC"] {
            if let Some(value) = env::var(name) {
                set(name, value.into());
            }
        }
    }
    set("AWS_ENDPOINT_URL", address.into());
    set("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.into());
    set("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.into());
    set("AWS_EC2_METADATA_DISABLED", "true".into());
    // Traces are not collected locally.
    set("OTEL_SDK_DISABLED", "true".into());
    list
}

/// Returns the value of `PYTHONPATH`.
pub(in crate::effects) fn module_path(root: &Path, dependencies: Option<&Path>) -> OsString {
    let folders = [root].into_iter().chain(dependencies);
    // A folder whose name contains the separator cannot be listed.
    std::env::join_paths(folders)
        .unwrap_or_else(|_| dependencies.unwrap_or(root).as_os_str().to_owned())
}
