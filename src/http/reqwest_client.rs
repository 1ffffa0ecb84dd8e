//! The client that the framework comes with.

use std::time::Duration;

use ::http::{Request, Response};
use reqwest::Client;
use reqwest::redirect::Policy;
use rocket::async_trait;

use crate::error::{Error, Result};
use crate::http::client::HttpClient;

/// How long a connection may take: a request of a visitor waits for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a request may take in all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How large a response may be: key sets and token responses have a few KiB.
const MAX_RESPONSE: usize = 1024 * 1024;

/// Sends requests with `reqwest`, over HTTP/1.1 and TLS by `rustls`.
///
/// A request ends after 5 seconds, 2 of them for the connection, and with a response of more than 1 MiB. It
/// follows no redirect and sends no cookies. A proxy is taken from the environment (`HTTPS_PROXY`).
#[derive(Clone, Debug)]
pub struct ReqwestClient {
    client: Client,
    max_response: usize,
}

impl ReqwestClient {
    /// Creates a client.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if TLS cannot be set up.
    pub fn new() -> Result<Self> {
        Self::with_timeout(TIMEOUT)
    }

    /// Creates a client whose requests end after `timeout` in all.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if TLS cannot be set up.
    pub fn with_timeout(timeout: Duration) -> Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .redirect(Policy::none())
            .user_agent(concat!("rocket_security/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(failed)?;
        Ok(Self { client, max_response: MAX_RESPONSE })
    }

    /// Sets how large a response may be, in bytes. _Default:_ 1 MiB.
    pub fn max_response(self, bytes: usize) -> Self {
        Self { max_response: bytes, ..self }
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>> {
        let request = request.try_into().map_err(failed)?;
        let mut answer = self.client.execute(request).await.map_err(failed)?;
        let mut response = Response::new(());
        *response.status_mut() = answer.status();
        *response.version_mut() = answer.version();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > self.max_response {
                let fault = format!("the response has more than {} bytes", self.max_response);
                return Err(Error::Http(fault.into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.map(|()| body))
    }
}

/// Returns the fault without the URL, which may hold a secret.
fn failed(fault: reqwest::Error) -> Error {
    Error::Http(Box::new(fault.without_url()))
}
