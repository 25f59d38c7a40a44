//! Checks the names of files and directories.

use std::{ffi::OsStr, path::Path};

/// Directories with credentials of programs, or with history that may contain some.
const DIRECTORIES: [&str; 17] = [
    ".aws",
    ".azure",
    ".boto",
    ".bzr",
    ".docker",
    ".gcloud",
    ".git",
    ".gnupg",
    ".hg",
    ".kube",
    ".oci",
    ".password-store",
    ".ssh",
    ".svn",
    ".terraform",
    ".terraform.d",
    ".vault",
];
const FILES: [&str; 45] = [
    ".boto",
    ".dockercfg",
    ".dockerconfigjson",
    ".envrc",
    ".git",
    ".git-credentials",
    ".htpasswd",
    ".my.cnf",
    ".mylogin.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".s3cfg",
    ".terraformrc",
    ".vault-token",
    ".yarnrc.yml",
    "_netrc",
    "access_tokens.db",
    "accesskeys.csv",
    "accesstokens.json",
    "application_default_credentials.json",
    "azureprofile.json",
    "credentials.csv",
    "credentials.db",
    "credentials.tfrc.json",
    "htpasswd",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_rsa",
    "kubeconfig",
    "kubeconfig.yaml",
    "kubeconfig.yml",
    "msal_token_cache.bin",
    "msal_token_cache.json",
    "pgpass.conf",
    "rootkey.csv",
    "secrets.ini",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
];
const EXTENSIONS: [&str; 15] = [
    "agekey",
    "jks",
    "kdbx",
    "key",
    "keystore",
    "keytab",
    "kubeconfig",
    "p12",
    "p8",
    "pfx",
    "pgpass",
    "pkcs12",
    "ppk",
    "tfstate",
    "tfvars",
];
/// Endings of the files that the AWS console offers for download and that Terraform writes.
const ENDINGS: [&str; 4] = [
    "_accesskeys.csv",
    "_credentials.csv",
    ".tfstate.backup",
    ".tfvars.json",
];
/// The suffixes of `env.` in the names of files with variables.
const ENVIRONMENTS: [&str; 10] = [
    "dev",
    "development",
    "local",
    "prod",
    "production",
    "qa",
    "secret",
    "secrets",
    "stage",
    "staging",
];
/// The last word in the name of a file that is only an example.
const EXAMPLES: [&str; 6] = ["dist", "example", "examples", "sample", "template", "tmpl"];
/// Source code, which is always shipped, because the agent needs it, and code about secrets also
/// names them.
const CODE: [&str; 26] = [
    "c", "cc", "cjs", "cpp", "cs", "go", "h", "hpp", "java", "js", "jsx", "kt", "lua", "mjs",
    "php", "pxd", "py", "pyi", "pyw", "pyx", "r", "rb", "rs", "scala", "swift", "ts",
];
/// Hidden files that are silently excluded: those of version control, editors and tools.
const EXPECTED: [&str; 28] = [
    ".bzr",
    ".cache",
    ".cargo",
    ".cargo-agentcore",
    ".circleci",
    ".claude",
    ".coverage",
    ".coveragerc",
    ".cursor",
    ".devcontainer",
    ".dockerignore",
    ".ds_store",
    ".editorconfig",
    ".eggs",
    ".flake8",
    ".hypothesis",
    ".idea",
    ".ipynb_checkpoints",
    ".kiro",
    ".mcp.json",
    ".nox",
    ".pylintrc",
    ".python-version",
    ".tool-versions",
    ".venv",
    ".vscode",
    ".yamllint",
    ".zed",
];
/// Prefixes of such names.
const EXPECTED_BEGINNINGS: [&str; 5] = [".bedrock_agentcore", ".git", ".pre-commit", ".ruff", "._"];

/// Returns true for a directory with secrets. Ignores case, like some file systems. `parent` is the
/// name of its parent directory.
pub(crate) fn is_secret_directory(name: &str, parent: &str) -> bool {
    let name = &*name.to_ascii_lowercase();
    DIRECTORIES.contains(&name)
        || (parent.eq_ignore_ascii_case(".config") && ["gcloud", "gh", "op"].contains(&name))
}

pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = &*name.to_ascii_lowercase();
    if is_example(name) || is_code(name) {
        return false;
    }
    FILES.contains(&name)
        || EXTENSIONS.contains(&extension(name))
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || is_environment(name)
        || (name.starts_with("gha-creds-") && extension(name) == "json")
}

pub(crate) fn is_code(name: &str) -> bool {
    CODE.contains(&&*extension(name).to_ascii_lowercase())
        || extension(name).eq_ignore_ascii_case("tsx")
}

pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != "." && name != ".."
}

/// Returns true for a hidden file that is excluded without a note.
pub(crate) fn is_expected_to_be_hidden(name: &str) -> bool {
    let name = &*name.to_ascii_lowercase();
    EXPECTED.contains(&name)
        || is_example(name)
        || EXPECTED_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

/// Returns true for `.env` with any suffix, `prod.env` and `env.prod`.
fn is_environment(name: &str) -> bool {
    let suffixed = name
        .strip_prefix(".env")
        .is_some_and(|suffix| !suffix.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let of = name.strip_prefix("env.");
    suffixed || extension(name) == "env" || of.is_some_and(|of| ENVIRONMENTS.contains(&of))
}

/// Returns true for `.env.example`, `example.env`, `secrets.example.toml`, but not for
/// `.env.example.local`, which contains real values.
fn is_example(name: &str) -> bool {
    let is_word = |word: &str| EXAMPLES.contains(&word);
    let mut words = name.rsplit(['.', '-', '_']);
    let last = words.next().unwrap_or_default();
    // `.env.local` has no extension.
    let has_extension = !name.starts_with(".env");
    is_word(last) || (has_extension && words.next().is_some_and(is_word))
}

fn extension(name: &str) -> &str {
    Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default()
}
