//! The language of a project's README.

/// The language of `README.md`; `Both` adds a `README_ja.md` to an English one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Japanese,
    Both,
}

impl Language {
    /// Returns the language of a locale such as `ja_JP.UTF-8`: English unless it is Japanese.
    pub(crate) fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '-', '.', '@']).next();
        match language {
            Some(language) if language.eq_ignore_ascii_case("ja") => Self::Japanese,
            Some(_) | None => Self::English,
        }
    }

    /// Returns the name of a template's file in the project, or `None` if it has no such file.
    pub(super) fn name_of(self, path: &str) -> Option<&str> {
        match (path, self) {
            ("README.md", Self::Japanese) | ("README_ja.md", Self::English) => None,
            ("README_ja.md", Self::Japanese) => Some("README.md"),
            (path, Self::English | Self::Japanese | Self::Both) => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_names_its_language() {
        for locale in ["ja", "ja_JP", "ja_JP.UTF-8", "ja-JP", "JA_jp.eucJP"] {
            assert_eq!(Language::of_locale(locale), Language::Japanese, "{locale}");
        }
        for locale in [
            "",
            "C",
            "C.UTF-8",
            "POSIX",
            "en_US.UTF-8",
            "jam_JM",
            "de_DE@euro",
        ] {
            assert_eq!(Language::of_locale(locale), Language::English, "{locale}");
        }
    }
}
