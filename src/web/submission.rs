//! What a request submits: one input type for forms and JSON.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::percent_decode;
use rocket::data::{ByteUnit, FromData, Outcome, ToByteUnit};
use rocket::{Data, Ignite, Request, Rocket, Sentinel, async_trait};
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::config::IdentityAttribute;
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::token::strict::Strict;
use crate::web::demand::{Demand, demands};
use crate::web::next::Next;
use crate::web::visit::Visit;
use crate::web::{Web, bearer, csrf, is_unattached};

/// The largest body that is read.
fn body_limit() -> ByteUnit {
    32.kibibytes()
}

/// The longest value of any field, in bytes.
const MAX_FIELD_BYTES: usize = 4_096;

/// The most fields of a form or an object: far more than any form has, and few enough to be read at once.
const MAX_FIELDS: usize = 256;

/// What may be submitted to a route, as a form or as JSON alike.
///
/// Derive `Deserialize` with `#[serde(default, deny_unknown_fields)]`. A missing field is then an
/// empty one, reported together with the others. An unknown member of a JSON object is refused; an
/// unknown field of a form is ignored, because buttons and templates from elsewhere send some.
///
/// A field that is optional is an `Option`: `null` is then its absence in JSON. A field named
/// `…_confirm` repeats another one. A form that sends the first has to send the second; JSON may
/// leave it out.
pub trait Form: DeserializeOwned + Default + Send {
    /// The fields that are never shown again.
    const SECRET: &'static [&'static str];
    /// Whether it is carried out for a browser whose session has become too old meanwhile: the anti-forgery
    /// token of that session is taken, too. A program with a token in a header and no cookie of ours needs no
    /// anti-forgery token then. For what does nothing but end something.
    const OUTLIVES_SESSION: bool = false;
    /// A field that holds a credential no browser knows of: filled in, and with none of our cookies beside
    /// it, it does without the anti-forgery token.
    const CREDENTIAL: Option<&'static str> = None;
    /// Whether the answer is for programs alone and sets no cookie. JSON without any cookie of ours then
    /// needs no anti-forgery token, wherever it comes from: there is nothing to forge.
    const FOR_PROGRAMS: bool = false;

    /// Tells whether a field is one where users are named by `known`: whoever mistakes a name is told of no
    /// other. To refuse one that is none is the handler's.
    fn has(_field: &str, _known: &[IdentityAttribute]) -> bool {
        true
    }
}

/// A submitted form or JSON object, read, checked against forgery, and kept with what was typed,
/// so that a page can show it again.
///
/// As a guard it never fails: [`read`](Submission::read) tells what is wrong, so that the handler
/// can answer with its own page.
pub struct Submission<F> {
    outcome: Result<F, Rejection>,
    typed: BTreeMap<String, String>,
    token: Option<Secret<String>>,
    is_form: bool,
}

impl<F: Form> Submission<F> {
    /// Gives what was submitted.
    ///
    /// # Errors
    ///
    /// [`Rejection::CsrfFailed`] or [`Rejection::CrossSite`] when the request may be forged;
    /// [`Rejection::InvalidInput`], [`Rejection::TooLarge`] or
    /// [`Rejection::UnsupportedMediaType`] when it cannot be read.
    pub fn read(self) -> Result<F, Rejection> {
        self.outcome
    }

    /// Gives the field `token`, also of a form that cannot be carried out: whose page is shown again.
    pub(crate) fn token(&self) -> Option<&Secret<String>> {
        self.token.as_ref()
    }

    /// Returns where the visitor was going: the page that the field `next` names, or else the query.
    pub fn next(&self, visit: &Visit<'_>, in_query: Option<&str>) -> Option<Next> {
        let next = self.typed.get("next").map(String::as_str).or(in_query);
        next.and_then(|next| visit.next(next))
    }

    /// Returns `true` if a form was submitted, whose unknown fields are ignored.
    pub(crate) fn is_form(&self) -> bool {
        self.is_form
    }

    /// Gives what was typed into the fields that are not secret.
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
        Outcome::Success(Self { outcome, typed, token, is_form: is_form(request) })
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
    let web = request.rocket().state::<Web>().ok_or(Rejection::Unavailable)?;
    let body = data.open(body_limit()).into_bytes().await.map_err(|_| Rejection::TooLarge)?;
    if !body.is_complete() {
        return Err(Rejection::TooLarge);
    }
    let mut fields = parse_body(request, &body)?;
    if fields.len() > MAX_FIELDS {
        return Err(invalid("", "too_many_fields", "This has more than 256 fields."));
    }
    let submitted = fields.remove(csrf::FIELD);
    if is_form(request) {
        complete::<F>(&mut fields, &web.config().identity);
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
        None => F::OUTLIVES_SESSION && is_of_program(request, web),
    };
    if F::FOR_PROGRAMS && csrf::is_unforgeable(request, web) {
        // There is nothing to check.
    } else if has_credential {
        csrf::check_with_credential(request, web, submitted).await?;
    } else if F::OUTLIVES_SESSION {
        csrf::check_outlived(request, web, submitted).await?;
    } else {
        csrf::check(request, web, submitted).await?;
    }
    check_texts(&fields)?;
    read_members(fields, F::SECRET, |field| F::has(field, &web.config().identity))
}

/// Tells whether a request brings a token where no browser puts one by itself, and none of our cookies.
fn is_of_program(request: &Request<'_>, web: &Web) -> bool {
    bearer::in_headers(request).next().is_some() && !web.sessions().cookies().any_in(request)
}

/// Leaves out the fields that a form does not have here, and adds each `…_confirm` that is missing
/// beside the field that it repeats: as an empty one, it differs.
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

fn is_form(request: &Request<'_>) -> bool {
    request.content_type().is_some_and(|kind| kind.is_form())
}

/// Reads an object into a type that has these members, and says in our own words what is wrong. No value
/// is quoted, because it may be a secret.
///
/// # Errors
///
/// [`Rejection::InvalidInput`], naming the member.
pub(crate) fn read_members<T: DeserializeOwned>(
    members: Map<String, Value>,
    secret: &[&'static str],
    has: impl Fn(&str) -> bool,
) -> Result<T, Rejection> {
    let kinds = kinds(&members);
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|fault| {
        let path = fault.path().to_string();
        let field = if path == "." { "" } else { &path };
        let words = fault.inner().to_string();
        if words.starts_with("unknown field `") {
            return no_such_member(field, names_of::<T>().unwrap_or_default(), has);
        }
        if let Some(name) = quoted(&words, "missing field `") {
            return invalid(name, "required", "This is missing.");
        }
        // Nothing tells where the fault is in what is read member by member: it may be in a secret.
        let is_wrong_secret = |name: &&&'static str| {
            kinds.get(**name).is_some_and(|kind| !["a text", "null"].contains(kind))
        };
        let of_secret = || secret.iter().find(is_wrong_secret).copied();
        let field = if field.is_empty() { of_secret().unwrap_or_default() } else { field };
        invalid(field, "unexpected_value", &untaken(kinds.get(field).copied()))
    })
}

/// Words that a value was not taken, of which the kind is known or not.
pub(crate) fn untaken(kind: Option<&str>) -> String {
    match kind {
        None | Some("a text") => "This cannot be taken: it is no value of this field.".to_owned(),
        Some(kind) => format!("This cannot be taken: {kind} was sent."),
    }
}

/// Returns what stands between backticks behind the beginning of one of serde's sentences.
pub(crate) fn quoted<'w>(words: &'w str, beginning: &str) -> Option<&'w str> {
    words.strip_prefix(beginning)?.split('`').next()
}

/// Refuses a member that is unknown, and names those that there are. A user who mistakes a name is not told
/// of members that this configuration does not have.
fn no_such_member(name: &str, names: &[&str], has: impl Fn(&str) -> bool) -> Rejection {
    let known: Vec<&str> = names.iter().copied().filter(|name| has(name)).collect();
    let known = match known.as_slice() {
        [] => "It is not expected here.".to_owned(),
        known => format!("Expected: {}.", known.join(", ")),
    };
    invalid(
        name,
        "unexpected_value",
        &format!("There is no member \u{201c}{name}\u{201d}. {known}"),
    )
}

/// Returns the names of the members that a type has, in their order; none for a type that is read member by
/// member.
fn names_of<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut names = None;
    // It notes the names and reads nothing.
    let _ = T::deserialize(Names(&mut names));
    names
}

struct Names<'n>(&'n mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("nothing is read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Some(fields);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Returns of what kind each member is, to tell without quoting it.
pub(crate) fn kinds(members: &Map<String, Value>) -> BTreeMap<String, &'static str> {
    members.iter().map(|(name, value)| (name.clone(), kind_of(value))).collect()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn parse_body(request: &Request<'_>, body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    match request.content_type() {
        Some(kind) if kind.is_json() => parse_json(body),
        Some(kind) if kind.is_form() => parse_form(body),
        // A button without any field, as `curl -X POST` sends it.
        None if body.is_empty() => Ok(Map::new()),
        _ => Err(Rejection::UnsupportedMediaType),
    }
}

/// Reads a JSON object in which no name stands twice; nothing at all is an empty one.
pub(crate) fn parse_json(body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    if body.trim_ascii_start().first() != Some(&b'{') {
        // What it is instead is not quoted: it may be the secret itself.
        return Err(invalid("", "malformed", "This is no JSON object."));
    }
    match serde_json::from_slice(body) {
        Ok(Object(fields)) => Ok(fields),
        Err(fault) => Err(invalid("", "malformed", &malformed(&fault))),
    }
}

/// Says what is wrong with a text that is no JSON object, and where.
fn malformed(fault: &serde_json::Error) -> String {
    let what = match fault.classify() {
        Category::Eof => "it ends too early",
        Category::Data => "a name stands twice",
        Category::Syntax | Category::Io => "something is wrong",
    };
    let (line, column) = (fault.line(), fault.column());
    format!("This is no JSON object: {what} at line {line}, column {column}.")
}

fn parse_form(body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    let malformed = || invalid("", "malformed", "This form is not valid UTF-8.");
    let mut fields = Map::new();
    for (name, value) in parse_pairs(body).ok_or_else(malformed)? {
        if fields.insert(name.clone(), Value::String(value)).is_some() {
            return Err(invalid(&name, "duplicate_field", "This was sent more than once."));
        }
    }
    Ok(fields)
}

/// Splits a form into names and values (WHATWG URL Standard, section 5.1), but refuses what is
/// not UTF-8 instead of replacing it: else two different passwords could become one.
pub(crate) fn parse_pairs(body: &[u8]) -> Option<Vec<(String, String)>> {
    let decode = |part: &[u8]| {
        let part: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&part).decode_utf8().ok().map(|text| text.into_owned())
    };
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(parts.next().unwrap_or_default())?;
            let value = decode(parts.next().unwrap_or_default())?;
            Some((name, value))
        })
        .collect()
}

/// Refuses values that no field of ours can have: control characters no database takes, and
/// texts without end.
fn check_texts(fields: &Map<String, Value>) -> Result<(), Rejection> {
    for (name, value) in fields {
        let Value::String(text) = value else {
            continue;
        };
        if text.len() > MAX_FIELD_BYTES {
            return Err(invalid(name, "too_long", "This is too long."));
        }
        if text.contains('\0') {
            return Err(invalid(
                name,
                "unexpected_value",
                "This holds a character that cannot be.",
            ));
        }
    }
    Ok(())
}

fn invalid(field: &str, reason: &'static str, text: &str) -> Rejection {
    Rejection::InvalidInput(FieldErrors::one(field, reason, text))
}

/// Refuses a field that is not one, as the form does where it does not know the field at all: for one
/// that only some configurations have.
pub(crate) fn unknown_field(name: &str) -> Rejection {
    no_such_member(name, &[], |_| true)
}

/// A JSON object in which no name stands twice, at any depth. An array, which serde would take for a struct, is
/// none.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Strict(value))) = access.next_entry::<String, Strict>()? {
            if fields.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a field stands twice"));
            }
        }
        Ok(Object(fields))
    }
}

/// A tick box: `true` in JSON; `true`, `on`, `y`, `yes` or `1` in a form. Its absence means no, and so
/// does `null`.
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
    use crate::web::submission::{parse_form, parse_json, parse_pairs};

    #[test]
    fn a_form_is_split_and_decoded() {
        let pairs = parse_pairs(b"email=a%40b.c&name=two+words&empty=&bare&eq=a=b").unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [("email", "a@b.c"), ("name", "two words"), ("empty", ""), ("bare", ""), ("eq", "a=b")]
        );
    }

    #[test]
    fn invalid_utf_8_is_refused_not_replaced() {
        assert_eq!(parse_pairs(b"password=%ff%ff"), None);
        assert!(parse_form(b"password=\xfe").is_err());
    }

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        assert!(parse_form(b"email=a&email=b").is_err());
        assert!(parse_json(br#"{"email": "a", "email": "b"}"#).is_err());
    }

    #[test]
    fn json_takes_objects_only() {
        assert!(parse_json(br#"{"email": "a"}"#).is_ok());
        for body in [&br#"["a", "b"]"#[..], br#""a""#, b"1", b"null", b"{", b"{} {}", b"\xff"] {
            assert!(parse_json(body).is_err());
        }
    }
}
