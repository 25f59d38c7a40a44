//! The places for files outside of checkouts.

use std::path::{Path, PathBuf};

use super::System;

/// Directories named by the environment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Surroundings<'a> {
    /// `XDG_CACHE_HOME`
    pub(crate) xdg_cache: Option<&'a Path>,
    /// `%LOCALAPPDATA%`
    pub(crate) local_app_data: Option<&'a Path>,
    pub(crate) home: Option<&'a Path>,
}

/// Returns the directory for caches.
pub(crate) fn caches(system: System, around: Surroundings<'_>) -> Option<PathBuf> {
    let below_home = |path: &str| Some(around.home?.join(path));
    // The specification says to ignore relative paths.
    let xdg = around.xdg_cache.filter(|path| path.is_absolute());
    match system {
        System::Windows => around.local_app_data.map(Path::to_owned),
        System::MacOs => xdg
            .map(Path::to_owned)
            .or_else(|| below_home("Library/Caches")),
        System::Linux => xdg.map(Path::to_owned).or_else(|| below_home(".cache")),
    }
}

/// Returns whether a directory can be deleted while a process works in it or has files in it open.
/// If not, no process that outlives a command may work in cargo's target directory, because `cargo
/// clean` would fail.
pub(crate) fn deletes_what_is_in_use(system: System) -> bool {
    !system.is_windows()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_own_place_for_caches() {
        let around = Surroundings {
            xdg_cache: Some(Path::new("/xdg")),
            local_app_data: Some(Path::new("/local")),
            home: Some(Path::new("/home/ann")),
        };
        let place = |system, around| caches(system, around).expect("a place");
        assert_eq!(place(System::Windows, around), Path::new("/local"));
        assert_eq!(place(System::Linux, around), Path::new("/xdg"));
        assert_eq!(place(System::MacOs, around), Path::new("/xdg"));
        for xdg_cache in [None, Some(Path::new("relative"))] {
            let without = Surroundings {
                xdg_cache,
                ..around
            };
            assert_eq!(
                place(System::MacOs, without),
                Path::new("/home/ann/Library/Caches")
            );
            assert_eq!(place(System::Linux, without), Path::new("/home/ann/.cache"));
        }
        assert_eq!(caches(System::Windows, Surroundings::default()), None);
    }
}
