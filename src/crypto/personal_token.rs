//! The text of a personal access token: a prefix, 256 random bits, and a checksum.
//!
//! `rspat_` is followed by 49 characters of `0-9A-Za-z`: 43 for the secret, and 6 for a CRC-32 of everything
//! before them. The prefix lets scanners find tokens that were published by mistake. The checksum lets them
//! ignore text that only looks like a token, and saves a query of the store. Neither makes a token harder to
//! guess; the 256 random bits do.

use crc::{CRC_32_ISO_HDLC, Crc};

use crate::crypto::one_time::Token;
use crate::secret::Secret;

/// The length of the secret, in characters: 62^43 is just above 2^256.
const SECRET: usize = 43;

/// The length of the checksum, in characters: 62^6 is above 2^32.
const CHECKSUM: usize = 6;

/// The CRC-32 of zlib and PNG.
const CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Returns the full text of a token, which is shown once.
pub fn reveal(prefix: &str, token: &Token) -> Secret<String> {
    let text = format!("{prefix}_{}", encode(token.bytes()));
    let checksum = checksum(&text);
    Secret::new(text + &checksum)
}

/// Returns `true` if a text begins like such a token.
pub fn begins(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'))
}

/// Reads the full text of a token. Returns `None` for other or mistyped text.
pub fn parse(prefix: &str, text: &str) -> Option<Token> {
    let digits = text.strip_prefix(prefix)?.strip_prefix('_')?;
    if digits.len() != SECRET + CHECKSUM {
        return None;
    }
    let (secret, given) = digits.split_at_checked(SECRET)?;
    let before = text.strip_suffix(given)?;
    (checksum(before) == given).then(|| decode(secret).map(Token::from_bytes))?
}

/// Returns a regular expression with which scanners find such tokens.
pub fn pattern(prefix: &str) -> String {
    format!("\\b{prefix}_[0-9A-Za-z]{{{}}}\\b", SECRET + CHECKSUM)
}

/// Writes a number of 256 bits in base 62, the highest digit first.
fn encode(bytes: &[u8; 32]) -> String {
    let mut number = *bytes;
    let digits: Vec<u8> = (0..SECRET).map(|_| digit(divide(&mut number))).collect();
    digits.into_iter().rev().map(char::from).collect()
}

/// Divides a number by 62, and returns the remainder.
fn divide(number: &mut [u8; 32]) -> u32 {
    let mut rest: u32 = 0;
    for byte in number {
        let dividend = rest * 256 + u32::from(*byte);
        // Less than 256, because the remainder is less than 62.
        *byte = u8::try_from(dividend / 62).unwrap_or_default();
        rest = dividend % 62;
    }
    rest
}

/// Reads a number that [`encode`] wrote. Returns `None` if it has more than 256 bits.
fn decode(text: &str) -> Option<[u8; 32]> {
    let mut number = [0; 32];
    for character in text.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == character)?;
        let mut carry = u32::try_from(digit).ok()?;
        for byte in number.iter_mut().rev() {
            let sum = u32::from(*byte) * 62 + carry;
            *byte = u8::try_from(sum % 256).ok()?;
            carry = sum / 256;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(number)
}

fn digit(value: u32) -> u8 {
    let place = usize::try_from(value).unwrap_or_default();
    DIGITS.get(place).copied().unwrap_or(b'0')
}

/// Returns the CRC-32 of a text, as zlib and PNG compute it, in base 62.
fn checksum(text: &str) -> String {
    let mut rest = CRC_32.checksum(text.as_bytes());
    let mut digits = Vec::new();
    for _ in 0..CHECKSUM {
        digits.push(digit(rest % 62));
        rest /= 62;
    }
    digits.into_iter().rev().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use crate::crypto::one_time::Token;
    use crate::crypto::personal_token::{CRC_32, begins, checksum, decode, encode, parse, reveal};

    #[test]
    fn a_token_survives_its_text() {
        for token in [[0; 32], [255; 32]].map(Token::from_bytes) {
            assert_eq!(parse("rspat", reveal("rspat", &token).expose()), Some(token));
        }
        for _ in 0..200 {
            let token = Token::random().unwrap();
            let text = reveal("rspat", &token);
            assert_eq!(text.expose().len(), "rspat_".len() + 49);
            assert_eq!(parse("rspat", text.expose()), Some(token));
        }
    }

    #[test]
    fn a_text_with_one_other_character_is_none() {
        let text = reveal("rspat", &Token::random().unwrap());
        for place in 0..text.expose().len() {
            for other in ["0", "Z", "z", "_", "-", "\u{e9}"] {
                let mut changed = text.expose().clone();
                changed.replace_range(place..=place, other);
                if changed != *text.expose() {
                    assert_eq!(parse("rspat", &changed), None, "{changed}");
                }
            }
        }
        for text in ["", "rspat", "rspat_", "rspat_0", &"rspat_".repeat(9), &text.expose()[6..]] {
            assert_eq!(parse("rspat", text), None, "{text}");
        }
        assert_eq!(parse("other", text.expose()), None);
        assert!(begins("rspat", text.expose()) && !begins("rspa", text.expose()));
    }

    #[test]
    fn no_number_of_more_bits_is_read_as_a_smaller_one() {
        assert_eq!(decode(&encode(&[255; 32])), Some([255; 32]));
        let text = format!("rspat_{}", "z".repeat(43));
        assert_eq!(parse("rspat", &format!("{text}{}", checksum(&text))), None);
    }

    #[test]
    fn the_checksum_is_that_of_others() {
        // The check value of CRC-32/ISO-HDLC in catalogues of checksums.
        assert_eq!(CRC_32.checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum(""), "000000");
    }
}
