//! What answers tell.

use rocket::http::Status;
use rocket_security::testing::Answer;
use serde_json::Value;

/// Returns what a client can see of an answer, but of its anti-forgery token.
pub(crate) fn seen(answer: &Answer) -> (Status, Vec<(String, String)>, Value) {
    let mut said = answer.json();
    if let Some(token) = said["response"].get_mut("csrf_token") {
        token.take();
    }
    (answer.status, answer.comparable_headers(), said)
}
