//! Requests that an application sends to other services.

mod client;
mod reqwest_client;
