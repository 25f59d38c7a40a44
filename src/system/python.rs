//! The names and places of Python and uv.

use std::path::{Path, PathBuf};

use super::System;

/// A way to find an interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// A program with this name.
    Named(String),
    /// The Windows launcher `py` with this option, which knows interpreters that are not on PATH.
    Launcher(String),
}

/// Returns the ways to find an interpreter, the best first. `minor` is the required minor version,
/// such as `3.13`.
pub(crate) fn ways(system: System, minor: Option<&str>) -> Vec<Way> {
    let named = |name: &str| Way::Named(name.to_owned());
    let exact = minor.map(|minor| Way::Named(format!("python{minor}")));
    let mut ways = Vec::new();
    if system.is_windows() {
        // Installations on Windows have no `python3.13`, and `python3` may be a stub that opens the
        // store.
        ways.push(Way::Launcher(format!("-{}", minor.unwrap_or("3"))));
        ways.extend([named("python"), named("python3")]);
        ways.extend(exact);
    } else {
        ways.extend(exact);
        ways.extend([named("python3"), named("python")]);
    }
    ways
}

/// The user's directories, if known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UserDirectories<'a> {
    pub(crate) home: Option<&'a Path>,
    /// `%APPDATA%`
    pub(crate) roaming: Option<&'a Path>,
    /// `%LOCALAPPDATA%`
    pub(crate) local: Option<&'a Path>,
    /// `XDG_DATA_HOME`
    pub(crate) data: Option<&'a Path>,
}

/// Returns the directories in which installers on Windows put a user's programs, and which running
/// shells do not have on PATH yet.
pub(crate) fn beyond_path(system: System, home: UserDirectories<'_>) -> Vec<PathBuf> {
    if !system.is_windows() {
        return Vec::new();
    }
    let below = |base: Option<&Path>, path: &[&str]| {
        base.map(|base| path.iter().fold(base.to_owned(), |at, part| at.join(part)))
    };
    [
        below(home.home, &[".local", "bin"]),
        below(home.home, &[".cargo", "bin"]),
        below(home.local, &["Microsoft", "WinGet", "Links"]),
        below(home.local, &["Programs", "Python", "Launcher"]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the directory that `uv python install` uses, unless a variable names another.
pub(crate) fn installed_by_uv(system: System, home: UserDirectories<'_>) -> Option<PathBuf> {
    if system.is_windows() {
        return Some(home.roaming?.join("uv").join("python"));
    }
    let data = home.data.filter(|data| data.is_absolute());
    let data = data.map(Path::to_owned);
    let data = data.or_else(|| Some(home.home?.join(".local/share")))?;
    Some(data.join("uv").join("python"))
}

/// Returns the file that `pyenv global` writes, below pyenv's own directory or the user's home.
pub(crate) fn chosen_by_pyenv(
    system: System,
    root: Option<&Path>,
    home: UserDirectories<'_>,
) -> Option<PathBuf> {
    if let Some(root) = root {
        return Some(root.join("version"));
    }
    let root = home.home?.join(".pyenv");
    Some(if system.is_windows() {
        root.join("pyenv-win").join("version")
    } else {
        root.join("version")
    })
}

/// Returns a virtual environment's interpreter.
pub(crate) fn interpreter_in(system: System, environment: &Path) -> PathBuf {
    if system.is_windows() {
        environment.join("Scripts").join("python.exe")
    } else {
        environment.join("bin").join("python")
    }
}

/// Returns the package directory of a virtual environment with this minor version.
pub(crate) fn packages_in(system: System, environment: &Path, minor: &str) -> PathBuf {
    if system.is_windows() {
        environment.join("Lib").join("site-packages")
    } else {
        let python = format!("python{minor}");
        environment.join("lib").join(python).join("site-packages")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Way {
        Way::Named(name.to_owned())
    }

    #[test]
    fn windows_is_asked_by_its_launcher_first() {
        let launcher = |option: &str| Way::Launcher(option.to_owned());
        let windows = ways(System::Windows, Some("3.13"));
        assert_eq!(windows[..2], [launcher("-3.13"), named("python")]);
        assert_eq!(ways(System::Windows, None)[0], launcher("-3"));
        for system in [System::Linux, System::MacOs] {
            let unix = ways(system, Some("3.13"));
            assert_eq!(unix, ["python3.13", "python3", "python"].map(named));
        }
    }

    #[test]
    fn the_places_of_windows_are_below_its_own_directories() {
        let home = UserDirectories {
            home: Some(Path::new("/users/ann")),
            roaming: Some(Path::new("/roaming")),
            local: Some(Path::new("/local")),
            data: Some(Path::new("/data")),
        };
        let windows = beyond_path(System::Windows, home);
        assert!(windows.contains(&PathBuf::from("/users/ann/.local/bin")));
        assert!(windows.contains(&PathBuf::from("/local/Microsoft/WinGet/Links")));
        assert!(beyond_path(System::Linux, home).is_empty());
        let uv = |system| installed_by_uv(system, home).expect("a place");
        assert_eq!(uv(System::Windows), Path::new("/roaming/uv/python"));
        assert_eq!(uv(System::MacOs), Path::new("/data/uv/python"));
        let without = UserDirectories { data: None, ..home };
        assert_eq!(
            installed_by_uv(System::Linux, without).expect("a place"),
            Path::new("/users/ann/.local/share/uv/python")
        );
        let pyenv = |system| chosen_by_pyenv(system, None, home).expect("a place");
        assert_eq!(
            pyenv(System::Windows),
            Path::new("/users/ann/.pyenv/pyenv-win/version")
        );
        assert_eq!(pyenv(System::Linux), Path::new("/users/ann/.pyenv/version"));
    }

    #[test]
    fn environments_are_laid_out_as_their_system_does() {
        let at = Path::new("/env");
        assert_eq!(
            interpreter_in(System::Windows, at),
            Path::new("/env/Scripts/python.exe")
        );
        assert_eq!(
            interpreter_in(System::MacOs, at),
            Path::new("/env/bin/python")
        );
        assert_eq!(
            packages_in(System::Windows, at, "3.13"),
            Path::new("/env/Lib/site-packages")
        );
        assert_eq!(
            packages_in(System::Linux, at, "3.13"),
            Path::new("/env/lib/python3.13/site-packages")
        );
    }
}
