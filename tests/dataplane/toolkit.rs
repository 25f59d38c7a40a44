//! The Python toolkit, pointed at this machine by the line that `prepare --local` prints.

use super::{Place, agents::made_from, cli};
use crate::support::toolkit::shell;

#[test]
fn what_the_toolkit_deploys_and_invokes_is_the_agent() {
    let project = made_from("echo");
    let prepared = cli(&project, &["prepare", "--local"]).run().succeeds();
    let line = prepared.stdout.trim();
    let (toolkit, _) = line.split_once(" configure ").unwrap();
    let run = |line: &str| shell(line, &project.path(), &project.home());
    run(line);
    run(&format!("{toolkit} deploy"));
    let said = run(&format!(
        "{toolkit} invoke '{{\"prompt\": \"hello there\"}}'"
    ));
    assert!(said.contains("You said: hello there"), "{said}");
    // It is the same agent for all callers.
    let place = Place::there(project);
    assert_eq!(
        place.curl("from curl"),
        r#"{"answer": "You said: from curl"}"#
    );
}
