//! What is wrong with a token that a client sent.

use std::error::Error as StdError;
use std::fmt;

use crate::text::Text;

/// The reason why a token is not accepted.
///
/// Each has a [`reason`](TokenFault::reason) for programs and a text for people. In terms of RFC 6750, all of
/// them are `invalid_token`, and the text suits `error_description`. The text never says what would have been
/// accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenFault {
    /// The token or its footer is longer than the framework's tokens can be.
    TooLong,
    /// The text does not have the shape of a token.
    Malformed,
    /// There is no key for its version and purpose.
    Unsupported,
    /// The token names an unknown key.
    UnknownKey,
    /// The token was made with another key or for another kind or context, or it was changed.
    Forged,
    /// The claims are not a JSON object, or a claim appears twice.
    MalformedClaims,
    /// The claim with this name is missing.
    MissingClaim(&'static str),
    /// The claim with this name has the wrong type.
    MalformedClaim(&'static str),
    /// The issuer is not the one that the key belongs to.
    WrongIssuer,
    /// The token is of another kind.
    WrongKind,
    /// The token is for another audience.
    WrongAudience,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// The token claims to be issued in the future.
    IssuedInFuture,
    /// The application's own claims are not those that this route reads.
    UnreadableClaims,
    /// The refresh token belongs to a program that was logged out.
    Ended,
    /// The refresh token was used before. Its program has been logged out.
    Reused,
    /// The token is limited to its scopes, and this route names no scope.
    Scoped,
}

impl TokenFault {
    /// Returns the stable code for programs, in snake case.
    pub fn reason(self) -> &'static str {
        self.text().reason()
    }

    /// Returns the text for people, in the characters that RFC 6750, section 3, allows.
    pub fn text(self) -> Text {
        let (id, words) = match self {
            Self::TooLong => ("token_too_long", "The token is too long."),
            Self::Malformed => ("token_malformed", "The token is malformed."),
            Self::Unsupported => {
                ("token_unsupported", "Tokens of this version and purpose are not accepted.")
            }
            Self::UnknownKey => ("token_key_unknown", "The key of the token is unknown."),
            Self::Forged => ("token_forged", "The token is not genuine."),
            Self::MalformedClaims => {
                ("token_claims_malformed", "The claims of the token cannot be read.")
            }
            Self::MissingClaim(name) => {
                let words = "The token lacks the claim {claim}.";
                return Text::new("token_claim_missing", words).with("claim", name);
            }
            Self::MalformedClaim(name) => {
                let words = "The claim {claim} cannot be read.";
                return Text::new("token_claim_malformed", words).with("claim", name);
            }
            Self::WrongIssuer => ("token_issuer_wrong", "The token is from another issuer."),
            Self::WrongKind => ("token_kind_wrong", "The token is of another kind."),
            Self::WrongAudience => ("token_audience_wrong", "The token is for another audience."),
            Self::Expired => ("token_expired", "The token has expired."),
            Self::NotYetValid => ("token_not_yet_valid", "The token is not valid yet."),
            Self::IssuedInFuture => {
                ("token_issued_in_future", "The token was issued in the future.")
            }
            Self::UnreadableClaims => {
                ("token_claims_unreadable", "The token lacks claims that are needed here.")
            }
            Self::Ended => ("refresh_token_ended", "The program was logged out."),
            Self::Reused => ("refresh_token_reused", "The token was already used."),
            Self::Scoped => {
                ("token_scoped", "The token only works for routes that require its scopes.")
            }
        };
        Text::new(id, words)
    }

    /// Returns `true` if the token will never be accepted where it was sent.
    ///
    /// Other faults may pass: a clock is behind, or instances restart one after the other and another one
    /// already has the newer keys and configuration. A client must not discard such a token, nor treat its
    /// program as logged out.
    pub fn is_final(self) -> bool {
        match self {
            Self::TooLong
            | Self::Malformed
            | Self::Forged
            | Self::MalformedClaims
            | Self::MissingClaim(_)
            | Self::MalformedClaim(_)
            | Self::WrongKind
            | Self::Expired
            | Self::Ended
            | Self::Reused => true,
            Self::Unsupported
            | Self::UnknownKey
            | Self::WrongIssuer
            | Self::WrongAudience
            | Self::NotYetValid
            | Self::IssuedInFuture
            | Self::UnreadableClaims
            | Self::Scoped => false,
        }
    }
}

/// Writes a sentence for people, in the characters that RFC 6750, section 3, allows.
impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl StdError for TokenFault {}

#[cfg(test)]
mod tests {
    use crate::rejection::token::TokenFault;

    const ALL: [TokenFault; 18] = [
        TokenFault::TooLong,
        TokenFault::Malformed,
        TokenFault::Unsupported,
        TokenFault::UnknownKey,
        TokenFault::Forged,
        TokenFault::MalformedClaims,
        TokenFault::MissingClaim("exp"),
        TokenFault::MalformedClaim("exp"),
        TokenFault::WrongIssuer,
        TokenFault::WrongKind,
        TokenFault::WrongAudience,
        TokenFault::Expired,
        TokenFault::NotYetValid,
        TokenFault::IssuedInFuture,
        TokenFault::UnreadableClaims,
        TokenFault::Ended,
        TokenFault::Reused,
        TokenFault::Scoped,
    ];

    #[test]
    fn what_another_instance_or_a_later_moment_may_accept_is_not_final() {
        let passing = ALL.into_iter().filter(|fault| !fault.is_final());
        let passing: Vec<&str> = passing.map(TokenFault::reason).collect();
        let expected = [
            "token_unsupported",
            "token_key_unknown",
            "token_issuer_wrong",
            "token_audience_wrong",
            "token_not_yet_valid",
            "token_issued_in_future",
            "token_claims_unreadable",
            "token_scoped",
        ];
        assert_eq!(passing, expected);
    }

    #[test]
    fn every_fault_has_a_reason_of_its_own_and_a_text_that_a_header_can_carry() {
        let mut reasons = ALL.map(TokenFault::reason).to_vec();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), ALL.len());
        for fault in ALL {
            let snake = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(fault.reason().chars().all(snake), "{}", fault.reason());
            let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
            assert!(fault.to_string().chars().all(allowed), "{fault}");
        }
    }
}
