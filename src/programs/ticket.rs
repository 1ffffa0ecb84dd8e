//! Tickets: each opens one WebSocket, once, for the user who asked for it.

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

/// How long a ticket waits for its handshake, in seconds: it is asked for just before.
pub const LIFETIME_SECONDS: u32 = 30;

/// How many tickets a login has at most: one for each of the sockets that a page opens at once. The
/// oldest give way.
const AT_MOST: u32 = 20;

/// What a ticket lives by: what its asker came by.
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
    /// Takes the program's login where there is one, for it outlives the session that it began in.
    pub fn of(family: Option<Uuid>, session: Option<Uuid>) -> Self {
        family.map(Self::Family).or(session.map(Self::Session)).unwrap_or(Self::User)
    }

    fn trace(self, user: UserId) -> TokenTrace {
        let (family, session) = match self {
            Self::Family(id) => (Some(id), None),
            Self::Session(id) => (None, Some(id)),
            Self::User => (None, None),
        };
        // It is no token, and so none that is denied.
        TokenTrace { user, family, session, jti: String::new() }
    }
}

impl Programs {
    /// Issues a ticket for a user, which dies with the program's login or the session that they asked from,
    /// if there is one, and with any change of the account.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] when the account changed while it was made;
    /// [`Rejection::Unavailable`] when the store does not answer.
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

    /// Admits the user of a ticket, and uses the ticket up. `authn_via` is what events tell.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] for one that was used, has expired, or never was, and when what
    /// it was asked for from is over; the rest as [`admit_bearer`](Flow::admit_bearer).
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
            // One that is too old must not work again when the clock steps back: at the beginning of time
            // it is used up.
            self.store.spend_token(&digest, &ticket.purpose(), Timestamp::default()).await?;
            return Err(Rejection::CredentialsRefused);
        };
        let (user, lives_by) = self.find_alive(site, &ticket.by.trace(spent.user_id)).await?;
        // A change of the account would have taken the ticket along.
        let bearer = bearer_by(&lives_by, user.epoch, authn_via);
        flow.admit_bearer(request, user, bearer).await
    }
}

/// What a ticket carries: a secret, and what it lives by.
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

    /// Returns what the ticket is for: it names what the ticket lives by, so that no ticket can be used
    /// as one that lives by something else.
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
            // What the store keeps a purpose in.
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
