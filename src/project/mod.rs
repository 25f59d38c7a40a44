//! A project on this machine: loading it, what it asks the user, its AWS sessions, its local
//! AgentCore, and its agents' files.

pub(crate) mod artifact;
pub(crate) mod base_image;
pub(crate) mod building;
pub(crate) mod consent;
pub(crate) mod copies;
pub(crate) mod declaring;
pub(crate) mod developed;
pub(crate) mod developing;
pub(crate) mod dockerfile;
pub(crate) mod emulator;
pub(crate) mod environment;
pub(crate) mod imaging;
pub(crate) mod last_image;
mod load;
pub(crate) mod new_place;
pub(crate) mod on_disk;
pub(crate) mod own_files;
pub(crate) mod packaging;
pub(crate) mod partition;
pub(crate) mod program_archive;
pub(crate) mod progress;
pub(crate) mod prompts;
pub(crate) mod python_image;
pub(crate) mod recovery;
pub(crate) mod sbom;
pub(crate) mod sessions;

pub(crate) use self::load::{
    hint_at_region, load, load_to_run, lock, lock_to_apply, no_agent, read_all, select, stage,
};
