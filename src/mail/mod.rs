//! Mail: what is sent, and by which transport.
//!
//! | file | what |
//! |---|---|
//! | [`worker`] | takes mail from the outbox, makes its link, sends it, tries again |
//! | `outage` | says when a failure that lasts is logged |
//! | [`compose`] | puts a message together from templates |
//! | `subjects` | reads the configured subjects, and keeps what somebody typed in one line |
//! | `message` | a message, ready to be sent, with its headers |
//! | `mailer` | what delivers messages: a trait, for transports of your own |
//! | `transport` | which transport a URL names |
//! | `mailbox` | reads the addresses that mail comes from and is answered to |
//! | [`smtp`] | `smtp://…` and `smtps://…` |
//! | [`file`](mod@file) | `file:DIR`: a file for each mail, for development |
//! | [`capture`] | keeps mail in memory, for tests |
//!
//! # Headers
//!
//! | header | why |
//! |---|---|
//! | `Message-ID` | the mail's id in the outbox at the sender's domain: a mail that arrives twice is known for the same |
//! | `Auto-Submitted: auto-generated` | RFC 3834: holiday notices do not answer |
//! | `X-Auto-Response-Suppress: OOF, AutoReply` | the same for Exchange, which has its own word; bounces are wanted |
//! | `Reply-To` | `security.mail.reply_to`, if it is set |
//!
//! There is no `List-Unsubscribe`, and so no `List-Unsubscribe-Post` (RFC 8058): they are for mail
//! that goes to many and that its reader can do without. Each of ours answers something that was done
//! with one account; whoever could turn them off for a victim would do so before taking the account
//! over. An application that sends newsletters sends them by its own means, best from another domain.
//! Nor is there a tracking pixel, or a link that leads anywhere but to `base_url`.

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
