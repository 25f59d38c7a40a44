//! How the process ends at a bug of ours: with or without unwinding, and in whatever thread.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::PanicHookInfo,
};

/// What cargo and rustc exit with at a bug of theirs.
const BUG: i32 = 101;

/// From here on a panic ends the process, after `report`: nothing waits for a thread that is gone.
pub(crate) fn end_after(report: fn(&str)) {
    std::panic::set_hook(Box::new(move |info| {
        report(&words(info));
        #[expect(clippy::exit, reason = "what is broken cannot return")]
        std::process::exit(BUG);
    }));
}

/// What the standard library says of a panic.
fn words(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let words = format!("thread '{}' {info}", thread.name().unwrap_or("<unnamed>"));
    let trace = Backtrace::capture();
    match trace.status() {
        BacktraceStatus::Captured => format!("{words}\nstack backtrace:\n{trace}"),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::env;

    const CHILD: &str = "END_AT_A_BUG";

    /// The child's own end would be a success: it does not look at its thread.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "the test starts itself again"
    )]
    fn a_panic_in_any_thread_is_reported_and_exits_with_101() {
        if env::var(CHILD).is_some() {
            end_after(|panic| eprintln!("{panic}\nreported"));
            let _ = std::thread::spawn(|| panic!("broken")).join();
            return;
        }
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "--nocapture",
                "effects::bug::tests::a_panic_in_any_thread_is_reported_and_exits_with_101",
            ])
            .env(CHILD, "1")
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(BUG), "{said}");
        assert!(said.contains("broken"), "{said}");
        assert!(said.contains("reported"), "{said}");
    }
}
