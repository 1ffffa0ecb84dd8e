//! What sends requests to other services.

use std::sync::Arc;

use ::http::{Request, Response};
use rocket::async_trait;

use crate::error::Result;

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
