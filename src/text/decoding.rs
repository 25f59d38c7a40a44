//! Decodes text from other programs, which may be in any encoding.

use std::fmt;

/// The byte order mark that Windows programs put before UTF-8.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// Why bytes are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotUtf8 {
    Utf16,
    Byte {
        byte: u8,
        /// From 0.
        offset: usize,
        /// From 1, as in editors.
        line: usize,
        column: usize,
    },
}

impl std::error::Error for NotUtf8 {}

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf16 => f.write_str("it is UTF-16, not UTF-8"),
            Self::Byte {
                byte,
                offset,
                line,
                column,
            } => write!(
                f,
                "it is not UTF-8: byte 0x{byte:02X} at offset {offset} (line {line}, column {column})"
            ),
        }
    }
}

impl NotUtf8 {
    /// Says how to fix it. `is_windows` means that the user has no `iconv`.
    pub(crate) fn help(self, is_windows: bool) -> &'static str {
        match (self, is_windows) {
            (Self::Utf16, true) => {
                "save it as UTF-8: `Get-Content OLD | Set-Content -Encoding utf8 NEW` in PowerShell, whose `>` writes UTF-16"
            }
            (Self::Utf16, false) => {
                "save it as UTF-8: `iconv -f UTF-16 -t UTF-8 OLD > NEW`; `>` in PowerShell writes UTF-16"
            }
            (Self::Byte { .. }, true) => {
                "save it as UTF-8, as every editor can; it is probably in the encoding of an older Windows program"
            }
            (Self::Byte { .. }, false) => {
                "save it as UTF-8: `iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW`, if it is Latin-1 or from Windows"
            }
        }
    }
}

/// Returns the text without a byte order mark.
pub(crate) fn decoded(mut bytes: Vec<u8>) -> Result<String, NotUtf8> {
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    let is_utf16 = match bytes[..] {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        // Without a mark, one of the first two bytes of plain text is zero.
        [first, second, ..] => (first == 0) != (second == 0),
        _ => false,
    };
    if is_utf16 {
        return Err(NotUtf8::Utf16);
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = String::from_utf8_lossy(&bytes[..offset]);
        let in_line = before.rsplit('\n').next().unwrap_or_default();
        NotUtf8::Byte {
            byte: bytes[offset],
            offset,
            line: before.matches('\n').count() + 1,
            column: in_line.chars().count() + 1,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_dropped_and_other_encodings_are_named() {
        let read = |bytes: &[u8]| decoded(bytes.to_vec()).map_err(|error| error.to_string());
        assert_eq!(read(b"\xef\xbb\xbfboto3\n"), Ok("boto3\n".to_owned()));
        assert_eq!(read("日本\n".as_bytes()), Ok("日本\n".to_owned()));
        assert_eq!(read(b""), Ok(String::new()));
        for utf16 in [
            &b"\xff\xfeb\0o\0"[..],
            b"\xfe\xff\0b\0o",
            b"b\0o\0",
            b"\0b\0o",
        ] {
            assert_eq!(read(utf16), Err("it is UTF-16, not UTF-8".to_owned()));
        }
        assert_eq!(
            read(
                "# é\n# caf"
                    .as_bytes()
                    .iter()
                    .copied()
                    .chain([0xe9])
                    .collect::<Vec<u8>>()
                    .as_slice()
            ),
            Err("it is not UTF-8: byte 0xE9 at offset 10 (line 2, column 6)".to_owned())
        );
    }
}
