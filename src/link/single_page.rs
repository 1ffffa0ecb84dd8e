//! Mailed links of a single-page application: `redirect_behavior = "spa"`.
//!
//! | `GET /<purpose>/<token>` | is redirected with 303 to |
//! |---|---|
//! | with a link that is valid, or will be once its reader has logged in | `<view>#token=<token>` |
//! | with any other link | `<error view>#error=invalid_link` |
//!
//! The application then posts JSON to the link's own address. As in every mode, opening the link changes
//! nothing, sets no cookie and logs no one in.
//!
//! The token is in the fragment and not in the query, because browsers send the fragment to no server: the
//! token is then in no server's log and in no `Referer`. It remains only in the address bar, from which the
//! application takes it.

use crate::crypto::one_time::Token;
use crate::link::mailed::MailedLink;
use crate::rejection::Rejection;
use crate::web::reply::Reply;
use crate::web::view::View;
use crate::web::visit::Visit;

/// Returns the pages of an application that a link leads to, as [`Feature::urls`] does: `view` and
/// `error_view`. Without `error_view`, `view` takes its place.
///
/// [`Feature::urls`]: crate::feature::Feature::urls
pub fn urls<L: MailedLink>(
    view: Option<&View>,
    error_view: Option<&View>,
) -> Vec<(&'static str, String)> {
    let named = [(L::VIEW, view), (L::ERROR_VIEW, error_view.or(view))];
    named.into_iter().filter_map(|(name, view)| Some((name, view?.to_string()))).collect()
}

/// Redirects into the application, to the page that fits the outcome of the look-up in `found`.
///
/// # Errors
///
/// [`Rejection::Unavailable`] if the store did not answer whether the link is valid.
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
        // The application can handle everything else that the reader lacks, for example a login.
        (_, Some(token)) => page(L::VIEW)?.with_fragment(&[("token", &token.reveal())]),
    };
    Ok(Reply::redirect(next).without_referrer())
}
