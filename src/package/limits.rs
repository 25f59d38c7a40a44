//! The service's limits for an archive, and the messages about them.

use super::layer::{Weight, Weights};
use crate::{error::Message, text::byte_size};

const MB: u64 = 1_000_000;
/// The service documents "250 MB" and "750 MB", but not whether it counts in powers of ten or two.
/// An archive within the smaller limit is within both.
const ZIPPED: u64 = 250 * MB;
const UNZIPPED: u64 = 750 * MB;
/// How many of the largest parts are listed.
const NAMED: usize = 10;

/// Returns messages about exceeded limits, with the largest parts and what grew since the last
/// archive.
pub(crate) fn exceeded(
    zipped: u64,
    weights: &Weights,
    before: Option<&Weights>,
    with_bytecode: bool,
) -> Vec<Message> {
    let unzipped: u64 = weights.values().map(|weight| weight.unzipped).sum();
    let mut messages = Vec::new();
    for (size, limit, what, of) in [
        (
            zipped,
            ZIPPED,
            "the archive",
            (|weight| weight.zipped) as fn(&Weight) -> u64,
        ),
        (unzipped, UNZIPPED, "the unpacked archive", |weight| {
            weight.unzipped
        }),
    ] {
        if size <= limit {
            continue;
        }
        let mut message = Message::new(format!(
            "{what} has {}, but the service accepts {}",
            byte_size(size),
            byte_size(limit)
        ))
        .note(format!("the largest parts:\n{}", largest(weights, of)));
        if let Some(grown) = before.map(|before| grown(weights, before, of))
            && !grown.is_empty()
        {
            message = message.note(format!("since the last archive:\n{grown}"));
        }
        messages.push(message.help(
            "take out requirements that the agent does not import, and data that it can fetch",
        ));
    }
    if let Some(last) = messages.last_mut() {
        if with_bytecode {
            last.help.push(
                "`bytecode = \"never\"` in the agent's table leaves the compiled files out"
                    .to_owned(),
            );
        }
        last.help.push(
            "or ship it as a container image, which may have 2 GB: `artifact = \"image\"` (see `cargo agentcore help images`)"
                .to_owned(),
        );
    }
    messages
}

/// Returns messages about exceeded limits of an archive with one program.
pub(crate) fn exceeded_by_program(zipped: u64, weights: &Weights) -> Vec<Message> {
    let unzipped: u64 = weights.values().map(|weight| weight.unzipped).sum();
    let sizes = [
        (zipped, ZIPPED, "the archive"),
        (unzipped, UNZIPPED, "the unpacked archive"),
    ];
    let exceeded = sizes.into_iter().filter(|(size, limit, _)| size > limit);
    exceeded
        .map(|(size, limit, what)| {
            Message::new(format!(
                "{what} has {}, but the service accepts {}",
                byte_size(size),
                byte_size(limit)
            ))
            .help("`strip = true` in the cargo profile takes debugging symbols out of the program")
            .help("or ship it as a container image, which may have 2 GB: `artifact = \"image\"`")
        })
        .collect()
}

fn largest(weights: &Weights, of: fn(&Weight) -> u64) -> String {
    let mut parts: Vec<_> = weights
        .iter()
        .map(|(name, weight)| (of(weight), name))
        .collect();
    parts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    lines(
        parts
            .into_iter()
            .map(|(size, name)| format!("{:>10} {name}", byte_size(size))),
    )
}

fn grown(weights: &Weights, before: &Weights, of: fn(&Weight) -> u64) -> String {
    let mut parts: Vec<_> = weights
        .iter()
        .filter_map(|(name, weight)| {
            let old = before.get(name).map_or(0, of);
            let more = of(weight).checked_sub(old).filter(|more| *more > 0)?;
            Some((more, name, old == 0))
        })
        .collect();
    parts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    lines(parts.into_iter().map(|(more, name, new)| {
        let word = if new { "new" } else { "grown" };
        format!("{:>10} {name} ({word})", format!("+{}", byte_size(more)))
    }))
}

fn lines(parts: impl Iterator<Item = String>) -> String {
    parts.take(NAMED).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(parts: &[(&str, u64)]) -> Weights {
        parts
            .iter()
            .map(|(name, size)| {
                let weight = Weight {
                    zipped: size * MB / 10,
                    unzipped: size * MB,
                };
                ((*name).to_owned(), weight)
            })
            .collect()
    }

    #[test]
    fn an_archive_at_the_limits_passes() {
        let parts = weights(&[("a", 750)]);
        assert_eq!(exceeded(ZIPPED, &parts, None, true), []);
    }

    #[test]
    fn the_largest_parts_and_the_growth_are_named() {
        let names: Vec<String> = (0..12).map(|at| format!("p{at:02}")).collect();
        let now: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(60..).collect();
        let messages = exceeded(1, &weights(&now), Some(&weights(&now[..11])), true);
        assert_eq!(messages.len(), 1);
        assert_eq!(
            messages[0].what,
            "the unpacked archive has 786.0 MB, but the service accepts 750.0 MB"
        );
        assert!(
            messages[0].notes[0].starts_with("the largest parts:\n   71.0 MB p11\n   70.0 MB p10")
        );
        assert_eq!(messages[0].notes[0].lines().count(), 11);
        assert_eq!(
            messages[0].notes[1],
            "since the last archive:\n  +71.0 MB p11 (new)"
        );
        assert!(messages[0].help[1].contains("bytecode"));
    }

    #[test]
    fn a_program_has_the_same_limits_and_another_way_out() {
        assert_eq!(exceeded_by_program(ZIPPED, &weights(&[("a", 750)])), []);
        let messages = exceeded_by_program(ZIPPED + 1, &weights(&[("a", 751)]));
        let whats: Vec<&str> = messages.iter().map(|message| &*message.what).collect();
        assert_eq!(
            whats,
            [
                "the archive has 250.0 MB, but the service accepts 250.0 MB",
                "the unpacked archive has 751.0 MB, but the service accepts 750.0 MB"
            ]
        );
        assert!(messages[0].help[0].contains("strip"));
    }

    #[test]
    fn both_limits_are_told_at_once() {
        let messages = exceeded(ZIPPED + 1, &weights(&[("a", 751)]), None, false);
        assert_eq!(messages.len(), 2);
        assert!(messages[1].help[1].contains("image"));
    }
}
