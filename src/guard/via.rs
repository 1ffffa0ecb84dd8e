//! Mechanisms as types, for the guard [`AuthVia`](crate::AuthVia).
//!
//! The types are [`SessionCookie`], [`BearerToken`], [`PersonalToken`], [`BasicAuth`] and [`Ticket`].
//! Implement [`Via`] to have one for a custom mechanism.

use crate::guard::mechanism::{BASIC, PERSONAL_TOKEN, SESSION, TICKET, TOKEN};

/// A mechanism as a type.
pub trait Via: Send + Sync + 'static {
    /// The [name](crate::guard::mechanism::Mechanism::name) of the mechanism.
    const NAME: &'static str;
}

/// The session cookie of a login.
#[derive(Clone, Copy, Debug)]
pub struct SessionCookie;

/// An access token, by the feature [`tokens`](crate::features::tokens).
#[derive(Clone, Copy, Debug)]
pub struct BearerToken;

/// A ticket with the handshake of a WebSocket, by the feature [`tickets`](crate::features::tickets).
#[derive(Clone, Copy, Debug)]
pub struct Ticket;

/// A name and a password with each request, by the feature [`basic`](crate::features::basic).
#[derive(Clone, Copy, Debug)]
pub struct BasicAuth;

/// A personal access token with any scopes, by the feature
/// [`personal_tokens`](crate::features::personal_tokens).
#[derive(Clone, Copy, Debug)]
pub struct PersonalToken;

impl Via for SessionCookie {
    const NAME: &'static str = SESSION;
}

impl Via for BearerToken {
    const NAME: &'static str = TOKEN;
}

impl Via for Ticket {
    const NAME: &'static str = TICKET;
}

impl Via for BasicAuth {
    const NAME: &'static str = BASIC;
}

impl Via for PersonalToken {
    const NAME: &'static str = PERSONAL_TOKEN;
}

/// One mechanism, or a tuple of up to four. The first in the tuple that a request uses becomes the mechanism
/// of the request.
pub trait ViaSet: Send + Sync + 'static {
    /// Returns the names of the mechanisms, in the order of the tuple.
    fn names() -> Vec<&'static str>;
}

impl<M: Via> ViaSet for M {
    fn names() -> Vec<&'static str> {
        vec![M::NAME]
    }
}

macro_rules! via_set {
    ($($via:ident),+) => {
        impl<$($via: Via),+> ViaSet for ($($via,)+) {
            fn names() -> Vec<&'static str> {
                vec![$($via::NAME),+]
            }
        }
    };
}

via_set!(A);
via_set!(A, B);
via_set!(A, B, C);
via_set!(A, B, C, D);
