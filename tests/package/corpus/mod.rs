//! Files with secrets, and files that only look like it.
//!
//! No value is written out here: each is generated from an alphabet, always the same.

mod harmless;
mod secrets;

pub use self::{harmless::harmless, secrets::secrets};

/// A file below its own folder, and its content.
pub type Case = (&'static str, Vec<u8>);

const LETTERS_AND_DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";
const KEY_ID: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn made(alphabet: &str, length: usize) -> String {
    let alphabet = alphabet.as_bytes();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ (length as u64) << 7 ^ alphabet.len() as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = usize::try_from(state >> 33).unwrap() % alphabet.len();
        char::from(alphabet[at])
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn token(length: usize) -> String {
    made(LETTERS_AND_DIGITS, length)
}

fn hex(length: usize) -> String {
    made(HEX, length)
}

fn key_id() -> String {
    format!("{}{}", "AKIA", made(KEY_ID, 16))
}

/// Returns 40 characters, as in Amazon's keys.
fn aws_secret() -> String {
    format!("{}/{}+{}", token(12), token(15), token(11))
}

fn begin(kind: &str) -> String {
    format!("-----{} {kind}-----", "BEGIN")
}

fn end(kind: &str) -> String {
    format!("-----{} {kind}-----", "END")
}

fn armored(kind: &str) -> String {
    format!(
        "{}\n{}\n{}\n{}\n",
        begin(kind),
        token(64),
        token(63),
        end(kind)
    )
}

fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
    units
        .flat_map(|unit| {
            if big_endian {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        })
        .collect()
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = text
        .bytes()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    bits.chunks(6)
        .map(|chunk| {
            let value = chunk.iter().fold(0, |sum, bit| sum << 1 | bit) << (6 - chunk.len());
            char::from(ALPHABET[usize::from(value)])
        })
        .collect()
}
