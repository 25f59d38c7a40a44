//! `cargo agentcore local`.

use crate::{error::Failure, ui::Ui};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, _ui: &Ui) -> Result<(), Failure> {
    Err(Failure::world("`local` is not built yet"))
}
