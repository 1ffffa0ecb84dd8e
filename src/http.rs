//! Requests that the application sends to other services.
//!
//! A feature gets its client from [`Installation::http`](crate::feature::Installation::http): the one that
//! the application set with [`Security::http_client`](crate::Security::http_client), or `ReqwestClient`, which
//! the cargo feature `http-client` adds. Requests and responses are those of the crate `http`.

#[cfg(feature = "http-client")]
mod reqwest_client;

use std::sync::Arc;

use ::http::{Request, Response};
use rocket::async_trait;

use crate::error::Result;
#[cfg(feature = "http-client")]
pub use crate::http::reqwest_client::ReqwestClient;

/// Sends requests to other services.
///
/// An application implements it to send them through a client of its own:
///
/// ```
/// use http::{Request, Response};
/// use rocket::async_trait;
/// use rocket_security::http::HttpClient;
/// use rocket_security::{Result, Security};
///
/// /// Answers every request with 404.
/// struct Offline;
///
/// #[async_trait]
/// impl HttpClient for Offline {
///     async fn send(&self, _request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>> {
///         let mut response = Response::new(Vec::new());
///         *response.status_mut() = http::StatusCode::NOT_FOUND;
///         Ok(response)
///     }
/// }
///
/// let security = Security::default().http_client(Offline);
/// # drop(security);
/// ```
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends a request and reads the whole response, whatever its status.
    ///
    /// A client bounds the time and the size of the response, and follows no redirect: the caller decides
    /// where a request goes.
    ///
    /// # Errors
    ///
    /// [`Error::Http`](crate::Error::Http) if there is no complete response.
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>>;
}

#[async_trait]
impl<C: HttpClient + ?Sized> HttpClient for Arc<C> {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>> {
        (**self).send(request).await
    }
}

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
