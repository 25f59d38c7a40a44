//! `cargo agentcore local`.

use crate::{
    cli,
    config::Config,
    effects::{self, manifest::Project},
    error::Failure,
    ui::Ui,
};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, _ui: &Ui) -> Result<(), Failure> {
    Err(Failure::world("`local` is not built yet"))
}

pub(super) async fn emulator(
    options: &cli::Aws,
    _project: &Project,
    _config: &Config,
    _ui: &Ui,
) -> Result<Option<effects::local::Emulator>, Failure> {
    if options.local {
        Err(Failure::world("`--local` is not built yet"))
    } else {
        Ok(None)
    }
}
