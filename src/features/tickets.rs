//! Tickets for WebSockets: what a browser shows that cannot set a header.
//!
//! A script cannot add a header to the handshake of a WebSocket, and a cookie does not travel to another
//! site. So a client with a session or a token asks for a ticket, and opens one socket with it:
//!
//! | route | JSON |
//! |---|---|
//! | `POST /ws-ticket` | 200 `ticket`, `expires_in` (seconds) |
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
//! It is not enabled by default:
//!
//! ```
//! # use rocket::get;
//! # use rocket::routes;
//! use rocket_security::AuthUser;
//! use rocket_security::Security;
//! use rocket_security::features::tickets::Tickets;
//! # use rocket_security::testing::TestApp;
//! use rocket_ws::Channel;
//! use rocket_ws::WebSocket;
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
//! It has no settings, templates, mails or events of its own. Guards:
//! [`AuthVia<via::Ticket>`](crate::AuthVia), and with `"ticket"` in
//! [`security.mechanisms`](crate::config::Config::mechanisms), as by default, every other. Refusals of the
//! route: those of [`AuthUser`], `csrf_failed` among them; of a handshake:
//! `credentials_refused`, `conflicting_credentials` (two tickets), `password_change_required`, `unavailable`.
//!
//! # What a ticket is good for
//!
//! One handshake, within 30 seconds, by the parameter `ticket` of a request with `Upgrade: websocket`; any
//! other request with one is not looked at for it. Of any number of handshakes at once one is let in. It is
//! as old as the login behind it, for [`Fresh`](crate::Fresh). It dies with the session, or the program's login,
//! that it was asked for from, and with every change of the account. A login has at most 20 at once, for several sockets;
//! the oldest give way. The store keeps digests.
//!
//! Beside the cookie of a live session it has to be of the same user, and is used up; it is by the session, as
//! the first of the default mechanisms, that they come then.
//! `AuthVia<via::Ticket>` takes the ticket alone, from a page of any origin: only the client that asked has it.
//!
//! A socket that is open stays open: what ends a session afterwards, closes no connection. A handler that
//! minds asks again, or closes after a while.
//!
//! # A GET that changes something
//!
//! Using a ticket up is a change, and a handshake is a GET, for which a framework should change nothing. Here
//! it is right: the address was made for this one use seconds before; it is in no mail, and no page links to it;
//! nothing that fetches links ahead asks for an upgrade, and without that nothing is used up. Like every address
//! it may be written down on the way. By then it is used up, or has expired: that is why the ticket is there
//! and not the token.

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

/// The parameter of the address.
const PARAMETER: &str = "ticket";

/// The feature `tickets`; it has no settings.
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

/// Where tickets are kept.
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
