//! `cargo agentcore new`.

use crate::{error::Failure, ui::Ui};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, _ui: &Ui) -> Result<(), Failure> {
    Err(Failure::world("`new` is not built yet"))
}
