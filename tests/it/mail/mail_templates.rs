//! What every mail has in common, whichever feature sends it: found by the files of the templates,
//! so that a new one is held to it, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rocket_security::Email;
use rocket_security::clock::Clock;
use rocket_security::crypto::random_uuid;
use rocket_security::datastore::outbox::NewMail;
use rocket_security::template::Templates;
use rocket_security::testing::TestApp;
use serde_json::{Value, json};

use crate::support::files::files_below;
use crate::support::links::register;
use crate::support::store::push;
use crate::support::templates::with_templates;
use crate::support::{ANN, app_with, rocket};

const LINK: &str = "https://harbour.example/confirm/8dS0rQ-Zk_1";
const LOGIN: &str = "https://harbour.example/login";

/// What somebody types to break out of a mail.
const HOSTILE: &str = "<b onclick=x>\"Ann\" & 'Bob'</b> {{ link }}";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Gives the names of all mails.
fn mails() -> BTreeSet<String> {
    let folder = root().join("templates/security/email");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = files.map(|file| file.to_str().unwrap().split('.').next().unwrap().to_owned());
    names.filter(|name| name != "base").collect()
}

fn source(name: &str, ending: &str) -> String {
    let path = root().join(format!("templates/security/email/{name}.{ending}"));
    fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()))
}

/// Gives what a template is rendered with: what every mail has, and something hostile for whatever
/// else it names.
fn context(source: &str) -> Value {
    let user = json!({"id": "1", "email": "ann@example.org", "roles": [], "username": HOSTILE});
    let mut context = json!({
        "site_name": HOSTILE,
        "user": user,
        "email": "ann@example.org",
        "closed_until": null,
        "has_password": true,
        "link": LINK,
        "within": "2 hours",
        "login_url": LOGIN,
        "base_url": "https://harbour.example",
        "features": ["confirm", "recover", "reset", "change_password", "change_username", "sessions"],
    });
    let known = context.as_object_mut().unwrap();
    for tag in source.split(['{', '%']).filter(|part| part.contains('}') || part.contains(' ')) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        for name in tag.split(|c| !is_name(c)).filter(|name| !name.is_empty()) {
            let name = name.split('.').next().unwrap();
            known.entry(name.to_owned()).or_insert_with(|| json!(HOSTILE));
        }
    }
    context
}

fn templates() -> Templates {
    load(Vec::new(), &root().join("templates"))
}

fn load(embedded: Vec<(&'static str, &'static str)>, folder: &Path) -> Templates {
    Templates::load(embedded, folder, |tera| {
        tera.register_function("security_url", |_: &_| Ok(json!("/elsewhere")));
    })
    .unwrap()
}

/// Gives both parts of a mail.
fn render(templates: &Templates, name: &str) -> [String; 2] {
    render_as(templates, name, &json!({}))
}

/// Gives both parts of a mail, with something laid over what it is rendered with.
fn render_as(templates: &Templates, name: &str, over: &Value) -> [String; 2] {
    ["txt", "html"].map(|ending| {
        let mut context = context(&source(name, ending));
        context.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        let template = format!("security/email/{name}.{ending}");
        templates.render(&template, &context).unwrap_or_else(|fault| panic!("{template}: {fault}"))
    })
}

fn unescaped(html: &str) -> String {
    [
        ("&#x2F;", "/"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(html.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

#[test]
fn every_mail_has_a_text_and_a_page_and_comes_with_a_feature_or_with_all() {
    let sources = files_below(&root().join("src/features")).into_iter();
    let sources: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let embedded: Vec<&str> = sources
        .split("templates![")
        .skip(1)
        .filter_map(|rest| Some(rest.split(']').next()?.split_once(';')?.1))
        .collect();
    // What features share is in no feature's list.
    let shared = fs::read_to_string(root().join("src/template.rs")).unwrap();
    assert!(mails().len() >= 3);
    for name in mails() {
        for ending in ["txt", "html"] {
            assert!(!source(&name, ending).trim().is_empty());
        }
        let quoted = format!("\"{name}\"");
        let is_shared = shared.contains(&format!("file!(\"email/{name}.txt\")"));
        let is_embedded = is_shared || embedded.iter().any(|names| names.contains(&quoted));
        assert!(is_embedded, "{name} is not among the TEMPLATES of a feature");
    }
}

#[test]
fn both_parts_of_every_mail_carry_the_same_links() {
    let templates = templates();
    // Whatever the account, the application, and the delay.
    let states = [
        json!({}),
        json!({"closed_until": "15 January 2027, 09:30 UTC"}),
        json!({"has_password": false}),
        json!({"has_password": false, "features": []}),
        json!({"link": null, "within": null}),
    ];
    let all = mails().into_iter().flat_map(|name| states.iter().map(move |it| (name.clone(), it)));
    // But for those with a way back, a mail whose link is over is not sent.
    let all = all.filter(|(name, state)| {
        state.get("link").is_none() || source(name, "txt").contains("{% if link")
    });
    for (name, state) in all {
        let [text, html] = render_as(&templates, &name, state);
        let html = unescaped(&html);
        assert!(!text.contains("\n\n\n") && text.ends_with('\n'), "{name}: {text}");
        for link in [LINK, LOGIN] {
            assert_eq!(text.contains(link), html.contains(link), "{name}: {link}\n{text}\n{html}");
        }
        // A mail shows where its links lead, and they lead to the site.
        for at in html.match_indices("href=\"").map(|(at, _)| at + "href=\"".len()) {
            let address = html[at..].split('"').next().unwrap();
            assert!(address.starts_with("https://harbour.example"), "{name}: {address}");
            assert!(text.contains(address), "{name}: {address} is not in the text\n{text}");
        }
        assert!(!html.contains("<img") && !html.contains("<script"), "{name} loads something");
    }
}

#[test]
fn what_somebody_typed_is_text_in_both_parts_of_every_mail() {
    let templates = templates();
    for name in mails() {
        let [text, html] = render(&templates, &name);
        assert!(!html.contains("<b onclick"), "{name}: {html}");
        assert!(html.contains("&lt;b onclick=x&gt;"), "{name}: {html}");
        assert!(text.contains(HOSTILE), "{name}: {text}");
        assert!(
            !text.contains("&lt;") && !text.contains("&amp;") && !text.contains("&#"),
            "{text}"
        );
        // RFC 5322, section 2.1.1: lines that a person can read in a plain window.
        let template = source(&name, "txt");
        let longest = template.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 78, "{name}.txt has a line of {longest} characters");
    }
}

/// Has a mail sent whose context holds what somebody typed.
async fn mail_with(app: &TestApp, template: &str, value: &str) -> rocket_security::mail::Message {
    let to = Email::parse("ann@example.org").unwrap();
    let subject = format!("Note of {value}");
    let at = Clock::default().now();
    let mail = NewMail::with_id(random_uuid().unwrap(), template, &subject, &to, at);
    push(app.store(), &mail.with("note", value)).await;
    app.newest_mail_to("ann@example.org").await
}

#[rocket::async_test]
async fn what_somebody_typed_makes_no_line_and_no_header_of_its_own() {
    let note = [
        ("security/email/note.txt", "Note: {{ note }}\n"),
        ("security/email/note.html", "<p>{{ note }}</p>"),
    ];
    let (rocket, _folder) = with_templates(rocket(), &note);
    let app = TestApp::launch(rocket).await;
    let typed = "Ann\r\nBcc: eve@example.org\r\n\r\nYour account is locked.\u{2028}<b>Call</b> &co";
    let mail = mail_with(&app, "note", typed).await;
    let line = "Ann  Bcc: eve@example.org    Your account is locked. <b>Call</b> &co";
    assert_eq!(mail.text, format!("Note: {line}\n"));
    assert_eq!(unescaped(&mail.html), format!("<p>{line}</p>"));
    assert!(mail.html.contains("&lt;b&gt;Call"), "{}", mail.html);
    assert_eq!(mail.subject, format!("Note of {line}"));
    let raw = String::from_utf8(mail.to_lettre().unwrap().formatted()).unwrap();
    let head = raw.split("\r\n\r\n").next().unwrap();
    assert!(!head.to_ascii_lowercase().contains("\nbcc:"), "{head}");
}

#[rocket::async_test]
async fn every_part_of_every_mail_is_replaced_by_itself() {
    let shown: BTreeMap<String, [String; 2]> = {
        let templates = templates();
        mails().into_iter().map(|name| (name.clone(), render(&templates, &name))).collect()
    };
    for name in shown.keys() {
        for ending in ["txt", "html"] {
            let replaced = format!("security/email/{name}.{ending}");
            let (_, folder) = with_templates(rocket(), &[(&replaced, "Ours.")]);
            let ours: Vec<(String, String)> = mails()
                .iter()
                .flat_map(|name| ["txt", "html"].map(|ending| (name.clone(), ending)))
                .map(|(name, ending)| {
                    (format!("security/email/{name}.{ending}"), source(&name, ending))
                })
                .chain([("security/email/base.html".to_owned(), source("base", "html"))])
                .collect();
            // The templates of a crate live as long as the program.
            let embedded = ours
                .into_iter()
                .map(|(name, text)| -> (&'static str, &'static str) { (name.leak(), text.leak()) });
            let templates = load(embedded.collect(), folder.path());
            for (other, parts) in &shown {
                let rendered = render(&templates, other);
                for (part, (now, before)) in ["txt", "html"].iter().zip(rendered.iter().zip(parts))
                {
                    let is_it = other == name && *part == ending;
                    assert_eq!(now, if is_it { "Ours." } else { before }, "{other}.{part}");
                }
            }
        }
    }
}

#[rocket::async_test]
async fn one_replaced_text_leaves_the_rest_of_its_mail_alone() {
    let text = "Ahoi {{ email }}, {{ link }} ({{ within }}) at {{ site_name }}, {{ base_url }}\n";
    let replaced = ("security/email/confirmation_instructions.txt", text);
    let (rocket, _folder) = with_templates(rocket(), &[replaced]);
    let app = TestApp::launch_with(rocket, json!({"site_name": "Harbour"})).await;
    register(&app, ANN).await;
    let mail = app.newest_mail_to("ann@example.org").await;
    let link = mail.link.clone().unwrap();
    let text = format!("Ahoi ann@example.org, {link} (1 day) at Harbour, http://127.0.0.1:8000\n");
    assert_eq!(mail.text, text);
    assert!(mail.html.contains("Confirm your email address"), "{}", mail.html);
    assert!(unescaped(&mail.html).contains(&link));
}

#[rocket::async_test]
async fn a_mail_says_in_words_how_long_its_link_is_good_for() {
    for (within, words) in [
        ("24h", "1 day"),
        ("90m", "1 hour 30 minutes"),
        ("45s", "45 seconds"),
        ("61s", "1 minute 1 second"),
    ] {
        let app = app_with(json!({"confirm": {"within": within}})).await;
        register(&app, ANN).await;
        let mail = app.newest_mail_to("ann@example.org").await;
        let sentence = format!("The link works once and expires after {words}.");
        assert!(mail.text.contains(&sentence), "{}", mail.text);
        assert!(mail.html.contains(&sentence), "{}", mail.html);
    }
}

#[rocket::async_test]
async fn a_configured_subject_takes_the_place_of_the_features() {
    let subjects = json!({"confirmation_instructions": "{{ site_name }}: best\u{e4}tigen"});
    let app = app_with(json!({"site_name": "Hafen & Co", "mail": {"subjects": subjects}})).await;
    register(&app, ANN).await;
    let mail = app.newest_mail_to("ann@example.org").await;
    assert_eq!(mail.subject, "Hafen & Co: best\u{e4}tigen");
    app.user("bob@example.org").await;
    register(&app, "bob@example.org").await;
    let mail = app.newest_mail_to("bob@example.org").await;
    assert_eq!(mail.subject, "You already have an account");
}
