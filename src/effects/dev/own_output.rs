//! The files that this command's own output is written to, because the user's shell redirects it.

use std::path::Path;

use same_file::Handle;

/// A change to one of these files is no edit: each reaction to it would change it again.
pub(crate) struct OwnOutput(Vec<Handle>);

impl OwnOutput {
    pub(crate) fn of_this_process() -> Self {
        let both = [Handle::stdout(), Handle::stderr()].into_iter().flatten();
        let is_file = |handle: &Handle| {
            let about = handle.as_file().metadata();
            about.is_ok_and(|about| about.is_file())
        };
        Self(both.filter(is_file).collect())
    }

    pub(crate) fn contains(&self, path: &Path) -> bool {
        let is_same = |path| Handle::from_path(path).is_ok_and(|found| self.0.contains(&found));
        !self.0.is_empty() && is_same(path)
    }
}
