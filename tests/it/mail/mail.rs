//! Mail that arrives.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use rocket::http::Status;
use rocket::tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use rocket::tokio::net::{TcpListener, TcpStream};
use rocket::{async_trait, tokio};
#[cfg(feature = "smtp")]
use rocket_security::config::Span;
#[cfg(feature = "smtp")]
use rocket_security::datastore::OutboxAdmin;
#[cfg(feature = "smtp")]
use rocket_security::datastore::outbox::Addressee;
#[cfg(feature = "smtp")]
use rocket_security::datastore::outbox::MailState;
#[cfg(feature = "smtp")]
use rocket_security::datastore::outbox::NewMail;
use rocket_security::mail::{Mailer, Message};
use rocket_security::testing::{PASSWORD, TestApp, link_in};
use rocket_security::{Error, Result, Security, Text};
use serde_json::json;

use crate::support::links::register;
use crate::support::mailers::Hanging;
#[cfg(feature = "smtp")]
use crate::support::mailers::deliver;
use crate::support::store::push;
#[cfg(feature = "smtp")]
use crate::support::store::store_on;
use crate::support::waiting::wait_for;
use crate::support::{ANN, app, rocket, rocket_with};

/// What a mail server refuses: by that reply, the next so many commands of that verb, or mails, after
/// their last line, or connections.
struct Refusal {
    verb: &'static str,
    reply: &'static str,
    left: AtomicUsize,
}

impl Refusal {
    fn of(verb: &'static str, reply: &'static str, times: usize) -> Arc<Self> {
        Arc::new(Self { verb, reply, left: AtomicUsize::new(times) })
    }

    fn none() -> Arc<Self> {
        Self::of("", "", 0)
    }

    /// Gives the reply if it is refused now.
    fn reply_to(&self, verb: &str) -> Option<String> {
        let take = |left: usize| left.checked_sub(1);
        let is_refused = verb == self.verb
            && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
        is_refused.then(|| format!("{}\r\n", self.reply))
    }

    fn ends(&self) {
        self.left.store(0, Ordering::SeqCst);
    }
}

/// A mail server on a port of its own: it speaks SMTP (RFC 5321) and keeps what it is given, unless it
/// refuses that.
async fn mail_server(refusal: Arc<Refusal>) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&mails);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kept, refusal) = (Arc::clone(&kept), Arc::clone(&refusal));
            tokio::spawn(async move {
                let _ = converse(stream, kept, &refusal).await;
            });
        }
    });
    (port, mails)
}

async fn converse(
    stream: TcpStream,
    kept: Arc<Mutex<Vec<String>>>,
    refusal: &Refusal,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut hello = String::new();
    let greeting = refusal.reply_to("a connection");
    writer.write_all(greeting.as_deref().unwrap_or("220 test\r\n").as_bytes()).await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let refused = refusal.reply_to(&verb);
        if verb == "EHLO" {
            hello.clone_from(&line);
        }
        let reply = match (refused, verb.as_str()) {
            (Some(refused), _) => refused,
            (None, "EHLO") => "250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n".to_owned(),
            (None, "AUTH") => "235 welcome\r\n".to_owned(),
            (None, "DATA") => {
                writer.write_all(b"354 go on\r\n").await?;
                // What the client greeted with stands above the mail.
                let mut mail = format!("{hello}\n");
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.push_str(&line);
                    mail.push('\n');
                }
                refusal.reply_to("a mail").unwrap_or_else(|| {
                    kept.lock().unwrap().push(mail);
                    "250 taken\r\n".to_owned()
                })
            }
            (None, "QUIT") => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 fine\r\n".to_owned(),
        };
        writer.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

async fn wait_for_mail(mails: &Mutex<Vec<String>>) -> String {
    wait_for("mail", || mails.lock().unwrap().last().cloned()).await
}

/// Undoes quoted-printable (RFC 2045, section 6.7) as far as a link needs it.
fn decoded(mail: &str) -> String {
    mail.replace("=\n", "").replace("=3D", "=")
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn a_confirmation_travels_by_smtp_and_its_link_works() {
    let (port, mails) = mail_server(Refusal::none()).await;
    let url = format!("smtp://127.0.0.1:{port}");
    let settings = json!({"mail": {"url": url, "from": "Harbour <hello@harbour.example>"}});
    let app = TestApp::launch_with(rocket(), settings).await;
    register(&app, ANN).await;
    let mail = decoded(&wait_for_mail(&mails).await);
    for line in [
        "From: Harbour <hello@harbour.example>",
        "To: ann@example.org",
        "Subject: Confirm your email address",
        "Auto-Submitted: auto-generated",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
    ] {
        assert!(mail.contains(line), "{line} is missing in\n{mail}");
    }
    assert!(mail.contains("@harbour.example>"), "the Message-ID is the sender's");
    let start = mail.find("http://127.0.0.1:8000/confirm/").unwrap();
    let link = mail[start..].lines().next().unwrap().trim();
    let path = link.strip_prefix("http://127.0.0.1:8000").unwrap();
    assert_eq!(app.browser().post_json(path, json!({})).await.status, Status::Ok);
    assert_eq!(app.browser().log_in(ANN, PASSWORD).await.status, Status::Ok);
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn a_mail_names_its_sender_in_ascii_and_asks_for_no_answer() {
    let (port, mails) = mail_server(Refusal::none()).await;
    let settings = json!({"mail": {
        "url": format!("smtp://127.0.0.1:{port}"),
        "from": "H\u{e4}fen, Ltd. <hello@harbour.example>",
        "reply_to": "\"Help, please\" <help@harbour.example>",
        "subjects": {"confirmation_instructions": "Best\u{e4}tigen: {{ site_name }}"},
    }});
    let app = TestApp::launch_with(rocket(), settings).await;
    register(&app, ANN).await;
    let mail = wait_for_mail(&mails).await;
    let head = mail.split("\n\n").next().unwrap();
    assert!(head.is_ascii(), "{head}");
    let headers: Vec<(&str, &str)> =
        head.lines().filter_map(|line| line.split_once(": ")).collect();
    let header = |name: &str| {
        let all: Vec<&str> =
            headers.iter().filter(|(it, _)| *it == name).map(|(_, value)| *value).collect();
        assert!(all.len() <= 1, "{name}: {all:?}");
        all.first().copied()
    };
    let from = header("From").unwrap();
    assert!(from.starts_with("=?utf-8?") && from.ends_with("<hello@harbour.example>"), "{from}");
    let reply_to = header("Reply-To").unwrap();
    assert!(reply_to.ends_with(" <help@harbour.example>"), "{reply_to}");
    assert!(!reply_to.contains(','), "a name with a comma is no second address: {reply_to}");
    assert_eq!(header("To"), Some("ann@example.org"));
    assert!(header("Subject").unwrap().contains("=?utf-8?"), "{head}");
    assert_eq!(header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(header("X-Auto-Response-Suppress"), Some("OOF, AutoReply"));
    assert!(header("Message-ID").unwrap().ends_with("@harbour.example>"), "{head}");
    assert!(header("Date").is_some());
    // None of ours goes to many.
    for name in ["List-Unsubscribe", "List-Unsubscribe-Post", "Precedence", "Bcc", "Cc"] {
        assert_eq!(header(name), None);
    }
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn a_mail_server_that_refuses_is_tried_again_and_nobody_notices() {
    let (port, mails) = mail_server(Refusal::of("MAIL", "451 later", 1)).await;
    let settings = json!({"mail": {"url": format!("smtp://127.0.0.1:{port}")}});
    let app = TestApp::launch_with(rocket(), settings).await;
    register(&app, ANN).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(mails.lock().unwrap().is_empty());
    app.clock().advance(TimeDelta::seconds(15));
    wait_for_mail(&mails).await;
    assert_eq!(mails.lock().unwrap().len(), 1);
}

/// Has the mail that a registration writes tried until it is given up, or has been tried so many
/// times; tells how often it was, and whether it was given up.
#[cfg(feature = "smtp")]
async fn try_mail(app: &TestApp, times: u32) -> (u32, bool) {
    for _ in 0..times {
        deliver(app).await;
        let listed = store_on(app.database()).await.list_mail(None, 10).await.unwrap();
        assert_eq!(listed.len(), 1, "{listed:?}");
        if listed[0].state == MailState::GivenUp || listed[0].attempts >= times {
            return (listed[0].attempts, listed[0].state == MailState::GivenUp);
        }
        app.clock().advance(TimeDelta::hours(1) + TimeDelta::seconds(1));
    }
    panic!("it was tried less often");
}

#[cfg(feature = "smtp")]
async fn app_with_server(port: u16) -> TestApp {
    let url = format!("smtp://harbour:a-password@127.0.0.1:{port}");
    TestApp::launch_with(rocket(), json!({"mail": {"url": url}})).await
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn what_a_mail_server_refuses_for_good_is_a_dead_letter_after_three_attempts() {
    for (verb, reply) in [
        ("RCPT", "550 5.1.1 no such user"),
        ("RCPT", "553 5.1.3 no such mailbox"),
        ("DATA", "554 5.7.1 not from you"),
        ("a mail", "554 5.6.0 not in these words"),
    ] {
        let refusal = Refusal::of(verb, reply, usize::MAX);
        let (port, mails) = mail_server(Arc::clone(&refusal)).await;
        let app = app_with_server(port).await;
        register(&app, ANN).await;
        assert_eq!(try_mail(&app, 20).await, (3, true), "{verb} {reply}");
        assert_eq!(usize::MAX - refusal.left.load(Ordering::SeqCst), 3, "{verb} {reply}");
        let store = store_on(app.database()).await;
        let dead = store.list_mail(None, 10).await.unwrap().remove(0);
        let fault = dead.fault.unwrap();
        let code = &reply[..3];
        assert_eq!(fault, format!("mail was refused for good: the mail server answered {code}"));
        // An operator can have it tried again.
        refusal.ends();
        assert!(store.retry_mail(dead.mail.id, app.clock().now()).await.unwrap());
        wait_for_mail(&mails).await;
    }
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn a_mail_with_a_way_back_is_tried_for_four_days_though_it_is_refused_for_good() {
    let refusal = Refusal::of("RCPT", "552 5.2.2 mailbox full", usize::MAX);
    let (port, mails) = mail_server(Arc::clone(&refusal)).await;
    let app = app_with_server(port).await;
    let user = app.user(ANN).await;
    let mail =
        NewMail::new(&Text::new("change_email_notice", "Changed"), &user.email, app.clock().now());
    let mail = mail.unwrap().concerns(Addressee::User(user.id));
    let mail = mail.with("new_email", "thief@example.net").with("at", "now").with("client", "::1");
    let mail = mail.lasting_link("change_email_undo", Span::hours(7 * 24));
    push(app.store(), &mail).await;
    assert_eq!(try_mail(&app, 20).await, (20, false));
    app.clock().advance(TimeDelta::days(3));
    assert_eq!(try_mail(&app, 21).await, (21, false));
    refusal.ends();
    app.clock().advance(TimeDelta::hours(1) + TimeDelta::seconds(1));
    wait_for_mail(&mails).await;

    // It does not wait for ever.
    let refusal = Refusal::of("RCPT", "552 5.2.2 mailbox full", usize::MAX);
    let (port, _mails) = mail_server(refusal).await;
    let app = app_with_server(port).await;
    let user = app.user(ANN).await;
    let mut mail = mail.concerns(Addressee::User(user.id));
    mail.to = user.email.clone();
    mail.created_at = app.clock().now();
    push(app.store(), &mail).await;
    assert_eq!(try_mail(&app, 9).await, (9, false));
    app.clock().advance(TimeDelta::days(4));
    assert_eq!(try_mail(&app, 20).await, (10, true));
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn what_a_mail_server_holds_against_everybody_kills_no_mail() {
    for (verb, reply) in [
        ("a connection", "554 5.3.2 no mail service today"),
        ("EHLO", "550 5.7.1 I do not know you"),
        ("AUTH", "535 5.7.8 not that password"),
        ("AUTH", "550 5.7.1 not from there"),
        ("MAIL", "530 5.7.0 authentication is required"),
        ("MAIL", "503 5.5.1 bad sequence of commands"),
        ("RCPT", "450 4.2.1 try again later"),
    ] {
        let refusal = Refusal::of(verb, reply, usize::MAX);
        let (port, mails) = mail_server(Arc::clone(&refusal)).await;
        let app = app_with_server(port).await;
        register(&app, ANN).await;
        assert_eq!(try_mail(&app, 6).await, (6, false), "{verb} {reply}");
        refusal.ends();
        app.clock().advance(TimeDelta::hours(1));
        wait_for_mail(&mails).await;
    }
}

/// A transport that fails as long as it is told to, or that takes a mail and then fails to say so.
#[derive(Clone, Default)]
struct Flaky {
    loses_its_word: bool,
    is_up: Arc<std::sync::atomic::AtomicBool>,
    sent: Arc<Mutex<Vec<Message>>>,
}

#[async_trait]
impl Mailer for Flaky {
    async fn send(&self, message: &Message) -> Result<()> {
        if !self.is_up.load(Ordering::SeqCst) && !self.loses_its_word {
            return Err(Error::mail("the mail server is down"));
        }
        self.sent.lock().unwrap().push(message.clone());
        if self.loses_its_word {
            return Err(Error::mail("the connection broke"));
        }
        Ok(())
    }
}

impl Flaky {
    async fn wait_for(&self, count: usize) -> Vec<Message> {
        let sent = || self.sent.lock().unwrap().clone();
        wait_for("further mail", || Some(sent()).filter(|sent| sent.len() >= count)).await
    }
}

#[rocket::async_test]
async fn mail_survives_a_restart_and_arrives_once_with_a_link_that_works() {
    let mailer = Flaky::default();
    let app = TestApp::launch(rocket_with(Security::default().mailer(mailer.clone()))).await;
    register(&app, ANN).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    mailer.is_up.store(true, Ordering::SeqCst);
    let app = app.restart(rocket_with(Security::default().mailer(mailer.clone()))).await;
    app.clock().advance(TimeDelta::hours(1));
    let sent = mailer.wait_for(1).await;
    app.clock().advance(TimeDelta::hours(1));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(mailer.sent.lock().unwrap().len(), 1);
    assert_eq!(app.browser().post_json(&link_in(&sent[0]), json!({})).await.status, Status::Ok);
}

#[rocket::async_test]
async fn a_request_does_not_wait_for_the_mail_server() {
    let app = TestApp::launch(rocket_with(Security::default().mailer(Hanging))).await;
    let answer = tokio::time::timeout(Duration::from_secs(10), register(&app, ANN)).await;
    assert!(answer.is_ok());
}

#[rocket::async_test]
async fn a_mail_sent_twice_keeps_its_id_and_only_its_newest_link_works() {
    let mailer = Flaky { loses_its_word: true, ..Flaky::default() };
    let app = TestApp::launch(rocket_with(Security::default().mailer(mailer.clone()))).await;
    register(&app, ANN).await;
    mailer.wait_for(1).await;
    app.clock().advance(TimeDelta::minutes(1));
    let sent = mailer.wait_for(2).await;
    assert_eq!(sent[0].id, sent[1].id);
    let press = async |mail| app.browser().post_json(&link_in(mail), json!({})).await;
    assert_eq!(press(&sent[0]).await.reasons(), ["invalid_link"]);
    assert_eq!(press(&sent[1]).await.status, Status::Ok);
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn a_mail_server_is_greeted_with_the_host_of_the_site_or_the_name_in_the_url() {
    for (base_url, path, hello) in [
        ("https://harbour.example", "", "EHLO harbour.example"),
        (
            "https://harbour.example:8443",
            "/outbound.harbour.example",
            "EHLO outbound.harbour.example",
        ),
        ("http://127.0.0.1:8000", "", "EHLO [127.0.0.1]"),
        ("https://[2001:db8::7]", "", "EHLO [IPv6:2001:db8::7]"),
    ] {
        let (port, mails) = mail_server(Refusal::none()).await;
        let url = format!("smtp://127.0.0.1:{port}{path}");
        let settings = json!({"base_url": base_url, "mail": {"url": url, "from": "a@example.org"}});
        let app = TestApp::launch_with(rocket(), settings).await;
        register(&app, ANN).await;
        assert_eq!(wait_for_mail(&mails).await.lines().next(), Some(hello), "{base_url}{path}");
    }
}

/// Rocket drops what it manages when the runtime has ended.
#[cfg(feature = "smtp")]
#[test]
fn an_smtp_transport_is_dropped_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let site = "https://example.org".parse().unwrap();
    let mailer = runtime.block_on(async {
        rocket_security::mail::mailer_from_url("smtp://127.0.0.1:2525", &site).unwrap()
    });
    drop(runtime);
    drop(mailer);
}

#[rocket::async_test]
async fn files_hold_mail_for_development() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().join("mail").display());
    let app = TestApp::launch_with(rocket(), json!({"mail": {"url": url}})).await;
    register(&app, ANN).await;
    wait_for("folder", || folder.path().join("mail").exists().then_some(())).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let files: Vec<_> = std::fs::read_dir(folder.path().join("mail")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let mail = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
    assert!(mail.contains("To: ann@example.org"));
}

#[rocket::async_test]
async fn both_parts_of_every_mail_say_the_same() {
    let app = app().await;
    register(&app, ANN).await;
    let mail = app.newest_mail_to(ANN).await;
    let link = mail.link.clone().unwrap();
    assert!(mail.text.contains(&link));
    assert!(mail.html.replace("&#x2F;", "/").contains(&link));
    assert!(!mail.text.contains('<') && !mail.text.contains("&#"), "{}", mail.text);
}
