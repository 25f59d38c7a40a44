//! What a mistyped word was probably meant to be.

/// Returns the name in `known` that is most similar to `word`, if any is similar.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(word.len()) / 3)
        .min()
        .map(|(_, known)| known)
}

/// Asks whether `name` was meant.
pub(crate) fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// Returns the end of a message about an unknown word: the most similar known one, or nothing.
pub(crate) fn suggestion<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map_or(String::new(), |near| format!("; {}", did_you_mean(near)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_suggested_if_it_is_similar_enough() {
        let known = ["memory", "gateway", "sqs", "sns"];
        for (word, near) in [
            ("memroy", Some("memory")),
            ("gatewya", Some("gateway")),
            ("sq", Some("sqs")),
            ("kinesis", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), near, "{word}");
        }
        assert_eq!(suggestion("memroy", known), "; did you mean `memory`?");
        assert_eq!(suggestion("kinesis", known), "");
    }
}
