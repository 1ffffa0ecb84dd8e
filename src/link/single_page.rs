//! Mailed links of an application that runs in the browser: `redirect_behavior = "spa"`.
//!
//! | `GET /<purpose>/<token>` | leads by 303 to |
//! |---|---|
//! | of a link that may be used, or may be once its reader has logged in | `<view>#token=<token>` |
//! | of any other | `<error view>#error=invalid_link` |
//!
//! The application then posts JSON to the link's own address. Looking at the link changes nothing, sets
//! no cookie and logs no one in, as anywhere.
//!
//! The token goes in the fragment, not in the query: a browser sends the fragment to no server, so that
//! the token is in no server's log and in no `Referer`. What is left is the
//! address bar, from which the application takes it.

use crate::crypto::one_time::Token;
use crate::link::mailed::MailedLink;
use crate::rejection::Rejection;
use crate::web::reply::Reply;
use crate::web::view::View;
use crate::web::visit::Visit;

/// Names the pages of an application that a link leads to, as for [`Feature::urls`]: `view`, and
/// `error_view`, in whose place the other is used.
///
/// [`Feature::urls`]: crate::feature::Feature::urls
pub fn urls<L: MailedLink>(
    view: Option<&View>,
    error_view: Option<&View>,
) -> Vec<(&'static str, String)> {
    let named = [(L::VIEW, view), (L::ERROR_VIEW, error_view.or(view))];
    named.into_iter().filter_map(|(name, view)| Some((name, view?.to_string()))).collect()
}

/// Leads into the application, given what was found out about the link.
///
/// # Errors
///
/// [`Rejection::Unavailable`] if the store does not answer whether the link is valid.
pub(super) fn lead<L: MailedLink>(
    visit: &Visit<'_>,
    token: Option<Token>,
    found: Result<(), Rejection>,
) -> Result<Reply, Rejection> {
    let page = |name: &str| visit.site().url(name).ok_or(Rejection::Unavailable);
    let next = match (found, token) {
        (Err(Rejection::Unavailable), _) => return Err(Rejection::Unavailable),
        (Err(Rejection::InvalidLink | Rejection::LinkUsed(_)), _) | (_, None) => {
            page(L::ERROR_VIEW)?.with_fragment(&[("error", Rejection::InvalidLink.reason())])
        }
        // Whatever else its reader lacks, such as a login, the application can see to.
        (_, Some(token)) => page(L::VIEW)?.with_fragment(&[("token", &token.reveal())]),
    };
    Ok(Reply::redirect(next).without_referrer())
}
