//! Decides what a user may do with one object.

use std::any::type_name;
use std::error::Error as StdError;
use std::fmt;

use rocket::http::Status;
use rocket::response::Responder;
use rocket::{Request, async_trait, response};

use crate::error::Result;
use crate::event::Missing;
use crate::guard::auth_user::AuthUser;
use crate::guard::tell::tell_unauthorized;
use crate::rejection::Rejection;
use crate::text::Text;
use crate::user::User;

/// Decides what a user may do with one object of the application: read this draft, or pay this invoice.
///
/// Guards check roles and permissions before the handler runs. What depends on the object can be decided only
/// after the object was found. Implement this trait once for each kind of object or action, and ask it with
/// [`AuthUser::authorize`]. The guards of roles and permissions have that method, too.
///
/// ```
/// use rocket::{State, async_trait, get};
/// use rocket_security::{AuthUser, Decision, Denied, Policy, User, UserId};
///
/// struct Draft {
///     owner: UserId,
///     is_shared: bool,
///     text: String,
/// }
///
/// enum DraftAction {
///     Read,
///     Edit,
/// }
///
/// #[async_trait]
/// impl Policy<Draft> for DraftAction {
///     async fn decide(&self, user: &User, draft: &Draft) -> rocket_security::Result<Decision> {
///         Ok(match self {
///             _ if draft.owner == user.id || user.has_role("admin") => Decision::Allow,
///             Self::Read if draft.is_shared => Decision::Allow,
///             // A user who may read the draft knows that it exists.
///             Self::Edit if draft.is_shared => Decision::Deny,
///             Self::Read | Self::Edit => Decision::Hide,
///         })
///     }
/// }
///
/// # struct Drafts;
/// # impl Drafts { async fn find(&self, _id: u32) -> Option<Draft> { None } }
/// #[get("/drafts/<id>")]
/// async fn read(
///     user: AuthUser,
///     id: u32,
///     drafts: &State<Drafts>,
/// ) -> Result<Option<String>, Denied> {
///     let Some(draft) = drafts.find(id).await else {
///         return Ok(None);
///     };
///     user.authorize(&DraftAction::Read, &draft).await?;
///     Ok(Some(draft.text))
/// }
/// ```
///
/// | what the policy returns | status | reason code |
/// |---|---|---|
/// | [`Decision::Allow`] | that of the handler | |
/// | [`Decision::Deny`] | 403 | `forbidden` |
/// | [`Decision::Hide`] | 404 | |
/// | an error | 503 | `unavailable` |
/// | an error that was caused by a [`Rejection`] | that of the rejection | that of the rejection |
///
/// A policy that looks something up contains what it needs for that, such as a pool.
///
/// The object must not change between the decision and the action. If it can change, name the owner in the
/// statement that changes it, too.
#[async_trait]
pub trait Policy<Resource: Sync + ?Sized>: Send + Sync {
    /// Decides whether the user may do this with the object.
    ///
    /// # Errors
    ///
    /// Any failure of the application or its database. It is logged, answered with 503, and allows nothing.
    async fn decide(&self, user: &User, resource: &Resource) -> Result<Decision>;
}

/// What a [`Policy`] decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user may do it.
    Allow,
    /// The user may not do it and is told so: 403.
    Deny,
    /// The user may not do it and must not learn that the object exists: 404, as for an object that does not
    /// exist.
    Hide,
}

impl AuthUser {
    /// Asks a policy whether the user may do something with an object.
    ///
    /// # Errors
    ///
    /// [`Denied`] if the user may not, or if the policy failed. A handler can return it as its error.
    pub async fn authorize<P, R>(&self, policy: &P, resource: &R) -> Result<(), Denied>
    where
        P: Policy<R> + ?Sized,
        R: Sync + ?Sized,
    {
        let because = match policy.decide(self, resource).await {
            Ok(Decision::Allow) => return Ok(()),
            Ok(Decision::Deny) => Because::Forbidden,
            Ok(Decision::Hide) => Because::Hidden,
            Err(fault) => Because::Fault(Rejection::from(fault)),
        };
        Err(Denied { user: Box::new(User::clone(self)), policy: type_name::<P>(), because })
    }
}

/// The refusal of a [`Policy`]: 403, or 404 where the user must not learn of the object.
///
/// The catchers of the application write the answer. The answer of 404 is the same, to the byte, as for an
/// object that does not exist, and that of 403 looks like the refusal of a guard. Both send the event
/// [`UserUnauthorized`](crate::Event::UserUnauthorized). If the policy failed, the answer is 503, or the
/// [`Rejection`] that the policy failed with.
#[derive(Debug)]
pub struct Denied {
    user: Box<User>,
    policy: &'static str,
    because: Because,
}

#[derive(Debug)]
enum Because {
    Forbidden,
    Hidden,
    Fault(Rejection),
}

impl Denied {
    /// Returns the status of the answer.
    pub fn status(&self) -> Status {
        match &self.because {
            Because::Forbidden => Rejection::Forbidden.status(),
            Because::Hidden => Status::NotFound,
            Because::Fault(rejection) => rejection.status(),
        }
    }
}

impl<'r> Responder<'r, 'static> for Denied {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let status = self.status();
        let tell = || tell_unauthorized(request, &self.user, Missing::Policy(self.policy));
        match self.because {
            Because::Forbidden => {
                tell();
                Rejection::Forbidden.remember(request);
            }
            // The rejection is not remembered: with it, a catcher could answer differently than for an object
            // that does not exist.
            Because::Hidden => tell(),
            Because::Fault(rejection) => return rejection.respond_to(request),
        }
        Err(status)
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.because {
            Because::Forbidden => Rejection::Forbidden.fmt(f),
            Because::Hidden => Text::new(
                "hidden",
                "We couldn't find what you're looking \
            for.",
            )
            .fmt(f),
            Because::Fault(rejection) => rejection.fmt(f),
        }
    }
}

impl StdError for Denied {}
