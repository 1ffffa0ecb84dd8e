//! Creates tokens.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rocket::{State, post};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::clock::{Timestamp, in_words};
use crate::crypto::one_time::Token;
use crate::crypto::{personal_token, random_uuid};
use crate::datastore::outbox::NewMail;
use crate::datastore::personal_token::{Creation, PersonalTokenRecord};
use crate::error::Result;
use crate::event::Event;
use crate::features::personal_tokens::desk::{BOX, Desk};
use crate::features::personal_tokens::list::Listed;
use crate::flow::Flow;
use crate::rejection::{FieldErrors, Rejection};
use crate::secret::Secret;
use crate::text::Text;
use crate::user::{ScopeName, User};
use crate::web::members::unknown_field;
use crate::web::reply::{HandlerResult, Reply};
use crate::web::submission::{Flag, Form, Submission};
use crate::web::visit::Visit;

const NOTICE: Text = Text::new("personal_token_notice", "A personal access token was created");

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// The longest lifetime that a user can choose.
const MAX_DAYS: u32 = 3_650;

/// What is submitted to `/personal-tokens`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CreateForm {
    name: String,
    scopes: Names,
    expires_in_days: Days,
    /// The boxes of a form, each with the name of its scope. Any other field is refused.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Form for CreateForm {
    const SECRET: &'static [&'static str] = &[];
}

/// Names of scopes: a list, or a text with blanks between them (RFC 6749, section 3.3).
#[derive(Default, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct Names(Vec<String>);

impl TryFrom<Value> for Names {
    type Error = &'static str;

    fn try_from(sent: Value) -> Result<Self, &'static str> {
        let names = match sent {
            Value::String(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
            Value::Null => Some(Vec::new()),
            list @ Value::Array(_) => serde_json::from_value(list).ok(),
            _ => None,
        };
        names.map(Self).ok_or("give a list of names, or one text with blanks between them")
    }
}

/// How long the owner wants a token to be valid.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum Days {
    /// The owner does not choose.
    #[default]
    Unsaid,
    After(u32),
    Never,
    /// The value is not a number of days.
    Wrong,
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |days: Option<u32>| match days {
            Some(days) if (1..=MAX_DAYS).contains(&days) => Self::After(days),
            _ => Self::Wrong,
        };
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Unsaid,
            Value::String(text) if text.is_empty() => Self::Unsaid,
            Value::String(text) if text == "never" => Self::Never,
            Value::String(text) => number(text.parse().ok()),
            Value::Number(days) => number(days.as_u64().and_then(|days| days.try_into().ok())),
            _ => Self::Wrong,
        })
    }
}

#[post("/personal-tokens", data = "<submitted>")]
pub(super) async fn create(
    visit: Visit<'_>,
    flow: &State<Flow>,
    desk: &State<Desk>,
    submitted: Submission<CreateForm>,
) -> HandlerResult {
    let typed = submitted.typed();
    match desk.create(&visit, flow, submitted).await {
        Ok(Made { user, token, listed }) => {
            // The token is shown only this once, so it is shown even if the other tokens cannot be
            // listed.
            let all = desk.list(&visit, user).await.unwrap_or_else(|_| vec![listed.clone()]);
            let page = desk.page(&all).with("token", token.expose()).with("made", &listed);
            Ok(Reply::page(page).with("token", token.expose()).with("personal_token", listed))
        }
        Err(rejection) => {
            let active = flow.require_user(&visit).await?;
            let listed = desk.list(&visit, &active.user).await?;
            Err(desk.page(&listed).typed(typed).refuse(rejection))
        }
    }
}

/// A token that was created.
struct Made<'r> {
    user: &'r User,
    /// Shown once.
    token: Secret<String>,
    listed: Listed,
}

impl Desk {
    /// Creates a token for the logged-in user, and tells them by mail.
    async fn create<'r>(
        &self,
        visit: &Visit<'r>,
        flow: &Flow,
        submitted: Submission<CreateForm>,
    ) -> Result<Made<'r>, Rejection> {
        let is_form = submitted.is_form();
        let mut form = submitted.read()?;
        if is_form {
            form.others.retain(|field, _| field.starts_with(BOX));
        }
        let user = &flow.require_fresh(visit).await?.user;
        flow.limits().admit(visit, "personal_tokens").await?;
        flow.limits().admit_user(visit, user.id, "personal_tokens").await?;
        let (secret, token) = self.describe(visit, user, form)?;
        let (id, origin) = (token.id, visit.origin());
        let event = Event::PersonalTokenCreated { user: user.id, token: id, origin };
        let mail = self.notice(visit, flow, user, &token)?;
        let at_most = self.settings.max_per_user;
        let change = flow.change(event).mail([mail]);
        let created = change
            .commit(async |with| self.store.create_personal_token(&token, at_most, with).await)
            .await?;
        match created {
            Creation::Created => {}
            Creation::TooMany => {
                let words = "You already have {max} tokens. Revoke one of them first.";
                let text = Text::new("too_many_personal_tokens", words).with("max", at_most);
                return Err(FieldErrors::one("", text).into());
            }
            Creation::NameTaken => {
                let text = Text::new("name_taken", "You already have a token with this name.");
                return Err(FieldErrors::one("name", text).into());
            }
            Creation::AccountChanged => return Err(Rejection::Unauthenticated),
        }
        let text = personal_token::reveal(&self.settings.prefix, &secret);
        Ok(Made { user, token: text, listed: self.listed(token, visit.now()) })
    }

    /// Creates a token, and its record, from what was submitted.
    fn describe(
        &self,
        visit: &Visit<'_>,
        user: &User,
        form: CreateForm,
    ) -> Result<(Token, PersonalTokenRecord), Rejection> {
        let now = visit.now();
        let mut errors = FieldErrors::new();
        let name = errors.take("name", read_name(&form.name));
        let scopes = self.choose_scopes(form.scopes.0, &form.others, &mut errors)?;
        let expires_at = self.choose_end(form.expires_in_days, now, &mut errors);
        let (Some(name), true) = (name, errors.is_empty()) else {
            return Err(errors.into());
        };
        let (secret, id) = (Token::random()?, random_uuid()?);
        let token = PersonalTokenRecord {
            digest: secret.digest(),
            id,
            user_id: user.id,
            epoch: user.epoch,
            name,
            scopes,
            created_at: now,
            expires_at,
            last_used_at: None,
        };
        Ok((secret, token))
    }

    /// Returns the scopes that were named or ticked, in the application's order.
    fn choose_scopes(
        &self,
        mut chosen: Vec<String>,
        boxes: &BTreeMap<String, Value>,
        errors: &mut FieldErrors,
    ) -> Result<Vec<ScopeName>, Rejection> {
        for (field, value) in boxes {
            let name = field.strip_prefix(BOX).ok_or_else(|| unknown_field(field))?;
            if Flag::deserialize(value).map_err(|_| unknown_field(field))?.0 {
                chosen.push(name.to_owned());
            }
        }
        let is_known = |name: &&String| self.scopes.iter().any(|scope| scope.name == **name);
        if chosen.is_empty() {
            errors.push(
                "scopes",
                Text::new(
                    "scope_required",
                    "Choose what the token can be used \
            for.",
                ),
            );
        } else if !chosen.iter().all(|name| is_known(&name)) {
            errors.push(
                "scopes",
                Text::new("scope_unknown", "One of these permissions can't be given to a token."),
            );
        }
        let known = self.scopes.iter().map(|scope| scope.name);
        let known = known.filter(|known| chosen.iter().any(|name| name == known));
        Ok(known.filter_map(|name| ScopeName::parse(name).ok()).collect())
    }

    /// Returns when a token with this lifetime ends.
    fn choose_end(
        &self,
        days: Days,
        now: Timestamp,
        errors: &mut FieldErrors,
    ) -> Option<Timestamp> {
        let longest = self.settings.max_lifetime;
        let lifetime = match days {
            Days::Unsaid => Some(self.settings.usual_lifetime().delta()),
            Days::After(days) => Some(TimeDelta::days(days.into())),
            Days::Never => None,
            Days::Wrong => {
                let words = "Enter a number of days up to {max}, or never.";
                errors.push(
                    "expires_in_days",
                    Text::new("lifetime_invalid", words).with("max", MAX_DAYS),
                );
                return None;
            }
        };
        if let Some(longest) = longest
            && lifetime.is_none_or(|lifetime| lifetime > longest.delta())
        {
            let text = Text::new("lifetime_too_long", "A token can last {max} at most.");
            errors.push("expires_in_days", text.with("max", longest));
        }
        lifetime.map(|lifetime| now + lifetime)
    }

    fn notice(
        &self,
        visit: &Visit<'_>,
        flow: &Flow,
        user: &User,
        token: &PersonalTokenRecord,
    ) -> Result<NewMail, Rejection> {
        let to = &user.email;
        let mail = flow.notice(visit, &NOTICE, user, to)?;
        let scopes: Vec<&str> = token.scopes.iter().map(ScopeName::as_str).collect();
        let mail = mail.with("token_name", &token.name).with("token_scopes", scopes.join(", "));
        Ok(match self.end_of(token) {
            Some(end) => mail.with("token_end", in_words(end)),
            None => mail.with("token_end", Text::new("end.never", "never")),
        })
    }
}

/// Reads the name of a token.
fn read_name(text: &str) -> Result<String, Text> {
    let name = text.trim();
    let fits = (1..=MAX_NAME).contains(&name.chars().count());
    if !fits || name.contains(char::is_control) {
        let words = "Enter a name of 1 to {max} characters, on one line.";
        return Err(Text::new("name_invalid", words).with("max", MAX_NAME));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::features::personal_tokens::create::{CreateForm, Days, read_name};

    #[test]
    fn a_name_is_one_line_of_a_hundred_characters() {
        let longest = "\u{e9}".repeat(100);
        assert_eq!(read_name("  Nightly download "), Ok("Nightly download".to_owned()));
        assert_eq!(read_name(&longest), Ok(longest.clone()));
        for text in ["", "  ", "two\nlines", "a\u{7}", &format!("{longest}x")] {
            assert!(read_name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn how_long_it_lasts_is_a_number_of_days_or_never() {
        let read = |days| {
            let form: CreateForm =
                serde_json::from_value(json!({"expires_in_days": days})).unwrap();
            form.expires_in_days
        };
        assert_eq!(read(json!(30)), Days::After(30));
        assert_eq!(read(json!("30")), Days::After(30));
        assert_eq!(read(json!("never")), Days::Never);
        assert_eq!(read(json!("")), Days::Unsaid);
        for wrong in [json!(0), json!(-1), json!(1.5), json!("soon"), json!(3_651), json!([7])] {
            assert_eq!(read(wrong.clone()), Days::Wrong, "{wrong}");
        }
    }

    #[test]
    fn scopes_are_a_list_or_a_text() {
        for scopes in [json!(["a", "b"]), json!("a b"), json!(" a  b ")] {
            let form: CreateForm = serde_json::from_value(json!({"scopes": scopes})).unwrap();
            assert_eq!(form.scopes.0, ["a", "b"]);
        }
    }
}
