//! Composes and sends mail.
//!
//! | module | purpose |
//! |---|---|
//! | [`worker`] | takes mail from the outbox, creates its link, sends it, and tries again |
//! | `outage` | decides when a lasting failure is logged |
//! | [`compose`] | composes messages from templates |
//! | `subjects` | reads the configured subjects, and keeps user input on one line |
//! | `message` | a message with its headers, ready to be sent |
//! | `mailer` | the trait [`Mailer`], for your own transports |
//! | `transport` | finds the transport for a URL |
//! | `mailbox` | reads the addresses of senders and replies |
//! | [`smtp`] | `smtp://…` and `smtps://…` |
//! | [`file`](mod@file) | `file:DIR`: a file for each mail, for development |
//! | [`capture`] | keeps mail in memory, for tests |
//!
//! # Headers
//!
//! | header | why |
//! |---|---|
//! | `Message-ID` | the mail's id in the outbox, at the sender's domain: a mail that arrives twice is recognised as the same |
//! | `Auto-Submitted: auto-generated` | RFC 3834: out-of-office notices do not answer |
//! | `X-Auto-Response-Suppress: OOF, AutoReply` | the same for Exchange, which has its own header; bounces are wanted |
//! | `Reply-To` | `security.mail.reply_to`, if it is set |
//!
//! There is no `List-Unsubscribe`, and so no `List-Unsubscribe-Post` (RFC 8058): they are for bulk mail that
//! its readers can do without. Each of our mails answers an action on one account. If they could be turned
//! off, an attacker would turn them off for a victim before taking the account over. An application that
//! sends newsletters sends them separately, best from another domain. There is no tracking pixel either, and
//! no link that leads anywhere but to `base_url`.

pub mod capture;
pub mod compose;
pub mod file;
mod mailbox;
mod mailer;
mod message;
mod outage;
#[cfg(feature = "smtp")]
pub mod smtp;
pub(crate) mod subjects;
mod transport;
pub mod worker;

pub use crate::mail::mailer::Mailer;
pub use crate::mail::message::Message;
pub use crate::mail::transport::mailer_from_url;
