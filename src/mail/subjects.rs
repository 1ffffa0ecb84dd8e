//! The configured subjects of mails.

use std::collections::BTreeMap;

use serde_json::json;

use crate::config::{Config, instead_of};
use crate::error::{Error, Faults, Result};
use crate::template::{Templates, render_text};

/// The subjects in `[default.security.mail.subjects]`, rendered at the launch: a subject contains nothing
/// about its recipient.
pub struct Subjects(BTreeMap<String, String>);

/// The maximal length of a subject, in bytes. Encoded (RFC 2047) and folded, it is still a header that mail
/// servers accept.
const LONGEST: usize = 255;

impl Subjects {
    /// Renders the subjects.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming the key of a subject that belongs to no mail, does not render, or is not one
    /// line.
    pub fn render(config: &Config, templates: &Templates) -> Result<Self> {
        let known = known_mails(templates);
        let (mut subjects, mut faults) = (BTreeMap::new(), Faults::default());
        for (mail, template) in &config.mail.subjects {
            if let Some(subject) = faults.note(render(config, mail, template, &known)) {
                subjects.insert(mail.clone(), subject);
            }
        }
        faults.finish().map(|()| Self(subjects))
    }

    /// Returns the subject of a mail in one line: the configured one, or `default`.
    pub(super) fn of(&self, mail: &str, default: &str) -> String {
        self.0.get(mail).cloned().unwrap_or_else(|| one_line(default))
    }
}

fn render(config: &Config, mail: &str, template: &str, known: &[&str]) -> Result<String> {
    let key = format!("mail.subjects.{mail}");
    if !known.contains(&mail) {
        return Err(Error::config(
            key,
            "is not the name of a mail, or its feature is not enabled",
            instead_of(mail, known),
        ));
    }
    let context = json!({ "site_name": config.site_name });
    let subject = render_text(template, &context).map_err(|fault| {
        Error::config(
            &key,
            format!("does not render: {fault}"),
            "Write text, with {{ site_name }} for the name of the site",
        )
    })?;
    let is_line =
        !subject.trim().is_empty() && subject.len() <= LONGEST && subject == one_line(&subject);
    if !is_line {
        return Err(Error::config(
            key,
            "is not one line of 1 to 255 bytes",
            "Write a short text without line breaks",
        ));
    }
    Ok(subject)
}

/// Replaces characters that end a line, control a terminal, or change the direction of writing with blanks.
/// User input must not become a header, or a separate paragraph of a mail.
pub(super) fn one_line(text: &str) -> String {
    let breaks = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(breaks, " ")
}

/// Returns the names of the mails that have templates.
fn known_mails(templates: &Templates) -> Vec<&str> {
    let name = |template| -> Option<&str> {
        str::strip_prefix(template, "security/email/")?.strip_suffix(".txt")
    };
    let mut names: Vec<&str> = templates.names().filter_map(name).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;
    use crate::mail::subjects::{Subjects, one_line};
    use crate::template::Templates;

    fn subjects(mail: &str, subject: &str) -> Result<Subjects, String> {
        let mails = [("security/email/welcome.txt", ""), ("security/email/goodbye.txt", "")];
        let templates = Templates::load(mails, Path::new("none"), |_| {}).unwrap();
        let mut config = Config { site_name: "Häfen & Söhne".to_owned(), ..Config::default() };
        config.mail.subjects.insert(mail.to_owned(), subject.to_owned());
        Subjects::render(&config, &templates).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_subject_is_text_with_the_name_of_the_site() {
        let subjects = subjects("welcome", "Willkommen bei {{ site_name }}").unwrap();
        assert_eq!(subjects.of("welcome", "Welcome"), "Willkommen bei Häfen & Söhne");
        assert_eq!(
            subjects.of("goodbye", "Good\r\nBcc: eve@example.org"),
            "Good  Bcc: eve@example.org"
        );
    }

    #[test]
    fn a_subject_that_is_of_no_use_is_named_with_its_cure() {
        for (mail, subject, fault, cure) in [
            ("welcom", "x", "is not the name of a mail", "Write \"welcome\""),
            ("welcome", "{{ user.email }}", "does not render", "{{ site_name }}"),
            ("welcome", "{{ site_name", "does not render", "{{ site_name }}"),
            ("welcome", "{% include \"security/email/welcome.txt\" %}", "does not render", "text"),
            ("welcome", "", "is not one line", "short text"),
            ("welcome", " ", "is not one line", "short text"),
            ("welcome", "x\r\nBcc: eve@example.org", "is not one line", "short text"),
            ("welcome", "x\u{2028}y", "is not one line", "short text"),
            ("welcome", &"x".repeat(256), "is not one line", "short text"),
        ] {
            let text = subjects(mail, subject).err().unwrap();
            let key = format!("security.mail.subjects.{mail}: {fault}");
            assert!(text.starts_with(&key), "{text}");
            assert!(text.contains(cure) && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(one_line("Grüße, <b>\u{1f6a2}"), "Grüße, <b>\u{1f6a2}");
        assert_eq!(one_line("a\r\nb\tc\u{85}d\u{2028}e\u{202e}f\0"), "a  b c d e f ");
    }
}
