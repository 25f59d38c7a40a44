//! `cargo agentcore clean`.

use crate::{error::Failure, ui::Ui};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, _ui: &Ui) -> Result<(), Failure> {
    Err(Failure::world("`clean` is not built yet"))
}
