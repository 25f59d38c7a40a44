//! The copied sources of one agent.

use std::path::Path;

use serde_json::Value;

use crate::{
    config::Agent,
    effects::manifest::Project,
    error::{Failure, Message},
    ui::Ui,
};

pub(super) struct FileWork;

impl FileWork {
    pub(super) fn warnings(&self) -> &[Message] {
        &[]
    }
    pub(super) fn changes(&self) -> bool {
        false
    }
    pub(super) fn show(&self, _ui: &Ui) {}
    pub(super) fn apply(&self, _ui: &Ui) -> Result<(), Failure> {
        Ok(())
    }
    pub(super) fn document(&self) -> Value {
        Value::Null
    }
}

pub(super) fn decide(
    _agent: &Agent,
    _project: &Project,
    _source_dir: Option<&Path>,
    _force: bool,
) -> Result<FileWork, Failure> {
    Ok(FileWork)
}
