//! What every agent on this machine sees of its surroundings.

use std::{ffi::OsString, path::Path};

use crate::effects::{
    env,
    local::{ACCESS_KEY_ID, SECRET_ACCESS_KEY},
};

/// Nothing of the user's but where programs are and which language is spoken. `address` is where AWS is
/// reached.
pub(in crate::effects) fn base(
    home: &Path,
    dependencies: Option<&Path>,
    address: &str,
) -> Vec<(OsString, OsString)> {
    let mut list: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: OsString| list.push((name.into(), value));
    for name in ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "WINDIR"] {
        if let Some(value) = env::var(name) {
            set(name, value.into());
        }
    }
    set("HOME", home.into());
    set("TMPDIR", home.into());
    set("PYTHONUTF8", "1".into());
    if let Some(dependencies) = dependencies {
        set("PYTHONPATH", dependencies.into());
    }
    // The SDK listens on every interface only where it believes to be in a container.
    set("DOCKER_CONTAINER", "1".into());
    set("AWS_ENDPOINT_URL", address.into());
    set("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.into());
    set("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.into());
    set("AWS_EC2_METADATA_DISABLED", "true".into());
    // Nobody collects traces here.
    set("OTEL_SDK_DISABLED", "true".into());
    list
}
