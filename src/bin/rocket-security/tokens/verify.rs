//! `rocket-security tokens verify`.

use rocket_security::token::Access;
use rocket_security::token::MAX_TOKEN_BYTES;
use rocket_security::token::Verified;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::application::tokens;
use crate::terminal::Failure;
use crate::terminal::print;
use crate::terminal::read_line;

/// Runs it.
pub(crate) fn run() -> Result<(), Failure> {
    let verified = read_token()?;
    print(json!({
        "issuer": verified.issuer(),
        "is_foreign": verified.is_foreign(),
        "subject": verified.subject(),
        "audience": verified.audience(),
        "expires_at": verified.expires_at(),
        "not_before": verified.not_before(),
        "issued_at": verified.issued_at(),
        "id": verified.id(),
        "denied_as": verified.denied_as(),
        "session": verified.session(),
        "family": verified.family(),
        "epoch": verified.epoch(),
        "key": verified.key_id(),
        "footer": verified.footer(),
        "claims": verified.claims,
    }))
}

/// Reads a token from standard input, and verifies it.
pub(crate) fn read_token() -> Result<Verified<Map<String, Value>, Access>, Failure> {
    let verifier = tokens()?.verifier();
    let token = read_line(MAX_TOKEN_BYTES)?;
    verifier
        .verify(token.expose().trim_end())
        .map_err(|fault| Failure::refused(format!("{} ({})", fault, fault.reason())))
}
