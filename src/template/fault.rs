//! Explains in one sentence what is wrong with a template, and where.
//!
//! Tera reports the line in which a template cannot be parsed, but not the line in which one fails. That line
//! is looked up in the source, by the name that is unknown.

use std::collections::BTreeMap;
use std::iter;

use tera::ErrorKind;

use crate::error::{Error, with_causes};

type Sources = BTreeMap<String, String>;

/// The text in Tera's messages before and after the name of what is unknown or fails.
const SUBJECTS: [(&str, &str); 7] = [
    ("Variable `", "`"),
    ("Function call '", "'"),
    ("Filter call '", "'"),
    ("Test call '", "'"),
    ("Function '", "'"),
    ("Filter '", "'"),
    ("Test '", "'"),
];

/// The text in Tera's messages before the name of a template, the one nearest to the fault first.
const PLACES: [&str; 3] = ["(error happened in '", "while rendering '", "Failed to render '"];

/// Explains an error that Tera returned for one of these templates.
pub(super) fn explain(source: tera::Error, sources: &Sources) -> Error {
    let said = with_causes(&source);
    let fault = match (&source.kind, between(&said, "Failed to parse '", "'")) {
        (_, Some(name)) => unparsed(name, &said),
        (ErrorKind::TemplateNotFound(name), None) => format!("there is no template \"{name}\""),
        _ => failed(&said, sources),
    };
    Error::Template { fault, source: Box::new(source) }
}

/// Describes where a template cannot be parsed, and what is expected there.
fn unparsed(name: &str, said: &str) -> String {
    let place = between(said, "--> ", " ").and_then(|place| place.split_once(':'));
    let expected = said.rsplit_once(" = ").map(|(_, expected)| expected.trim());
    match (place, expected) {
        (Some((line, column)), Some(expected)) => format!(
            "the template \"{name}\" cannot be parsed at line {line}, column {column}: {expected}"
        ),
        _ => format!("the template \"{name}\" cannot be parsed: {said}"),
    }
}

/// Describes in which template and line something is unknown or fails.
fn failed(said: &str, sources: &Sources) -> String {
    let subject = SUBJECTS.iter().find_map(|(before, after)| between(said, before, after));
    let named = move || PLACES.iter().filter_map(move |before| between(said, before, "'"));
    // Tera does not always name the layout or the partial that fails.
    let mut places = named().chain(named().flat_map(|name| used_by(name, sources)));
    let place = places.find_map(|name| Some((name, line_of(subject?, sources.get(name)?)?)));
    let what = match subject {
        Some(subject) if said.contains("` not found in context") => {
            format!("uses the unknown variable \"{subject}\"")
        }
        _ => {
            let cause = said.split_once(": ").filter(|_| said.starts_with("Failed to render '"));
            format!("fails: {}", without_values(cause.map_or(said, |(_, cause)| cause), sources))
        }
    };
    match (place, named().next_back()) {
        (Some((name, line)), _) => format!("the template \"{name}\" {what} (line {line})"),
        (None, Some(name)) => format!("the template \"{name}\" {what}"),
        (None, None) => format!("a template {what}"),
    }
}

/// Returns the templates that a template extends, includes or imports.
fn used_by<'a>(name: &str, sources: &'a Sources) -> impl Iterator<Item = &'a str> {
    let source = sources.get(name).map(String::as_str).unwrap_or_default().to_owned();
    let names = sources.keys().map(String::as_str);
    names.filter(move |other| source.contains(&format!("\"{other}\"")))
}

/// Removes the parts that Tera quotes and that no template contains: they are values and may be secret.
fn without_values(said: &str, sources: &Sources) -> String {
    let is_source = |part: &str| sources.values().any(|text| text.contains(part));
    let parts = said.split('`').enumerate();
    let shown =
        parts.map(|(place, part)| if place % 2 == 0 || is_source(part) { part } else { "…" });
    shown.collect::<Vec<_>>().join("`")
}

/// Returns the line in which a template uses a name. Prefers a line in which the name has to be known.
fn line_of(name: &str, source: &str) -> Option<usize> {
    let mentions: Vec<(usize, bool)> = tags(source)
        .filter(|(_, tag)| mentions(tag, name))
        .map(|(at, tag)| (at, may_lack(tag)))
        .collect();
    let needed = mentions.iter().find(|(_, may_lack)| !may_lack).or(mentions.first());
    let (at, _) = needed?;
    source.get(..*at).map(|before| before.matches('\n').count() + 1)
}

/// Returns the tags of a template with their positions, without comments.
fn tags(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    iter::from_fn(move || {
        loop {
            let rest = source.get(from..)?;
            let at = from + rest.find('{')?;
            let end = match source.get(at..at + 2) {
                Some("{{") => "}}",
                Some("{%") => "%}",
                Some("{#") => "#}",
                _ => {
                    from = at + 1;
                    continue;
                }
            };
            let length = source.get(at..)?.find(end)? + end.len();
            from = at + length;
            if end != "#}" {
                return Some((at, source.get(at..from)?));
            }
        }
    })
}

/// Checks whether a tag names a variable, function, filter or test outside its strings.
fn mentions(tag: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut quote = None;
    tag.char_indices().any(|(at, c)| {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            _ => {}
        }
        let (before, rest) = tag.split_at(at);
        quote.is_none()
            && rest.strip_prefix(name).is_some_and(|after| !after.starts_with(is_part))
            && !before.ends_with(|c: char| is_part(c) || c == '.')
    })
}

/// Checks whether a variable in this tag can be unknown, because Tera then uses `false` or a default.
fn may_lack(tag: &str) -> bool {
    let inside = tag.trim_start_matches(['{', '%', '-', ' ']);
    inside.starts_with("if ") || inside.starts_with("elif ") || tag.contains("default(")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::template::{Templates, render_text};

    /// Returns the explanation for the template `page.html` among these.
    fn fault_of(files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let fault = match Templates::load([], folder.path(), |_| {}) {
            Ok(templates) => {
                templates.render("page.html", &json!({"user": {"name": "Ann"}, "secret": "s3cr3t"}))
            }
            Err(fault) => Err(fault),
        };
        fault.unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_variable_is_named_with_its_template_and_line() {
        for (text, variable, line) in [
            ("<p>\n{{ usr }}\n</p>", "usr", 2),
            ("{# usr #}\nusr {{ \"usr\" }}\n{{ user.name }}{{ usr }}", "usr", 3),
            ("{% if usr %}{% endif %}\n{{ usr | default(value=1) }}\n\n{{ usr }}", "usr", 4),
            ("{{ user.nme }}", "user.nme", 1),
            ("\n{% for one in all %}{{ one }}{% endfor %}", "all", 2),
            ("\n{% set a = b %}", "b", 2),
            ("{{ user.name\n}}\n{{ usr | upper }}", "usr", 3),
        ] {
            let wanted = format!(
                "the template \"page.html\" uses the unknown variable \"{variable}\" (line {line})"
            );
            assert_eq!(fault_of(&[("page.html", text)]), wanted, "{text}");
        }
    }

    #[test]
    fn it_is_found_in_a_layout_in_a_block_in_a_partial_and_in_a_macro() {
        let child = "{% extends \"base.html\" %}\n{% block main %}\n{{ usr }}{% endblock %}";
        let empty = "{% extends \"base.html\" %}";
        for (page, base, place) in [
            (child, "{% block main %}{% endblock %}", "\"page.html\""),
            (empty, "\n\n{% block main %}{{ usr }}{% endblock %}", "\"base.html\""),
            (empty, "\n\n{{ usr }}", "\"base.html\""),
            ("{% include \"base.html\" %}", "\n\n{{ usr }}", "\"base.html\""),
            (
                "{% import \"base.html\" as it %}{{ it::shown() }}",
                "{% macro shown() %}\n\n{{ usr }}{% endmacro %}",
                "\"base.html\"",
            ),
        ] {
            let wanted = format!("the template {place} uses the unknown variable \"usr\" (line 3)");
            assert_eq!(fault_of(&[("page.html", page), ("base.html", base)]), wanted);
        }
    }

    #[test]
    fn whatever_else_is_wrong_is_one_sentence_too() {
        for (text, wanted) in [
            (
                "\n{{ user.name | uper }}",
                "the template \"page.html\" fails: Filter 'uper' not found (line 2)",
            ),
            (
                "\n\n{{ url(to=1) }}",
                "the template \"page.html\" fails: Function 'url' not found (line 3)",
            ),
            (
                "{% include \"gone.html\" %}",
                "the template \"page.html\" fails: Template '[gone.html]' not found",
            ),
        ] {
            assert_eq!(fault_of(&[("page.html", text)]), wanted);
        }
        assert_eq!(fault_of(&[]), "there is no template \"page.html\"");
        let said = fault_of(&[("page.html", "<p>\n{% if %}\n</p>")]);
        assert!(said.starts_with("the template \"page.html\" cannot be parsed at line 2, column "));
        assert!(!said.contains('\n'), "{said}");
        let said = render_text("{{ site }}", &json!({})).unwrap_err().to_string();
        assert_eq!(said, "the template \"text\" uses the unknown variable \"site\" (line 1)");
    }

    #[test]
    fn a_value_is_not_told() {
        for text in ["{{ secret + 1 }}", "{{ secret | round }}"] {
            let said = fault_of(&[("page.html", text)]);
            assert!(said.starts_with("the template \"page.html\" fails: "), "{said}");
            assert!(!said.contains("s3cr3t"), "{said}");
        }
    }
}
