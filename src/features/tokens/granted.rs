//! The answer that carries a program's tokens.

use crate::config::RefreshIn;
use crate::programs::with_pair;
use crate::rejection::Rejection;
use crate::token::TokenPair;
use crate::user::User;
use crate::web::reply::Reply;
use crate::web::visit::Visit;

/// Answers a program with its tokens.
pub(super) async fn granted(
    visit: &Visit<'_>,
    user: &User,
    pair: &TokenPair,
    place: RefreshIn,
) -> Result<Reply, Rejection> {
    let shown = with_pair(visit, user, pair, place).await?;
    let lifetime = pair.access_expires_at - pair.issued_at;
    let reply = Reply::data().with("user", shown).with("token_type", "Bearer");
    Ok(reply.with("expires_in", lifetime.num_seconds()).without_csrf_token())
}
