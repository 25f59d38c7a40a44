//! Text for messages.

/// Returns the name in `known` that is most similar to `word`, if any is similar.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(word.len()) / 3)
        .min()
        .map(|(_, known)| known)
}

/// Returns `1 file`, `2 files`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
