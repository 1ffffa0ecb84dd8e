//! Issues tickets with which a browser opens a WebSocket, because a script cannot set a header there.
//!
//! It is off by default; `Security::default().enable(Tickets::default())` switches it on. A script or program
//! with a session or a token asks for a ticket at `/ws-ticket`, and opens one WebSocket with it within 30
//! seconds. Users see nothing of it, and the handler of the WebSocket uses the same guards as any other:
//!
//! ```
//! # use rocket::{get, routes};
//! # use rocket_security::testing::TestApp;
//! use rocket_security::features::tickets::Tickets;
//! use rocket_security::{AuthUser, Security};
//! use rocket_ws::{Channel, WebSocket};
//!
//! #[get("/socket")]
//! fn socket(socket: WebSocket, user: AuthUser) -> Channel<'static> {
//!     let greeting = format!("Hello, {}!", user.email);
//!     socket.channel(move |mut stream| {
//!         Box::pin(async move {
//!             use rocket::futures::SinkExt;
//!             stream.send(greeting.into()).await
//!         })
//!     })
//! }
//!
//! # rocket::async_test(async {
//! let security = Security::default().enable(Tickets::default());
//! let rocket = rocket::build().attach(security).mount("/", routes![socket]);
//! # let app = TestApp::launch(rocket).await;
//! # let ann = app.log_in_as("ann@example.org").await;
//! # let answer = ann.post_json("/ws-ticket", serde_json::json!({})).await;
//! # assert_eq!(answer.response("expires_in"), 30);
//! # });
//! ```
//!
//! | route | JSON |
//! |---|---|
//! | `POST /ws-ticket` | 200 `ticket`, `expires_in` (seconds) |
//!
//! - Settings, templates, mails: none. It has no events of its own.
//! - Guards: [`AuthVia<via::Ticket>`](crate::AuthVia), and every other guard if
//!   [`security.mechanisms`](crate::config::Config::mechanisms) contains `"ticket"`, which it does by
//!   default.
//! - Refusals of the route: those of [`AuthUser`], among them `csrf_failed`.
//! - Refusals of a handshake: `credentials_refused`, `conflicting_credentials` (two tickets),
//!   `password_change_required`, `unavailable`.
//!
//! ```text
//! POST /ws-ticket  Authorization: Bearer v4.local.…  Accept: application/json
//!   200 {"meta": {"code": 200}, "response": {"ticket": "5b0f….k3J…", "expires_in": 30}}
//! GET /socket?ticket=5b0f….k3J…  Upgrade: websocket
//!   101
//! GET /socket?ticket=5b0f….k3J…  Upgrade: websocket
//!   401 {"meta": {"code": 401}, "response": {"errors": ["…"], "reasons": ["credentials_refused"]}}
//! ```
//!
//! # Details
//!
//! - **Why tickets.** A script cannot add a header to the handshake of a WebSocket, and a cookie is not sent
//!   to another site.
//! - **One handshake.** A ticket is valid for one handshake within 30 seconds. It is read from the parameter
//!   `ticket` of a request with `Upgrade: websocket`, and from no other request. Of several handshakes at
//!   once one is admitted.
//! - **Freshness.** For [`Fresh`](crate::Fresh) a ticket is as old as the login behind it.
//! - **End.** A ticket ends with the session, or the program's login, that asked for it, and with every
//!   change of the account. A login has at most 20 tickets at once, for several sockets; the oldest are
//!   dropped. The store keeps digests.
//! - **Beside a session.** A ticket beside the cookie of a live session has to belong to the same user, and
//!   is used up. The request is then authenticated with the session, which comes first in the default
//!   mechanisms. `AuthVia<via::Ticket>` accepts only the ticket, from a page of any origin, because only the
//!   client that asked for it has it.
//! - **Open sockets stay open.** What ends a session closes no connection. A handler that needs more has to
//!   check again, or close the socket after a while.
//! - Using a ticket up changes something although a handshake is a GET. The reasoning is in SECURITY.md.

use std::sync::Arc;

use rocket::{Request, Route, State, async_trait, post, routes};
use serde::{Deserialize, Serialize};

use crate::datastore::TicketStore;
use crate::error::Result;
use crate::feature::{Feature, Installation};
use crate::flow::Flow;
use crate::flow::once::Admitted;
use crate::guard::AuthUser;
use crate::guard::mechanism::{InstallMechanism, Mechanism, TICKET};
use crate::programs::Programs;
use crate::programs::ticket::{LIFETIME_SECONDS, TicketBy};
use crate::rejection::Rejection;
use crate::web::Site;
use crate::web::reply::{HandlerResult, Reply};
use crate::web::socket::is_handshake;

/// The query parameter with the ticket.
const PARAMETER: &str = "ticket";

/// The feature `tickets`. It has no settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tickets {}

impl<D: TicketStore> Feature<D> for Tickets {
    const NAME: &'static str = "tickets";

    fn urls(&self) -> Vec<(&'static str, String)> {
        vec![("ws_ticket", "/ws-ticket".to_owned())]
    }

    fn routes(&self) -> Vec<Route> {
        routes![issue]
    }

    fn install(&self, at: &mut Installation<'_, D>) -> Result<()> {
        at.mechanism(self.clone());
        at.manage(Tokens(at.store()));
        Ok(())
    }
}

/// The store of tickets.
struct Tokens(Arc<dyn TicketStore>);

#[post("/ws-ticket")]
async fn issue(
    user: AuthUser,
    site: &State<Site>,
    programs: &State<Programs>,
    tokens: &State<Tokens>,
) -> HandlerResult {
    let by = TicketBy::of(user.family_id(), user.session_id());
    let ticket = programs.issue_ticket(&*tokens.0, &user, by, site.clock().now()).await?;
    let reply = Reply::data().with("ticket", ticket).with("expires_in", LIFETIME_SECONDS);
    Ok(reply.without_csrf_token())
}

#[async_trait]
impl Mechanism for Tickets {
    fn name(&self) -> &'static str {
        TICKET
    }

    fn is_present(&self, request: &Request<'_>) -> bool {
        brought(request).next().is_some()
    }

    async fn authenticate(&self, request: &Request<'_>) -> Result<Admitted, Rejection> {
        let rocket = request.rocket();
        let (Some(flow), Some(site)) = (rocket.state::<Flow>(), rocket.state::<Site>()) else {
            return Err(Rejection::Unavailable);
        };
        let programs = rocket.state::<Programs>().ok_or(Rejection::Unavailable)?;
        let mut tickets = brought(request);
        match (tickets.next(), tickets.next()) {
            (Some(ticket), None) => {
                programs.admit_ticket(flow, request, site, ticket, TICKET).await
            }
            (None, _) => Err(Rejection::Unauthenticated),
            _ => Err(Rejection::ConflictingCredentials),
        }
    }

    fn needs_csrf(&self, _request: &Request<'_>) -> bool {
        // No browser adds it by itself.
        false
    }

    fn challenge(&self, _refused: Option<&Rejection>) -> Option<String> {
        Some("Ticket realm=\"login\"".to_owned())
    }
}

fn brought<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    let fields = request.query_fields().filter(|field| field.name.source() == PARAMETER);
    fields.filter(|_| is_handshake(request)).map(|field| field.value)
}
