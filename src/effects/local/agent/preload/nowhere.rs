//! Systems without preloading.

use std::path::Path;

use tokio::sync::mpsc;

use super::{
    super::{Agent, Launch, Line},
    Key, NotForked,
};
use crate::effects::folder::Folder;

/// Cannot exist on this system.
pub(in crate::effects) enum Preload {}

impl Preload {
    #[expect(clippy::unused_async, reason = "it waits where there is a fork")]
    pub(in crate::effects) async fn start(
        _key: Key,
        _modules: &[String],
        _folder: &Folder,
    ) -> Result<Self, String> {
        Err("dependencies are preloaded on Linux only".to_owned())
    }

    pub(in crate::effects) fn key(&self) -> &Key {
        match *self {}
    }

    pub(in crate::effects) fn holds(&self, _modules: &[String]) -> bool {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "it waits where there is a fork")]
    pub(in crate::effects) async fn fork(
        &self,
        _launch: Launch,
        _script: &Path,
        _lines: &mpsc::Sender<Line>,
    ) -> Result<Agent, NotForked> {
        match *self {}
    }
}
