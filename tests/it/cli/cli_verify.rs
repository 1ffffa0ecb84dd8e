//! `rocket-security tokens verify` says of a token what the application says of it.

use rocket::http::Status;
use rocket::{get, routes};
use rocket_security::datastore::Together;
use rocket_security::testing::TestApp;
use rocket_security::token::{NoClaims, Refresh};
use rocket_security::user::User;
use rocket_security::{Paseto, testing};
use serde_json::json;

use crate::support::bearer::{bearer, begin_session, issuer};
use crate::support::operator::{Place, app_with_an_operator};
use crate::support::program::{pair_in, post, refresh};
use crate::support::rocket;

#[get("/checked/access")]
fn checked(_token: Paseto) -> &'static str {
    "good"
}

#[get("/checked/refresh")]
fn checked_refresh(_token: Paseto<NoClaims, Refresh>) -> &'static str {
    "good"
}

/// What ends a token.
#[derive(Clone, Copy, Debug)]
enum End {
    Nothing,
    Session,
    Family,
    Replaced,
    Denied,
    Epoch,
    SwitchedOff,
    Deleted,
}

/// A token, and of what kind it is.
type Token = (&'static str, String);

/// Tokens of one account.
struct Issued {
    user: User,
    session: String,
    of_session: Token,
    loose: Token,
    access: Token,
    refresh: Token,
}

impl Issued {
    async fn to(app: &TestApp, email: &str) -> Self {
        let user = app.user(email).await;
        let session = begin_session(app, &user, 0).await.id;
        let of_session = issuer(app).access(&user).session(session).issue().unwrap();
        let loose = issuer(app).access(&user).issue().unwrap();
        let body = json!({"email": email, "password": testing::PASSWORD});
        let program = pair_in(&post(app, "/token", body).await);
        Self {
            user,
            session: session.to_string(),
            of_session: ("access", of_session),
            loose: ("access", loose),
            access: ("access", program.access),
            refresh: ("refresh", program.refresh),
        }
    }

    /// Gives what there is, and of each whether this leaves it good.
    fn expected(&self, end: End) -> [(&Token, bool); 4] {
        let [of_session, loose, access, refresh] = match end {
            End::Nothing => [true; 4],
            End::Session => [false, true, true, true],
            End::Family => [true, true, false, false],
            End::Replaced => [true, true, true, false],
            End::Denied => [true, false, true, true],
            End::Epoch | End::SwitchedOff | End::Deleted => [false; 4],
        };
        [
            (&self.of_session, of_session),
            (&self.loose, loose),
            (&self.access, access),
            (&self.refresh, refresh),
        ]
    }

    async fn end(&self, app: &TestApp, place: &Place, end: End) {
        let email = &self.user.email;
        let run = |line: &str, input: &str| place.run_with_input(line, input).succeeded();
        match end {
            End::Nothing => {}
            End::Session => {
                run(&format!("sessions end {email} {}", self.session), "");
            }
            End::Family => {
                run("tokens revoke --token --kind refresh", &self.refresh.1);
            }
            End::Replaced => {
                assert_eq!(refresh(app, &self.refresh.1).await.status, Status::Ok);
            }
            End::Denied => {
                run("tokens revoke --token", &self.loose.1);
            }
            End::Epoch => {
                run(&format!("tokens revoke --user {email}"), "");
            }
            End::SwitchedOff => {
                run(&format!("users deactivate {email}"), "");
            }
            End::Deleted => {
                let nothing = Together::nothing();
                assert!(app.store().delete_user(self.user.id, &nothing).await.unwrap());
            }
        }
    }
}

#[rocket::async_test]
async fn what_ends_a_token_for_the_application_ends_it_on_the_command_line() {
    let rocket = rocket().mount("/", routes![checked, checked_refresh]);
    let (app, place) = app_with_an_operator(rocket).await;
    for (number, end) in [
        End::Nothing,
        End::Session,
        End::Family,
        End::Replaced,
        End::Denied,
        End::Epoch,
        End::SwitchedOff,
        End::Deleted,
    ]
    .into_iter()
    .enumerate()
    {
        let issued = Issued::to(&app, &format!("ann{number}@example.org")).await;
        issued.end(&app, &place, end).await;
        for (position, ((kind, token), is_good)) in issued.expected(end).into_iter().enumerate() {
            let request = app.client().get(format!("/checked/{kind}")).header(bearer(token));
            let answer = app.browser().send(request).await;
            assert_eq!(answer.status == Status::Ok, is_good, "{end:?} {position}: {}", answer.body);
            let told = place.run_with_input(&format!("tokens verify --kind {kind}"), token);
            match is_good {
                true => _ = told.succeeded(),
                false => told.refused(&["no longer valid", "(credentials_refused)"]),
            }
        }
    }
}
