//! What a configuration file of cargo says about a build.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The option that compiles for the processor of this machine.
const NATIVE: &str = "target-cpu=native";

/// Returns true if the flags compile for the processor of this machine.
pub(crate) fn is_native(flags: &str) -> bool {
    // Encoded flags are separated by U+001F.
    let words = flags.split(|c: char| c.is_whitespace() || c == '\u{1f}');
    words.into_iter().any(|word| word.ends_with(NATIVE))
}

/// Returns true if the text names a linker for the target.
pub(crate) fn has_linker(text: &str, triple: &str) -> bool {
    let Ok(root) = DeTable::parse(text) else {
        return false;
    };
    let table = root.get_ref().get("target").map(Spanned::get_ref);
    let table = table.and_then(|table| table.get(triple)?.get_ref().get("linker"));
    table.is_some()
}

/// Returns the default target of a configuration file.
pub(crate) fn default_target(text: &str) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let build = root.get_ref().get("build")?.get_ref();
    Some(build.get("target")?.get_ref().as_str()?.to_owned())
}

/// Returns the position of flags that compile for this machine's processor, in `build` or in a table
/// that may apply to the target.
pub(crate) fn native_flags(text: &str, triple: &str) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let build = root.get_ref().get("build").map(Spanned::get_ref);
    let targets = root.get_ref().get("target").map(Spanned::get_ref);
    let targets = targets.and_then(DeValue::as_table).into_iter().flatten();
    let targets = targets
        .filter(|(name, _)| name.get_ref() == triple || name.get_ref().starts_with("cfg("))
        .map(|(_, table)| table.get_ref());
    let tables = build.into_iter().chain(targets);
    let flags = tables.filter_map(|table| table.get("rustflags"));
    flags.flat_map(words).find_map(|word| {
        let text = word.get_ref().as_str()?;
        is_native(text).then(|| word.span())
    })
}

/// Returns the strings of flags, which are a string or a list.
fn words<'t>(flags: &'t Spanned<DeValue<'t>>) -> Vec<&'t Spanned<DeValue<'t>>> {
    match flags.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![flags],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "aarch64-unknown-linux-musl";

    #[test]
    fn flags_for_this_machines_processor_are_found_where_they_are() {
        let at = |text: &str| native_flags(text, TARGET).map(|span| text[span].to_owned());
        for (text, found) in [
            (
                "[build]\nrustflags = [\"-C\", \"target-cpu=native\"]",
                Some("\"target-cpu=native\""),
            ),
            (
                "[build]\nrustflags = \"-g -Ctarget-cpu=native\"",
                Some("\"-g -Ctarget-cpu=native\""),
            ),
            (
                "[target.aarch64-unknown-linux-musl]\nrustflags = [\"-Ctarget-cpu=native\"]",
                Some("\"-Ctarget-cpu=native\""),
            ),
            (
                "[target.'cfg(target_os = \"linux\")']\nrustflags = [\"-Ctarget-cpu=native\"]",
                Some("\"-Ctarget-cpu=native\""),
            ),
            (
                "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Ctarget-cpu=native\"]",
                None,
            ),
            ("[build]\nrustflags = [\"-Ctarget-cpu=neoverse-n1\"]", None),
            ("[build", None),
        ] {
            assert_eq!(at(text).as_deref(), found, "{text}");
        }
        assert!(is_native("-C\u{1f}target-cpu=native"));
    }

    #[test]
    fn a_linker_and_a_default_target_are_read() {
        let text = "[target.aarch64-unknown-linux-musl]\nlinker = \"x\"\n[build]\ntarget = \"t\"\n";
        assert!(has_linker(text, TARGET));
        assert!(!has_linker(text, "aarch64-unknown-linux-gnu"));
        assert_eq!(default_target(text).as_deref(), Some("t"));
        assert_eq!(default_target(""), None);
    }
}
