//! The emulator's installation.

#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
#[cfg(unix)]
use crate::support::{bed, installed};

/// Starts for the first time, with uv, which is faster than pip.
#[cfg(unix)]
fn start_with_uv(stage: &Stage) -> Answer {
    start_with(Path::new(&bed::path_with_uv()), stage)
}

/// Starts for the first time, with nothing else on PATH.
fn start_with(path: &Path, stage: &Stage) -> Answer {
    let output = stage
        .command(&["start"])
        .env("PATH", path)
        .output()
        .unwrap();
    Answer::of(output)
}

/// Installs the emulator in a cache, and returns its folder.
#[cfg(unix)]
fn installed_in(cache: &Path) -> PathBuf {
    installed::emulator_into(cache);
    installed::folder_in(cache)
}

/// Returns the path of Python itself, because the one on PATH may be a script that needs more of
/// PATH.
#[cfg(unix)]
fn interpreter() -> PathBuf {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable, end='')"])
        .output()
        .unwrap();
    PathBuf::from(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn without_uv_and_python_the_message_says_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().join("cache"));
    let empty = tempfile::tempdir().unwrap();
    let answer = start_with(empty.path(), &stage);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert_eq!(answer.stdout, "");
    snapbox::assert_data_eq!(
        answer.stderr,
        snapbox::str![[r"
error: `--local` needs uv, or Python 3.10 or later, and neither is on PATH
  note: the emulator is the Python package ministack 1.5.33; it is installed into a cache of its own
  help: install uv (https://docs.astral.sh/uv/) or Python, and run this again

"]]
    );
}

#[cfg(unix)]
#[test]
fn what_a_killed_installation_left_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().to_owned());
    let home = installed_in(cache.path());
    // As after a kill: parts are missing, and the marker, which is written last.
    fs::remove_file(home.join("cargo-agentcore-complete")).unwrap();
    fs::remove_file(home.join("pyvenv.cfg")).unwrap();
    let answer = start_with_uv(&stage);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stderr.contains("Installing"), "{}", answer.stderr);
}

#[cfg(unix)]
#[test]
fn without_uv_python_installs_it() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().to_owned());
    let path = tempfile::tempdir().unwrap();
    symlink(interpreter(), path.path().join("python3")).unwrap();
    // No code of the project runs, whatever the current directory.
    let fired = cache.path().join("fired");
    let code = format!(
        "open({:?}, 'a').write(__file__)\n",
        fired.display().to_string()
    );
    for module in ["pip/__main__.py", "venv/__main__.py", "sitecustomize.py"] {
        let file = stage.dir.path().join(module);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &code).unwrap();
    }
    let uv = stage.dir.path().join("uv");
    fs::write(
        &uv,
        format!("#!/bin/sh\necho uv >> '{}'\n", fired.display()),
    )
    .unwrap();
    fs::set_permissions(&uv, fs::Permissions::from_mode(0o755)).unwrap();
    let mut found = std::ffi::OsString::from(".:");
    found.push(path.path());
    let answer = start_with(Path::new(&found), &stage);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(!fired.exists(), "{}", fs::read_to_string(&fired).unwrap());
    let expected = "ministack 1.5.33 with python3 and pip";
    assert!(answer.stderr.contains(expected), "{}", answer.stderr);
    assert!(is_reachable(answer.stdout.trim_end()));
}

#[cfg(unix)]
#[test]
fn an_old_python_is_named_with_its_version() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().to_owned());
    let path = tempfile::tempdir().unwrap();
    let old = path.path().join("python3");
    let words = "#!/bin/sh\necho 'it is Python 3.8, and 3.10 or later is needed' >&2\nexit 1\n";
    fs::write(&old, words).unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let answer = start_with(path.path(), &stage);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(answer.stderr.contains("3.10 or later"), "{}", answer.stderr);
    assert!(answer.stderr.contains("`python3`"), "{}", answer.stderr);
}

#[cfg(unix)]
#[test]
fn an_installation_that_does_not_run_shows_its_last_words_and_is_given_up() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().to_owned());
    let home = installed_in(cache.path());
    let python = home.join("bin").join("python");
    fs::remove_file(&python).unwrap();
    // As after an upgrade of the underlying Python: it starts, but does not find the packages.
    symlink(interpreter(), &python).unwrap();
    fs::remove_file(home.join("pyvenv.cfg")).unwrap();
    let answer = stage.run(&["start"]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("No module named"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("run this again"),
        "{}",
        answer.stderr
    );
    let answer = start_with_uv(&stage);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
}
