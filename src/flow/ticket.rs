//! Tickets: what opens one WebSocket, once, for whoever asked for it.

use chrono::TimeDelta;
use rocket::Request;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::crypto::one_time::Token;
use crate::crypto::random_uuid;
use crate::datastore::one_time::OneTimeToken;
use crate::datastore::session::SessionRecord;
use crate::flow::Flow;
use crate::flow::once::Admitted;
use crate::flow::once::Bearer;
use crate::rejection::Rejection;
use crate::user::User;
use crate::web::Web;

/// How long a ticket waits for its handshake, in seconds: it is asked for just before.
pub const LIFETIME_SECONDS: u32 = 30;

/// How many bytes of the digest tell the tickets of a user apart.
const MARK_BYTES: usize = 8;

impl Flow {
    /// Issues a ticket for a user, which dies with the session that they asked from, if there is one, and
    /// with any change of the account.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] when the account changed while it was made;
    /// [`Rejection::Unavailable`] when the store does not answer.
    pub async fn issue_ticket(
        &self,
        user: &User,
        session: Option<Uuid>,
        now: Timestamp,
    ) -> Result<String, Rejection> {
        let ticket = Ticket { token: Token::random()?, session };
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
        if !self.store.create_token(&kept, user.epoch).await? {
            return Err(Rejection::CredentialsRefused);
        }
        Ok(ticket.reveal())
    }

    /// Admits whoever brings a ticket, and uses it up. `authn_via` is what events tell.
    ///
    /// # Errors
    ///
    /// [`Rejection::CredentialsRefused`] for one that was used, has expired, or never was, and when the
    /// session that it was asked for from is over; the rest as [`admit_bearer`](Self::admit_bearer).
    pub async fn admit_ticket(
        &self,
        request: &Request<'_>,
        web: &Web,
        ticket: &str,
        authn_via: &str,
    ) -> Result<Admitted, Rejection> {
        let ticket = Ticket::parse(ticket).ok_or(Rejection::CredentialsRefused)?;
        let (digest, now) = (ticket.token.digest(), web.clock().now());
        let spent = self.store.spend_token(&digest, &ticket.purpose(), now).await?;
        let spent = spent.ok_or(Rejection::CredentialsRefused)?;
        let Some(id) = ticket.session else {
            let user = self.store.find_user(spent.user_id).await?;
            let user = user.ok_or(Rejection::CredentialsRefused)?;
            // A change of the account would have taken the ticket along.
            let bearer = Bearer::new(user.epoch, authn_via);
            return self.admit_bearer(request, user, bearer).await;
        };
        let (_, begun_after) = web.sessions().limits(now);
        let found = self.store.find_session_of(spent.user_id, id).await?;
        let found = found.filter(|(session, _)| session.created_at > begun_after);
        let (session, user) = found.ok_or(Rejection::CredentialsRefused)?;
        let mut bearer = Bearer::new(session.epoch, authn_via).session(session.id);
        if session.authenticated_at > SessionRecord::NEVER {
            bearer = bearer.authenticated_at(session.authenticated_at);
        }
        self.admit_bearer(request, user, bearer).await
    }
}

/// What a ticket carries: a secret, and the session that it was asked for from.
struct Ticket {
    token: Token,
    session: Option<Uuid>,
}

impl Ticket {
    fn parse(text: &str) -> Option<Self> {
        let (session, token) = text.split_once('.')?;
        let session = match session {
            "" => None,
            session => Some(Uuid::try_parse(session).ok()?),
        };
        Some(Self { token: Token::parse(token)?, session })
    }

    fn reveal(&self) -> String {
        format!("{}.{}", self.session_text(), self.token.reveal())
    }

    /// Gives what the ticket is for. No other ticket is for the same, for a newer one would take its
    /// place, and a browser opens several sockets at once; and none is for another session.
    fn purpose(&self) -> String {
        let digest = self.token.digest();
        let mark = digest.as_bytes().iter().take(MARK_BYTES).map(|byte| format!("{byte:02x}"));
        format!("ticket:{}:{}", self.session_text(), mark.collect::<String>())
    }

    fn session_text(&self) -> String {
        self.session.map(|id| id.simple().to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::crypto::one_time::Token;
    use crate::flow::ticket::Ticket;

    #[test]
    fn a_ticket_survives_its_text_and_is_for_one_session() {
        let token = Token::random().unwrap();
        let sessions = [None, Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2))];
        let tickets = sessions.map(|session| Ticket { token: token.clone(), session });
        for ticket in &tickets {
            let read = Ticket::parse(&ticket.reveal()).unwrap();
            assert_eq!((read.session, read.purpose()), (ticket.session, ticket.purpose()));
            // What the store keeps a purpose in.
            assert!(ticket.purpose().len() <= 64);
        }
        assert_ne!(tickets[0].purpose(), tickets[1].purpose());
        assert_ne!(tickets[1].purpose(), tickets[2].purpose());
        let other = Ticket { token: Token::random().unwrap(), session: None };
        assert_ne!(tickets[0].purpose(), other.purpose());
    }

    #[test]
    fn what_is_no_ticket_is_none() {
        let token = Token::random().unwrap().reveal();
        for text in ["", ".", "a", "a.b", &token, &format!("x.{token}"), &format!(".{token}.")] {
            assert!(Ticket::parse(text).is_none(), "{text:?}");
        }
    }
}
