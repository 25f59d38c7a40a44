//! Ends the process on a bug in our code, with or without unwinding, in any thread.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::PanicHookInfo,
};

/// The exit code that cargo and rustc use for their bugs.
const BUG: i32 = 101;

/// Makes every later panic end the process after `report`, so that nothing waits for a dead thread.
pub(crate) fn end_after(report: fn(&str)) {
    std::panic::set_hook(Box::new(move |info| {
        report(&words(info));
        #[expect(clippy::exit, reason = "what is broken cannot return")]
        std::process::exit(BUG);
    }));
}

/// Returns the standard library's message for a panic.
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

    /// The child ignores its thread's result, so it would exit successfully without the hook.
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
                "effects::panic_hook::tests::a_panic_in_any_thread_is_reported_and_exits_with_101",
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
