//! Decides what belongs to the checkout that contains a workspace, and which target directory is
//! accepted. A link in a checkout, for example `target`, can point to any of the user's
//! directories. The checkout may choose among its own directories; only the user may name others.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{env, path::real_path};
use crate::{error::Failure, text::path::folded};

/// Returns whether a path, with links resolved, is in the checkout.
pub(crate) fn holds(root: &Path, path: &Path) -> bool {
    real(path).starts_with(checkout(&real(root)))
}

/// Returns the real path of the target directory that cargo reports for the workspace in `root`.
pub(super) fn target_directory(root: &Path, target: &Path) -> Result<PathBuf, Failure> {
    let (real_root, real) = (real(root), real(target));
    if real.starts_with(checkout(&real_root)) {
        return Ok(real);
    }
    // A literal path outside comes from the user, because cargo is asked without the checkout's
    // settings.
    if !folded(target).starts_with(root) {
        return Ok(real);
    }
    let shown = real.display();
    Err(Failure::config(format!(
        "the target directory `{}` leads out of the checkout, to `{shown}`",
        target.display()
    ))
    .note(
        "a link in a checkout may lead anywhere, so nothing is read, written or deleted through it",
    )
    .help(format!(
        "if you created the link, set CARGO_TARGET_DIR={shown}"
    )))
}

/// Refuses a package behind a link, because it belongs to another checkout.
pub(super) fn check_member(root: &Path, manifest: &Path) -> Result<(), Failure> {
    if !manifest.starts_with(root) || real(manifest).starts_with(real(root)) {
        return Ok(());
    }
    Err(Failure::config(format!(
        "the workspace's member `{}` is behind a link that leads out of the workspace, to `{}`",
        manifest.display(),
        real(manifest).display()
    ))
    .help("name only packages of this workspace in `members`, or run this in the other one"))
}

/// Returns the repository that contains the workspace, or the workspace itself.
fn checkout(root: &Path) -> &Path {
    let home = env::home_dir().map(|home| real(&home));
    root.ancestors()
        .filter(|above| above.parent().is_some() && Some(*above) != home.as_deref())
        .find(|above| above.join(".git").exists())
        .unwrap_or(root)
}

/// Returns the path with all links resolved, as far as it exists.
pub(crate) fn real(path: &Path) -> PathBuf {
    // The same limit as in Linux.
    resolved(path, 40)
}

fn resolved(path: &Path, links: u32) -> PathBuf {
    for above in path.ancestors() {
        let found = match real_path(above) {
            Ok(found) => found,
            // A dangling link still has a target.
            Err(_) => match (fs::read_link(above), above.parent()) {
                (Ok(to), Some(parent)) if links > 0 => {
                    let to = resolved(parent, links - 1).join(to);
                    resolved(&folded(&to), links - 1)
                }
                _ => continue,
            },
        };
        return match path.strip_prefix(above) {
            Ok(rest) if rest.components().next().is_some() => found.join(rest),
            _ => found,
        };
    }
    path.to_owned()
}

#[cfg(test)]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "tests write what is looked at")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Creates a workspace and a directory outside it.
    fn stage() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let top = real_path(dir.path()).unwrap();
        let (root, home) = (top.join("checkout/agents"), top.join("home"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&home).unwrap();
        (dir, root, home)
    }

    #[test]
    fn a_target_directory_of_the_workspace_is_accepted_before_it_exists() {
        let (_dir, root, _) = stage();
        let target = root.join("target");
        assert_eq!(target_directory(&root, &target).unwrap(), target);
        fs::create_dir(&target).unwrap();
        assert_eq!(target_directory(&root, &target).unwrap(), target);
    }

    #[test]
    fn a_link_may_lead_around_in_the_repository_and_not_out_of_it() {
        let (_dir, root, home) = stage();
        fs::create_dir(root.join("build")).unwrap();
        symlink("build", root.join("target")).unwrap();
        let found = target_directory(&root, &root.join("target")).unwrap();
        assert_eq!(found, root.join("build"));
        // Only the user can name a directory outside.
        let above = root.parent().unwrap().join("built");
        for named in [above.clone(), root.join("../built")] {
            assert_eq!(target_directory(&root, &named).unwrap(), above);
        }
        symlink("../built", root.join("beside")).unwrap();
        assert!(target_directory(&root, &root.join("beside")).is_err());
        fs::create_dir(root.parent().unwrap().join(".git")).unwrap();
        assert_eq!(
            target_directory(&root, &root.join("beside")).unwrap(),
            above
        );
        symlink("circle", root.join("circle")).unwrap();
        assert!(target_directory(&root, &root.join("circle/x")).is_ok());
        for (name, to) in [("out", home.clone()), ("dangling", home.join("none"))] {
            symlink(&to, root.join(name)).unwrap();
            let failure = target_directory(&root, &root.join(name)).unwrap_err();
            let text = failure.to_string();
            assert!(text.contains("leads out of the checkout"), "{text}");
            let below = target_directory(&root, &root.join(name).join("x"));
            assert!(below.is_err(), "{name}");
        }
    }

    #[test]
    fn a_member_behind_a_link_is_refused() {
        let (_dir, root, home) = stage();
        fs::write(home.join("Cargo.toml"), "").unwrap();
        symlink(&home, root.join("member")).unwrap();
        assert!(check_member(&root, &root.join("member/Cargo.toml")).is_err());
        fs::create_dir(root.join("own")).unwrap();
        fs::write(root.join("own/Cargo.toml"), "").unwrap();
        assert!(check_member(&root, &root.join("own/Cargo.toml")).is_ok());
    }
}
