//! The user's own uv configuration for indexes, networks and caches.
//!
//! uv always runs with our configuration file, so the relevant settings of the user's are copied
//! into it.

use std::path::PathBuf;

use super::super::{env, files};
use crate::{
    error::{Failure, Message, Snippet},
    package::index_settings::{self, IndexSettings, Whose},
    system::System,
};

/// Returns the user's settings merged over the machine's, as uv does it.
pub(crate) fn of_the_user() -> Result<IndexSettings, Failure> {
    if let Some(file) = env::var("UV_CONFIG_FILE") {
        return read(&PathBuf::from(file));
    }
    if env::var("UV_NO_CONFIG").is_some_and(|value| !["0", "false"].contains(&value.as_str())) {
        return Ok(IndexSettings::default());
    }
    let mut settings = IndexSettings::default();
    for file in places() {
        settings = settings.over(read(&file)?);
    }
    Ok(settings)
}

/// Returns the configuration files, the user's first.
fn places() -> Vec<PathBuf> {
    let directory = |name| env::var(name).map(PathBuf::from);
    let (user, machine) = if System::HERE.is_windows() {
        (directory("APPDATA"), directory("PROGRAMDATA"))
    } else {
        let user = directory("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| Some(env::home_dir()?.join(".config")));
        (user, Some(PathBuf::from("/etc")))
    };
    [user, machine]
        .into_iter()
        .flatten()
        .map(|directory| directory.join("uv/uv.toml"))
        .collect()
}

fn read(file: &std::path::Path) -> Result<IndexSettings, Failure> {
    let Some(text) = files::read_text(file)? else {
        return Ok(IndexSettings::default());
    };
    let document = toml_edit::Document::parse(text.as_str()).map_err(|error| {
        let message = Message::new("uv's configuration file is not valid TOML").at(Snippet {
            file: file.to_owned(),
            text: text.clone(),
            span: error.span().unwrap_or(0..0),
            label: error.message().to_owned(),
        });
        Failure {
            exit: crate::error::Exit::Config,
            messages: vec![message],
        }
    })?;
    let (mut settings, _) = index_settings::read(document.as_table(), Whose::User);
    settings.anchor(file.parent().unwrap_or(file));
    Ok(settings)
}
