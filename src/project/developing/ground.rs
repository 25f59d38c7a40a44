//! What all agents of a `dev` run share.

use crate::{
    config::Declared,
    effects::{local::Emulator, manifest::Project},
    project::environment::Given,
};

pub(crate) struct Ground<'a> {
    pub(crate) given: &'a Given,
    pub(crate) project: &'a Project,
    pub(crate) declared: &'a Declared,
    pub(crate) emulator: &'a Emulator,
}
