//! How long tokens and their footers are at most.

/// The longest token that is issued or looked at, in bytes. Servers and proxies commonly take no
/// more in a header.
pub const MAX_TOKEN_BYTES: usize = 8_192;

/// The longest footer as it stands in a token, in bytes: it is read before anything is known of the
/// token (PASETO, section on key ids, asks for a limit).
pub const MAX_FOOTER_BYTES: usize = 1_024;
