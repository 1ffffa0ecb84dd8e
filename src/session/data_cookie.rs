//! How what an application keeps with a session gets into its cookie, and out of it.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use rocket::http::{Method, StatusClass};
use rocket::{Request, Response};

use crate::crypto::one_time::Token;
use crate::error::Result;
use crate::session::caching::keep_private;
use crate::session::change::{Change, changes};
use crate::session::cookie;
use crate::session::current::{Current, loaded};
use crate::session::data::{Content, Data};
use crate::session::guest::ANONYMOUS_LIFETIME;
use crate::session::names::Kind;
use crate::session::sessions::SessionManager;
use crate::user::UserId;

impl SessionManager {
    /// Lets the caller read or change the data of the session. The session was read before.
    pub(crate) fn with_data<T>(
        &self,
        request: &Request<'_>,
        work: impl FnOnce(&mut Data) -> T,
    ) -> T {
        let mut cell = cell(request).0.lock().unwrap_or_else(PoisonError::into_inner);
        work(cell.get_or_insert_with(|| self.open_data(request)))
    }

    /// Keeps the data for the session that `user` begins, unless it is another user's.
    pub(super) fn carry_data(&self, request: &Request<'_>, user: UserId) {
        let before = loaded(request).and_then(Current::active).map(|active| active.user.id);
        let is_anothers = before.is_some_and(|before| before != user);
        let until = self.in_future(self.config.absolute.delta());
        self.with_data(request, |data| {
            if is_anothers {
                data.clear();
            }
            data.content.until = until;
            data.is_moved = true;
        });
    }

    /// Keeps the data of a guest for the session to which their browser comes back. That is not read
    /// yet, so that the guest's id is handed over.
    pub(super) fn adopt_data(&self, request: &Request<'_>, guest: &Token) {
        let until = self.in_future(self.config.absolute.delta());
        let opened = self.cookies.open_data::<Content>(Kind::GuestData, request, guest);
        let Some(came) = opened.filter(|it| self.clock.now().timestamp() < it.until) else {
            return;
        };
        let content = Content { until, ..came.clone() };
        let (shown, is_moved, is_used) = (Vec::new(), true, false);
        let data = Data { content, came, shown, is_moved, is_used };
        *cell(request).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(data);
    }

    /// Drops the data of a session that ends with this request. What is inserted from now on belongs
    /// to the anonymous session that comes next.
    pub(super) fn drop_data(&self, request: &Request<'_>) {
        let until = self.in_future(ANONYMOUS_LIFETIME);
        self.with_data(request, |data| {
            data.clear();
            data.content.until = until;
        });
    }

    /// Notes the cookie to be written, if the data changed.
    pub(super) async fn finish_data(&self, request: &Request<'_>, response: &mut Response<'_>) {
        let Some(data) = self.take_data(request) else {
            return;
        };
        if data.is_used {
            keep_private(response);
        }
        let shows_nothing = request.method() == Method::Head
            || [StatusClass::Redirection, StatusClass::ServerError]
                .contains(&response.status().class());
        let written = data.written(shows_nothing);
        let Some(content) = written else {
            return;
        };
        if self.is_outrun(request).await {
            return;
        }
        if let Err(fault) = self.write_data(request, &content) {
            log::error!("session data could not be written: {fault}");
        }
    }

    /// Returns `true` if the session of a request has ended or was replaced while the request was answered. Its
    /// data would open with no id any more, and take the place of the data of the session that came after.
    async fn is_outrun(&self, request: &Request<'_>) -> bool {
        let is_changed_here = changes(request).is_some();
        match loaded(request).and_then(Current::active) {
            Some(active) if !is_changed_here => {
                matches!(self.store.find_session(&active.token.digest()).await, Ok(None))
            }
            _ => false,
        }
    }

    fn write_data(&self, request: &Request<'_>, content: &Content) -> Result<()> {
        let is_users = match (&*changes(request), loaded(request)) {
            (Some(Change::User(_)), _) => true,
            (Some(Change::Guest(_) | Change::Forget), _) => false,
            (None, current) => current.and_then(Current::active).is_some(),
        };
        let kind = if is_users { Kind::Data } else { Kind::GuestData };
        if !content.is_empty() {
            let owner = self.owner(request)?;
            cookie::set(request, self.cookies.data(kind, content, &owner)?);
        } else if self.cookies.brought(kind, request).is_some() {
            cookie::set(request, self.cookies.removal(kind));
        }
        if is_users && self.cookies.brought(Kind::GuestData, request).is_some() {
            // What was the guest's is the user's by now.
            cookie::set(request, self.cookies.removal(Kind::GuestData));
        }
        Ok(())
    }

    /// Returns the id that the browser has from this answer on. One who has none gets one.
    fn owner(&self, request: &Request<'_>) -> Result<Token> {
        let known = match &*changes(request) {
            Some(Change::User(token) | Change::Guest(token)) => Some(token.clone()),
            Some(Change::Forget) => None,
            None => loaded(request).and_then(Current::token).cloned(),
        };
        if let Some(token) = known {
            return Ok(token);
        }
        let id = Token::random()?;
        self.set_guest(request, &id)?;
        Ok(id)
    }

    fn take_data(&self, request: &Request<'_>) -> Option<Data> {
        cell(request).0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn open_data(&self, request: &Request<'_>) -> Data {
        let (kind, until) = match loaded(request) {
            Some(Current::Active(active)) => {
                let end = active.record.created_at + self.config.absolute.delta();
                (Kind::Data, end.timestamp())
            }
            _ => (Kind::GuestData, self.in_future(ANONYMOUS_LIFETIME)),
        };
        let owner = loaded(request).and_then(Current::token);
        // What does not open is left as it is: another tab may have what opens it.
        let opened = owner.and_then(|it| self.cookies.open_data::<Content>(kind, request, it));
        let opened = opened.filter(|it| self.clock.now().timestamp() < it.until);
        let content = opened.unwrap_or_else(|| Content { until, ..Content::default() });
        Data { came: content.clone(), content, shown: Vec::new(), is_moved: false, is_used: false }
    }

    fn in_future(&self, lifetime: TimeDelta) -> i64 {
        (self.clock.now() + lifetime).timestamp()
    }
}

/// The data of a request, once it was read.
struct Cell(Mutex<Option<Data>>);

fn cell<'r>(request: &'r Request<'_>) -> &'r Cell {
    request.local_cache(|| Cell(Mutex::new(None)))
}
