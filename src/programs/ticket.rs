//! Tickets: each opens one WebSocket, once, for the user who requested it.

use chrono::TimeDelta;
use rocket::Request;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Token;
use crate::crypto::random_uuid;
use crate::datastore::TicketStore;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::refresh::TokenTrace;
use crate::flow::Flow;
use crate::flow::once::Admitted;
use crate::programs::bearer::bearer_by;
use crate::programs::kept::Programs;
use crate::rejection::Rejection;
use crate::user::{User, UserId};
use crate::web::Site;

/// How long a ticket is valid, in seconds. A page requests it just before the handshake.
pub const LIFETIME_SECONDS: u32 = 30;

/// The largest number of tickets of one login, for the sockets that a page opens at once. The oldest are
/// deleted.
const AT_MOST: u32 = 20;

/// What a ticket depends on: the credential of the request for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketBy {
    /// A program's login, by its public id.
    Family(Uuid),
    /// A session, by its public id.
    Session(Uuid),
    /// Neither.
    User,
}

impl TicketBy {
    /// Returns the program's login if there is one, because it outlives the session that it began in.
    pub fn of(family: Option<Uuid>, session: Option<Uuid>) -> Self {
        family.map(Self::Family).or(session.map(Self::Session)).unwrap_or(Self::User)
    }

    fn trace(self, user: UserId) -> TokenTrace {
        let (family, session) = match self {
            Self::Family(id) => (Some(id), None),
            Self::Session(id) => (None, Some(id)),
            Self::User => (None, None),
        };
        // It is not a token, so it cannot be denied.
        TokenTrace { user, family, session, jti: String::new() }
    }
}

impl Programs {
    /// Issues a ticket for a user. It ends with the program's login or the session that requested it, if any,
    /// and with any change of the account.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] if the account changed in the meantime; [`Rejection::Unavailable`]
    /// if the store does not answer.
    pub async fn issue_ticket(
        &self,
        store: &dyn TicketStore,
        user: &User,
        by: TicketBy,
        now: Timestamp,
    ) -> Result<String, Rejection> {
        let ticket = Ticket { token: Token::random()?, by };
        let kept = OneTimeToken {
            digest: ticket.token.digest(),
            purpose: ticket.purpose(),
            user_id: user.id,
            address: user.email.to_string(),
            mail_id: random_uuid()?,
            lasting: false,
            asked_at: now,
            expires_at: now + TimeDelta::seconds(LIFETIME_SECONDS.into()),
        };
        if !store.create_token_beside(&kept, AT_MOST, user.epoch).await? {
            return Err(Rejection::CredentialsRefused);
        }
        Ok(ticket.reveal())
    }

    /// Authenticates a request with a ticket, and uses the ticket up. `authn_via` is the mechanism that
    /// events name.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] if the ticket is unknown, used or expired, or if the session or the
    /// program's login that requested it has ended; the others as [`admit_bearer`](Flow::admit_bearer).
    pub async fn admit_ticket(
        &self,
        flow: &Flow,
        request: &Request<'_>,
        site: &Site,
        ticket: &str,
        authn_via: &str,
    ) -> Result<Admitted, Rejection> {
        let ticket = Ticket::parse(ticket).ok_or(Rejection::CredentialsRefused)?;
        let (digest, now) = (ticket.token.digest(), site.clock().now());
        let spent = self.store.spend_token(&digest, &ticket.purpose(), now).await?;
        let Some(spent) = spent else {
            // An expired ticket must not work again if the clock is set back: with the earliest possible
            // time, it has not expired and can be used up.
            self.store.spend_token(&digest, &ticket.purpose(), Timestamp::default()).await?;
            return Err(Rejection::CredentialsRefused);
        };
        let (user, lives_by) = self.find_alive(site, &ticket.by.trace(spent.user_id)).await?;
        // A change of the account would have deleted the ticket.
        let bearer = bearer_by(&lives_by, user.epoch, authn_via);
        flow.admit_bearer(request, user, bearer).await
    }
}

/// The contents of a ticket: a secret, and what the ticket depends on.
struct Ticket {
    token: Token,
    by: TicketBy,
}

impl Ticket {
    fn parse(text: &str) -> Option<Self> {
        let (by, token) = text.split_once('.')?;
        let by = match by.split_at_checked(1) {
            None => TicketBy::User,
            Some(("f", id)) => TicketBy::Family(Uuid::try_parse(id).ok()?),
            Some(("s", id)) => TicketBy::Session(Uuid::try_parse(id).ok()?),
            Some(_) => return None,
        };
        Some(Self { token: Token::parse(token)?, by })
    }

    fn reveal(&self) -> String {
        format!("{}.{}", self.by_text(), self.token.reveal())
    }

    /// Returns the purpose of the stored token. It names what the ticket depends on, so that a ticket cannot
    /// be presented as one that depends on something else.
    fn purpose(&self) -> String {
        format!("ticket:{}", self.by_text())
    }

    fn by_text(&self) -> String {
        match self.by {
            TicketBy::Family(id) => format!("f{}", id.simple()),
            TicketBy::Session(id) => format!("s{}", id.simple()),
            TicketBy::User => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::crypto::one_time::Token;
    use crate::programs::ticket::{Ticket, TicketBy};

    #[test]
    fn a_ticket_survives_its_text_and_lives_by_one_thing() {
        let token = Token::random().unwrap();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let all =
            [TicketBy::User, TicketBy::Session(one), TicketBy::Session(two), TicketBy::Family(one)];
        let tickets = all.map(|by| Ticket { token: token.clone(), by });
        for ticket in &tickets {
            let read = Ticket::parse(&ticket.reveal()).unwrap();
            assert_eq!((read.by, read.purpose()), (ticket.by, ticket.purpose()));
            // The length that stores reserve for a purpose.
            assert!(ticket.purpose().len() <= 64);
            let others = tickets.iter().filter(|other| other.by != ticket.by);
            assert!(others.clone().count() == 3);
            assert!(others.into_iter().all(|other| other.purpose() != ticket.purpose()));
        }
    }

    #[test]
    fn what_is_no_ticket_is_none() {
        let token = Token::random().unwrap().reveal();
        let id = Uuid::from_u128(1).simple();
        let wrong = [format!("x{id}.{token}"), format!("{id}.{token}"), format!("f.{token}")];
        for text in ["", ".", "a", "a.b", &token, &format!(".{token}.")] {
            assert!(Ticket::parse(text).is_none(), "{text:?}");
        }
        for text in wrong {
            assert!(Ticket::parse(&text).is_none(), "{text:?}");
        }
    }
}
