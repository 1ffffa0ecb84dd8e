//! Requests to other services, kept in memory.

use std::sync::{Arc, Mutex, PoisonError};

use ::http::{Request, Response};
use rocket::async_trait;

use crate::error::Result;
use crate::http::HttpClient;

type Answer = dyn Fn(&Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync;

/// Keeps every request for a test to read, and answers it as the test says. Clones share what they keep.
///
/// ```
/// use http::Response;
/// use rocket_security::Security;
/// use rocket_security::testing::CaptureHttpClient;
///
/// let http = CaptureHttpClient::answering(|request| match request.uri().path() {
///     "/range/5BAA6" => Response::new(b"1E4C9B93F3F0682250B6CF8331B7EE68FD8:3861493".to_vec()),
///     _ => Response::new(Vec::new()),
/// });
/// let security = Security::default().http_client(http.clone());
/// assert!(http.requests().is_empty());
/// # drop(security);
/// ```
#[derive(Clone)]
pub struct CaptureHttpClient {
    answer: Arc<Answer>,
    requests: Arc<Mutex<Vec<Request<Vec<u8>>>>>,
}

impl CaptureHttpClient {
    /// Creates a client that answers each request with what `answer` returns for it.
    pub fn answering<F>(answer: F) -> Self
    where
        F: Fn(&Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync + 'static,
    {
        Self { answer: Arc::new(answer), requests: Arc::default() }
    }

    /// Returns all requests so far, oldest first.
    pub fn requests(&self) -> Vec<Request<Vec<u8>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl HttpClient for CaptureHttpClient {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>> {
        let response = (self.answer)(&request);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        Ok(response)
    }
}
