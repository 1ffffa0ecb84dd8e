//! Who may do what with one object.

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

/// Who may do what with a `Resource` of the application: whose draft it is, whose invoice, whose team.
///
/// What a role or a permission decides stands in a handler's signature. What depends on the object
/// is decided when the object has been found: the application implements this once for each kind of
/// object, or of action, and [`AuthUser::authorize`] asks it. Guards of roles and permissions have
/// that method, too.
///
/// ```
/// # use rocket::State;
/// # use rocket::get;
/// use rocket::async_trait;
/// use rocket_security::AuthUser;
/// use rocket_security::Decision;
/// use rocket_security::Denied;
/// use rocket_security::Policy;
/// use rocket_security::User;
/// use rocket_security::UserId;
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
///             // A user who may read it knows that it exists.
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
/// A policy that has to look something up holds what it needs for that, a pool for example.
///
/// An object that is asked about must not change between the answer and what is done with it: where it
/// could, name the owner in the statement that changes it, too.
#[async_trait]
pub trait Policy<Resource: Sync + ?Sized>: Send + Sync {
    /// Decides whether the user may do this with the object.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong on our side: the answer is 503, and nothing is allowed.
    async fn decide(&self, user: &User, resource: &Resource) -> Result<Decision>;
}

/// What a [`Policy`] decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user may.
    Allow,
    /// The user may not, and is told so: 403.
    Deny,
    /// The user may not, and must not learn that there is such an object: 404, as for one that is
    /// not there.
    Hide,
}

impl AuthUser {
    /// Asks a policy whether the user may do something with an object.
    ///
    /// # Errors
    ///
    /// [`Denied`] when they may not, or when the policy failed. As the error of a handler it is the
    /// answer.
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

/// A user may not do something with an object: 403, or 404 where they must not learn of it.
///
/// The answer is that of the application's catchers: 404 is what it is for an object that is not
/// there, to the byte, and 403 looks like that of a guard. Whenever it answers,
/// [`UserUnauthorized`](crate::Event::UserUnauthorized) is told. A policy that failed is answered with
/// 503, or with the [`Rejection`] that it failed with.
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
            // A catcher that finds a refusal could answer otherwise than for what is not there.
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
