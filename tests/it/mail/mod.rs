//! Mails, their templates and links, and the way over a mailbox.

mod kept_next;
mod mail;
mod mail_templates;
mod outbox;
mod single_page;
mod used_links;
