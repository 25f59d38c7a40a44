//! Where everything is kept that a user's projects share and that may vanish at any time.

use std::path::PathBuf;

use super::env;
use crate::error::Failure;

/// The directory; it need not exist yet.
pub(crate) fn directory() -> Result<PathBuf, Failure> {
    place(&Surroundings::observe())
}

/// What decides where the cache is.
struct Surroundings {
    ours: Option<PathBuf>,
    xdg: Option<PathBuf>,
    local_app_data: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl Surroundings {
    fn observe() -> Self {
        let path = |name| env::var(name).map(PathBuf::from);
        Self {
            ours: path("CARGO_AGENTCORE_CACHE_DIR")
                .map(|path| env::current_dir().map_or_else(|_| path.clone(), |at| at.join(&path))),
            xdg: path("XDG_CACHE_HOME"),
            local_app_data: path("LOCALAPPDATA"),
            home: env::home_dir(),
        }
    }
}

fn place(around: &Surroundings) -> Result<PathBuf, Failure> {
    let system = if cfg!(windows) {
        around.local_app_data.clone()
    } else {
        let library = cfg!(target_os = "macos").then_some("Library/Caches");
        around
            .xdg
            .clone()
            // The specification: a relative path is to be ignored.
            .filter(|path| path.is_absolute())
            .or_else(|| Some(around.home.as_ref()?.join(library.unwrap_or(".cache"))))
    };
    around
        .ours
        .clone()
        .or_else(|| Some(system?.join("cargo-agentcore")))
        .ok_or_else(|| {
            Failure::world("there is no home directory to keep a cache in")
                .help("name a directory with the variable CARGO_AGENTCORE_CACHE_DIR")
        })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn nothing() -> Surroundings {
        Surroundings {
            ours: None,
            xdg: None,
            local_app_data: None,
            home: None,
        }
    }

    #[test]
    fn our_own_variable_names_the_cache_itself() {
        let around = Surroundings {
            ours: Some("/elsewhere".into()),
            home: Some("/home/ann".into()),
            ..nothing()
        };
        assert_eq!(place(&around).expect("a place"), Path::new("/elsewhere"));
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_cache_follows_xdg_and_else_the_home_directory() {
        let mut around = Surroundings {
            xdg: Some("/xdg".into()),
            home: Some("/home/ann".into()),
            ..nothing()
        };
        let chosen = |around: &Surroundings| place(around).expect("a place");
        assert_eq!(chosen(&around), Path::new("/xdg/cargo-agentcore"));
        around.xdg = Some("relative".into());
        assert_eq!(
            chosen(&around),
            Path::new("/home/ann/.cache/cargo-agentcore")
        );
    }

    #[test]
    fn without_a_home_the_message_names_the_variable() {
        let failure = place(&nothing()).expect_err("no place");
        assert!(failure.messages[0].help[0].contains("CARGO_AGENTCORE_CACHE_DIR"));
    }
}
