//! Mail that arrives.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::async_trait;
use rocket::http::Status;
use rocket::tokio;
use rocket::tokio::io::AsyncBufReadExt;
use rocket::tokio::io::AsyncWriteExt;
use rocket::tokio::io::BufReader;
use rocket::tokio::net::TcpListener;
use rocket::tokio::net::TcpStream;
use rocket_security::Error;
use rocket_security::Result;
use rocket_security::Security;
use rocket_security::mail::Mailer;
use rocket_security::mail::Message;
use rocket_security::testing::PASSWORD;
use rocket_security::testing::TestApp;
use rocket_security::testing::link_in;
use serde_json::json;

use crate::support::app;
use crate::support::rocket;
use crate::support::rocket_with;

const ANN: &str = "ann@example.org";

async fn register(app: &TestApp) {
    let body = json!({"email": ANN, "password": PASSWORD});
    assert_eq!(app.browser().post_json("/register", body).await.status, Status::Ok);
}

/// A mail server on a port of its own: it speaks SMTP (RFC 5321) and keeps what it is given. The
/// first `refusals` mails are refused for the moment.
async fn mail_server(refusals: usize) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let (kept, refused) = (Arc::clone(&mails), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (kept, refused) = (Arc::clone(&kept), Arc::clone(&refused));
            tokio::spawn(async move {
                let _ = converse(stream, kept, refused, refusals).await;
            });
        }
    });
    (port, mails)
}

async fn converse(
    stream: TcpStream,
    kept: Arc<Mutex<Vec<String>>>,
    refused: Arc<AtomicUsize>,
    refusals: usize,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" => b"250-test\r\n250 8BITMIME\r\n",
            "MAIL" if refused.fetch_add(1, Ordering::SeqCst) < refusals => b"451 later\r\n",
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.push_str(&line);
                    mail.push('\n');
                }
                kept.lock().unwrap().push(mail);
                b"250 taken\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 fine\r\n",
        };
        writer.write_all(reply).await?;
    }
    Ok(())
}

async fn wait_for_mail(mails: &Mutex<Vec<String>>) -> String {
    for _ in 0..200 {
        if let Some(mail) = mails.lock().unwrap().last() {
            return mail.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no mail within ten seconds");
}

/// Undoes quoted-printable (RFC 2045, section 6.7) as far as a link needs it.
fn decoded(mail: &str) -> String {
    mail.replace("=\n", "").replace("=3D", "=")
}

#[cfg(feature = "smtp")]
#[rocket::async_test]
async fn a_confirmation_travels_by_smtp_and_its_link_works() {
    let (port, mails) = mail_server(0).await;
    let url = format!("smtp://127.0.0.1:{port}");
    let settings = json!({"mail": {"url": url, "from": "Harbour <hello@harbour.example>"}});
    let app = TestApp::launch_with(rocket(), settings).await;
    register(&app).await;
    let mail = decoded(&wait_for_mail(&mails).await);
    for line in [
        "From: Harbour <hello@harbour.example>",
        "To: ann@example.org",
        "Subject: Confirm your address",
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
async fn a_mail_server_that_refuses_is_tried_again_and_nobody_notices() {
    let (port, mails) = mail_server(1).await;
    let settings = json!({"mail": {"url": format!("smtp://127.0.0.1:{port}")}});
    let app = TestApp::launch_with(rocket(), settings).await;
    register(&app).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(mails.lock().unwrap().is_empty());
    app.clock().advance(TimeDelta::seconds(15));
    wait_for_mail(&mails).await;
    assert_eq!(mails.lock().unwrap().len(), 1);
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
        for _ in 0..200 {
            let sent = self.sent.lock().unwrap().clone();
            if sent.len() >= count {
                return sent;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("fewer than {count} mails within ten seconds");
    }
}

#[rocket::async_test]
async fn mail_survives_a_restart_and_arrives_once_with_a_link_that_works() {
    let mailer = Flaky::default();
    let app = TestApp::launch(rocket_with(Security::default().mailer(mailer.clone()))).await;
    register(&app).await;
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
    struct Hanging;
    #[async_trait]
    impl Mailer for Hanging {
        async fn send(&self, _: &Message) -> Result<()> {
            std::future::pending().await
        }
    }
    let app = TestApp::launch(rocket_with(Security::default().mailer(Hanging))).await;
    let answer = tokio::time::timeout(Duration::from_secs(10), register(&app)).await;
    assert!(answer.is_ok());
}

#[rocket::async_test]
async fn a_mail_sent_twice_keeps_its_id_and_only_its_newest_link_works() {
    let mailer = Flaky { loses_its_word: true, ..Flaky::default() };
    let app = TestApp::launch(rocket_with(Security::default().mailer(mailer.clone()))).await;
    register(&app).await;
    mailer.wait_for(1).await;
    app.clock().advance(TimeDelta::minutes(1));
    let sent = mailer.wait_for(2).await;
    assert_eq!(sent[0].id, sent[1].id);
    let press = async |mail| app.browser().post_json(&link_in(mail), json!({})).await;
    assert_eq!(press(&sent[0]).await.reasons(), ["invalid_link"]);
    assert_eq!(press(&sent[1]).await.status, Status::Ok);
}

/// Rocket drops what it manages when the runtime has ended.
#[cfg(feature = "smtp")]
#[test]
fn an_smtp_transport_is_dropped_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mailer = runtime.block_on(async {
        rocket_security::mail::mailer_from_url("smtp://127.0.0.1:2525").unwrap()
    });
    drop(runtime);
    drop(mailer);
}

#[rocket::async_test]
async fn files_hold_mail_for_development() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().join("mail").display());
    let app = TestApp::launch_with(rocket(), json!({"mail": {"url": url}})).await;
    register(&app).await;
    for _ in 0..200 {
        if folder.path().join("mail").exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let files: Vec<_> = std::fs::read_dir(folder.path().join("mail")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let mail = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
    assert!(mail.contains("To: ann@example.org"));
}

#[rocket::async_test]
async fn both_parts_of_every_mail_say_the_same() {
    let app = app().await;
    register(&app).await;
    let mail = app.newest_mail_to(ANN).await;
    let link = mail.link.clone().unwrap();
    assert!(mail.text.contains(&link));
    assert!(mail.html.replace("&#x2F;", "/").contains(&link));
    assert!(!mail.text.contains('<') && !mail.text.contains("&#"), "{}", mail.text);
}
