//! What a request submits: one input type for forms and JSON.

use std::collections::BTreeMap;

use rocket::data::{ByteUnit, FromData, Outcome, ToByteUnit};
use rocket::{Data, Ignite, Request, Rocket, Sentinel, async_trait};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::config::IdentityAttribute;
use crate::json::parse_object;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::text::Text;
use crate::web::demand::{Demand, demands};
use crate::web::members::{invalid, names_of, read_members};
use crate::web::next::Next;
use crate::web::request::{sends_form, sends_json};
use crate::web::site::{Site, is_unattached};
use crate::web::urlencoded::parse_pairs;
use crate::web::visit::Visit;
use crate::web::{bearer, csrf};

/// The maximum size of a body.
fn body_limit() -> ByteUnit {
    32.kibibytes()
}

/// The maximum length of a field's value, in bytes.
const MAX_FIELD_BYTES: usize = 4_096;

/// The maximum number of fields of a form or an object: far more than any form has, and few enough to read at
/// once.
const MAX_FIELDS: usize = 256;

/// The input of a route, submitted as a form or as JSON.
///
/// Derive `Deserialize` with `#[serde(default, deny_unknown_fields)]`. A missing field is then empty and
/// reported together with the other errors. An unknown member of a JSON object is refused. An unknown field
/// of a form is ignored, because buttons and other templates may send some.
///
/// Declare an optional field as an `Option`: in JSON, `null` then counts as missing. A field named
/// `…_confirm` repeats another field. A form that contains the other field has to contain it, while JSON can
/// leave it out.
///
/// ```
/// use rocket_security::web::Form;
/// use serde::Deserialize;
///
/// #[derive(Default, Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct CodeForm {
///     code: String,
/// }
///
/// impl Form for CodeForm {
///     const SECRET: &'static [&'static str] = &["code"];
/// }
/// ```
pub trait Form: DeserializeOwned + Default + Send {
    /// The fields whose values are never shown again.
    const SECRET: &'static [&'static str];
    /// Whether the request is accepted from a browser whose session has expired meanwhile, with the
    /// anti-forgery token of that session. A program with a token in a header and none of the framework's
    /// cookies then needs no anti-forgery token. Use it only for requests that do nothing but end something.
    const OUTLIVES_SESSION: bool = false;
    /// A field with a credential that browsers do not know. If it is filled in and the request has none of
    /// the framework's cookies, no anti-forgery token is needed.
    const CREDENTIAL: Option<&'static str> = None;
    /// Whether the answer is only for programs and sets no cookie. JSON without any of the framework's
    /// cookies then needs no anti-forgery token, wherever it comes from, because there is nothing to forge.
    const FOR_PROGRAMS: bool = false;

    /// Checks whether a field exists if users are identified by `known`. Error messages do not mention other
    /// fields. The handler has to refuse a field that does not exist.
    fn has(_field: &str, _known: &[IdentityAttribute]) -> bool {
        true
    }
}

/// A submitted form or JSON object, parsed and checked against forgery (CSRF), with the typed values, so that
/// a page can show them again.
///
/// As a guard it never fails. [`read`](Submission::read) returns the error, so that the handler can answer
/// with its own page.
pub struct Submission<F> {
    outcome: Result<F, Rejection>,
    typed: BTreeMap<String, String>,
    token: Option<Secret<String>>,
    is_form: bool,
}

impl<F: Form> Submission<F> {
    /// Returns the submitted input.
    ///
    /// # Errors
    ///
    /// [`Rejection::CsrfFailed`] or [`Rejection::CrossSite`] if the request may be forged.
    /// [`Rejection::InvalidInput`], [`Rejection::TooLarge`] or [`Rejection::UnsupportedMediaType`] if it
    /// cannot be parsed.
    pub fn read(self) -> Result<F, Rejection> {
        self.outcome
    }

    /// Returns the field `token`, even if the form is refused and its page is shown again.
    pub(crate) fn token(&self) -> Option<&Secret<String>> {
        self.token.as_ref()
    }

    /// Returns the page that the visitor was going to: the field `next`, or else the query. For JSON, `F`
    /// needs the field `next`, because unknown members are refused.
    pub fn next(&self, visit: &Visit<'_>, in_query: Option<&str>) -> Option<Next> {
        let next = self.typed.get("next").map(String::as_str).or(in_query);
        next.and_then(|next| visit.next(next))
    }

    /// Returns `true` if a form was submitted, whose unknown fields are ignored.
    pub(crate) fn is_form(&self) -> bool {
        self.is_form
    }

    /// Returns the submitted values of the fields that are not secret.
    pub fn typed(&self) -> BTreeMap<String, String> {
        self.typed.clone()
    }
}

#[async_trait]
impl<'r, F: Form> FromData<'r> for Submission<F> {
    type Error = Rejection;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        let mut typed = BTreeMap::new();
        let outcome = read(request, data, &mut typed).await;
        let token = typed.get("token").cloned().map(Secret::new);
        typed.retain(|field, _| !F::SECRET.contains(&field.as_str()));
        Outcome::Success(Self { outcome, typed, token, is_form: sends_form(request) })
    }
}

impl<F> Sentinel for Submission<F> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let demand = Demand::tool("Submission").csrf();
        demands(rocket, demand, || is_unattached::<Self>(rocket))
    }
}

async fn read<F: Form>(
    request: &Request<'_>,
    data: Data<'_>,
    typed: &mut BTreeMap<String, String>,
) -> Result<F, Rejection> {
    let site = Site::of(request).ok_or(Rejection::Unavailable)?;
    let body = data.open(body_limit()).into_bytes().await.map_err(|_| Rejection::TooLarge)?;
    if !body.is_complete() {
        return Err(Rejection::TooLarge);
    }
    let mut fields = parse_body(request, &body)?;
    if fields.len() > MAX_FIELDS {
        return Err(invalid(
            "",
            Text::new("too_many_fields", "This form has more than 256 fields."),
        ));
    }
    let submitted = fields.remove(csrf::FIELD);
    if sends_form(request) {
        if let Some(Value::String(next)) = fields.get("next") {
            typed.insert("next".to_owned(), next.clone());
        }
        complete::<F>(&mut fields, &site.config().identity);
    }
    for (name, value) in &fields {
        if let Value::String(text) = value {
            typed.insert(name.clone(), text.clone());
        }
    }
    let submitted = submitted.as_ref().and_then(Value::as_str);
    let credential = F::CREDENTIAL.and_then(|name| fields.get(name)).and_then(Value::as_str);
    let has_credential = match credential {
        Some(credential) => !credential.is_empty(),
        None => F::OUTLIVES_SESSION && is_of_program(request, site),
    };
    if F::FOR_PROGRAMS && csrf::is_unforgeable(request, site) {
        // There is nothing to forge.
    } else if has_credential {
        csrf::check_with_credential(request, site, submitted).await?;
    } else if F::OUTLIVES_SESSION {
        csrf::check_outlived(request, site, submitted).await?;
    } else {
        csrf::check(request, site, submitted).await?;
    }
    check_texts(&fields)?;
    read_members(fields, F::SECRET, |field| F::has(field, &site.config().identity))
}

/// Checks whether a request has a token in a place where browsers put none by themselves, and none of the
/// framework's cookies.
fn is_of_program(request: &Request<'_>, site: &Site) -> bool {
    bearer::in_headers(request).next().is_some() && !site.sessions().cookies().any_in(request)
}

/// Removes the fields that a form does not have here, and adds each missing `…_confirm` field of a submitted
/// field. It is added as an empty one, so that it differs.
fn complete<F: Form>(fields: &mut Map<String, Value>, known: &[IdentityAttribute]) {
    if let Some(names) = names_of::<F>() {
        fields.retain(|name, _| names.contains(&name.as_str()) && F::has(name, known));
    }
    for name in F::SECRET {
        let repeats = name.strip_suffix("_confirm").is_some_and(|first| fields.contains_key(first));
        if repeats && !fields.contains_key(*name) {
            fields.insert((*name).to_owned(), Value::String(String::new()));
        }
    }
}

fn parse_body(request: &Request<'_>, body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    if sends_json(request) {
        parse_json(body)
    } else if sends_form(request) {
        parse_form(body)
    } else if request.content_type().is_none() && body.is_empty() {
        // A button without any field, as `curl -X POST` sends it.
        Ok(Map::new())
    } else {
        Err(Rejection::UnsupportedMediaType)
    }
}

/// Parses a JSON object without duplicate names. An empty body counts as an empty object.
pub(crate) fn parse_json(body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    parse_object(body)
        .map_err(|fault| invalid("", Text::new("malformed.json", "{fault}").with("fault", fault)))
}

fn parse_form(body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    let malformed = || invalid("", Text::new("malformed.form", "This form is not valid UTF-8."));
    let mut fields = Map::new();
    for (name, value) in parse_pairs(body).ok_or_else(malformed)? {
        if fields.insert(name.clone(), Value::String(value)).is_some() {
            let text = Text::new("duplicate_field", "This field was sent more than once.");
            return Err(invalid(&name, text));
        }
    }
    Ok(fields)
}

/// Refuses values that no field can have: control characters that databases do not accept, and texts that are
/// too long.
fn check_texts(fields: &Map<String, Value>) -> Result<(), Rejection> {
    for (name, value) in fields {
        let Value::String(text) = value else {
            continue;
        };
        if text.len() > MAX_FIELD_BYTES {
            return Err(invalid(name, Text::new("too_long", "This is too long.")));
        }
        if text.contains('\0') {
            let words = "This contains a character that isn't allowed.";
            return Err(invalid(name, Text::new("unexpected_value.character", words)));
        }
    }
    Ok(())
}

/// A checkbox: `true` in JSON, and `true`, `on`, `y`, `yes` or `1` in a form. If it is missing or `null`, the
/// value is `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Sent {
            Bool(bool),
            Text(String),
            Absent(()),
        }
        match Sent::deserialize(deserializer) {
            Ok(Sent::Absent(())) => Ok(Self(false)),
            Ok(Sent::Bool(flag)) => Ok(Self(flag)),
            Ok(Sent::Text(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "on" | "y" | "yes" | "1" => Ok(Self(true)),
                "" | "false" | "off" | "n" | "no" | "0" => Ok(Self(false)),
                _ => Err(serde::de::Error::custom("neither yes nor no")),
            },
            Err(_) => Err(serde::de::Error::custom("neither true nor false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::web::submission::{parse_form, parse_json};

    #[test]
    fn invalid_utf_8_is_refused_not_replaced() {
        assert!(parse_form(b"password=\xfe").is_err());
    }

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        assert!(parse_form(b"email=a&email=b").is_err());
        assert!(parse_json(br#"{"email": "a", "email": "b"}"#).is_err());
    }
}
