//! Asks before anything is deleted.

use super::Args;
use crate::{error::Failure, ui::Ui};

pub(super) fn confirm(args: &Args, places: &str, ui: &Ui) -> Result<(), Failure> {
    answerable(args, "what is listed above", ui)?;
    if args.yes {
        return Ok(());
    }
    match ui.confirm(&format!("Delete all of this ({places})?")) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::world("nothing was deleted")),
        Err(why) => Err(Failure::new(why.exit(), "stopped; nothing was deleted")),
    }
}

/// Fails if the deletion of `what` cannot be confirmed.
pub(super) fn answerable(args: &Args, what: &str, ui: &Ui) -> Result<(), Failure> {
    if args.yes || ui.is_interactive() {
        return Ok(());
    }
    Err(
        Failure::usage("cannot ask for confirmation to delete without a terminal").help(format!(
            "pass `--yes` to delete {what}; nothing was deleted"
        )),
    )
}
