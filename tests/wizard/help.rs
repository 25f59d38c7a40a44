//! Topics of `help` on a terminal.

use crate::support::{Cli, Project, terminal::Terminal};

#[test]
fn a_topic_is_laid_out_for_the_terminal_and_read_in_the_pager() {
    let project = Project::new();
    let topic = |pager: &str| {
        Cli::new(&project)
            .args(["help", "permissions"])
            .env("PAGER", pager)
    };
    let (status, plain) = Terminal::run(&topic("cat")).ends();
    assert!(status.success(), "{plain}");
    let row = "SNS topic, to publish to\r\n    in the table: `{ sns = \"NAME\" }`\r\n";
    assert!(plain.contains(row), "{plain}");
    assert!(!plain.contains("|---"), "{plain}");

    let mut paged = Terminal::run(&topic("less"));
    paged.sees("An execution role may write");
    assert!(!paged.screen().contains("SNS topic"), "{}", paged.screen());
    paged.types("q");
    assert!(paged.ends().0.success());
}
