//! What a configuration file of cargo says about a build.

use std::ops::Range;

use cargo_platform::{Cfg, Platform};
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

/// What the agent is built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuiltFor {
    pub(crate) triple: String,
    /// What `rustc --print cfg` says about it.
    cfgs: Vec<Cfg>,
}

impl BuiltFor {
    /// Reads the lines of `rustc --print cfg`.
    pub(crate) fn new(triple: &str, cfgs: &str) -> Self {
        Self {
            triple: triple.to_owned(),
            cfgs: cfgs.lines().filter_map(|line| line.parse().ok()).collect(),
        }
    }

    /// Returns true if a table of `target` with this name applies.
    fn is_meant(&self, name: &str) -> bool {
        let platform = name.parse::<Platform>();
        platform.is_ok_and(|platform| platform.matches(&self.triple, &self.cfgs))
    }
}

/// Returns true if the text names a linker for the target.
pub(crate) fn has_linker(text: &str, target: &BuiltFor) -> bool {
    let Ok(root) = DeTable::parse(text) else {
        return false;
    };
    let tables = root.get_ref().get("target").map(Spanned::get_ref);
    let mut tables = tables.and_then(DeValue::as_table).into_iter().flatten();
    tables.any(|(name, table)| {
        target.is_meant(name.get_ref()) && table.get_ref().get("linker").is_some()
    })
}

/// Returns the default target of a configuration file.
pub(crate) fn default_target(text: &str) -> Option<String> {
    let root = DeTable::parse(text).ok()?;
    let build = root.get_ref().get("build")?.get_ref();
    Some(build.get("target")?.get_ref().as_str()?.to_owned())
}

/// Returns the position of flags that compile for this machine's processor, in `build` or in a table
/// that applies to the target.
pub(crate) fn native_flags(text: &str, target: &BuiltFor) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?;
    let build = root.get_ref().get("build").map(Spanned::get_ref);
    let targets = root.get_ref().get("target").map(Spanned::get_ref);
    let targets = targets.and_then(DeValue::as_table).into_iter().flatten();
    let targets = targets
        .filter(|(name, _)| target.is_meant(name.get_ref()))
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

    fn target() -> BuiltFor {
        let cfgs = "target_arch=\"aarch64\"\ntarget_env=\"musl\"\ntarget_os=\"linux\"\nunix\n";
        BuiltFor::new("aarch64-unknown-linux-musl", cfgs)
    }

    #[test]
    fn flags_for_this_machines_processor_are_found_where_they_are() {
        let at = |text: &str| native_flags(text, &target()).map(|span| text[span].to_owned());
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
            (
                "[target.'cfg(target_os = \"macos\")']\nrustflags = [\"-Ctarget-cpu=native\"]",
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
        let linker = |table: &str| {
            let text = format!("[target.{table}]\nlinker = \"x\"\n");
            has_linker(&text, &target())
        };
        assert!(linker("aarch64-unknown-linux-musl"));
        assert!(linker("'cfg(all(unix, target_arch = \"aarch64\"))'"));
        assert!(linker("'cfg(not(windows))'"));
        assert!(!linker("aarch64-unknown-linux-gnu"));
        assert!(!linker("'cfg(target_env = \"gnu\")'"));
        assert!(!linker("'cfg(broken'"));
        assert!(!has_linker(
            "[target.'cfg(unix)']\nrunner = \"x\"\n",
            &target()
        ));
        let text = "[build]\ntarget = \"t\"\n";
        assert_eq!(default_target(text).as_deref(), Some("t"));
        assert_eq!(default_target(""), None);
    }
}
