//! Imports an agent's dependencies ahead of its next start.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use crate::effects::{
    folder::Folder,
    local::agent::preload::{Key, Preload},
};

/// The prefix of its folders' names.
pub(super) const FOLDER: &str = "preload-";

pub(super) struct Preloading {
    is_wanted: bool,
    folder: Folder,
    slot: Arc<Mutex<Slot>>,
    imports: AtomicU32,
}

enum Slot {
    Empty,
    Importing(Key),
    Ready(Arc<Preload>),
    /// With the reason.
    Impossible(Key, String),
}

impl Preloading {
    pub(super) fn new(is_wanted: bool, folder: Folder) -> Self {
        Self {
            is_wanted,
            folder,
            slot: Arc::new(Mutex::new(Slot::Empty)),
            imports: AtomicU32::new(0),
        }
    }

    /// Returns the process that can fork an agent for `key`. The error says why there is none, if
    /// the user may expect one.
    pub(super) fn find(&self, key: &Key) -> Result<Arc<Preload>, Option<String>> {
        match &*self.slot.lock().expect("no thread panics with it") {
            Slot::Ready(preload) if preload.key() == key => Ok(Arc::clone(preload)),
            Slot::Importing(importing) if importing == key => Err(Some(
                "its dependencies are still being preloaded".to_owned(),
            )),
            Slot::Impossible(impossible, why) if impossible == key => Err(Some(why.clone())),
            Slot::Empty | Slot::Importing(_) | Slot::Ready(_) | Slot::Impossible(..) => Err(None),
        }
    }

    /// Forgets the process that forks.
    pub(super) fn forget(&self) {
        *self.slot.lock().expect("no thread panics with it") = Slot::Empty;
    }

    /// Imports the modules that a started agent imported, for the next start with this key.
    pub(super) fn learn(&self, key: Key, modules: Vec<String>) {
        if !self.is_wanted || modules.is_empty() {
            return;
        }
        let mut slot = self.slot.lock().expect("no thread panics with it");
        let is_done = match &*slot {
            Slot::Empty => false,
            Slot::Importing(there) | Slot::Impossible(there, _) => *there == key,
            Slot::Ready(preload) => *preload.key() == key && preload.holds(&modules),
        };
        if is_done {
            return;
        }
        *slot = Slot::Importing(key.clone());
        drop(slot);
        let number = self.imports.fetch_add(1, Ordering::SeqCst) + 1;
        let folder = self.folder.join(format!("{FOLDER}{number}"));
        let slot = Arc::clone(&self.slot);
        tokio::spawn(async move {
            let started = Preload::start(key.clone(), &modules, &folder).await;
            let mut slot = slot.lock().expect("no thread panics with it");
            // Another import may have begun meanwhile.
            if matches!(&*slot, Slot::Importing(there) if *there == key) {
                *slot = match started {
                    Ok(preload) => Slot::Ready(Arc::new(preload)),
                    Err(why) => Slot::Impossible(key, why),
                };
            }
        });
    }
}
