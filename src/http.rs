//! Requests that the application sends to other services.
//!
//! A feature gets its client from [`Installation::http`](crate::feature::Installation::http): the one that
//! the application set with [`Security::http_client`](crate::Security::http_client), or `ReqwestClient`, which
//! the cargo feature `http-client` adds. Requests and responses are those of the crate `http`.

mod client;
#[cfg(feature = "http-client")]
mod reqwest_client;

use std::sync::Arc;

use crate::error::Result;
pub use crate::http::client::HttpClient;
#[cfg(feature = "http-client")]
pub use crate::http::reqwest_client::ReqwestClient;

/// Returns the client of an application that set none.
///
/// # Errors
///
/// [`Error::Http`](crate::Error::Http) if TLS cannot be set up.
#[cfg(feature = "http-client")]
pub(crate) fn default_client() -> Result<Option<Arc<dyn HttpClient>>> {
    Ok(Some(Arc::new(ReqwestClient::new()?)))
}

#[cfg(not(feature = "http-client"))]
pub(crate) fn default_client() -> Result<Option<Arc<dyn HttpClient>>> {
    Ok(None)
}
