//! What a hook decides, and what a login lacks.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rejection::Rejection;

/// What a hook decides about a login.
///
/// Returned by [`Hooks::before_login`](crate::Hooks::before_login). The strongest answer of all hooks counts:
///
/// ```
/// use rocket_security::feature::{LoginAttempt, Required, Verdict};
/// use rocket_security::user::Method;
///
/// fn second_factor(attempt: &LoginAttempt<'_>) -> Verdict {
///     if attempt.proofs.has(&Method::Totp) {
///         Verdict::Allow
///     } else {
///         Verdict::Require(Required::proof("totp", "totp"))
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Lets the login continue.
    Allow,
    /// Stops the login and tells the client why.
    Refuse(Rejection),
    /// Continues once the user has proved more, for example a second factor.
    Require(Required),
}

impl Verdict {
    /// Returns the stronger of two answers, whichever came first.
    ///
    /// Of two refusals, the one that reveals less counts: [`Rejection::InvalidCredentials`], which is also
    /// the answer to a wrong password.
    pub(crate) fn or_stronger(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refuse(one), Self::Refuse(other)) => {
                let tells = |it: &Rejection| (*it != Rejection::InvalidCredentials, it.reason());
                Self::Refuse(if tells(&other) < tells(&one) { other } else { one })
            }
            (refused @ Self::Refuse(_), _) | (_, refused @ Self::Refuse(_)) => refused,
            (Self::Require(one), Self::Require(other)) => {
                Self::Require(if other.strength() < one.strength() { other } else { one })
            }
            (required @ Self::Require(_), _) | (_, required @ Self::Require(_)) => required,
            (Self::Allow, Self::Allow) => Self::Allow,
        }
    }
}

/// What a login lacks, and the page where the user proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Required {
    page: Cow<'static, str>,
    state: State,
    methods: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Ready,
    SetUp,
    Choice,
}

impl Required {
    /// Requires a proof by `method`, for example `totp`, at the page with this name, as used with
    /// `security_url`.
    pub fn proof(page: &'static str, method: impl Into<String>) -> Self {
        Self { page: page.into(), state: State::Ready, methods: vec![method.into()] }
    }

    /// Requires a proof by one of several methods. The user chooses among them at the page.
    pub fn one_of(page: &'static str, methods: Vec<String>) -> Self {
        Self { page: page.into(), state: State::Choice, methods }
    }

    /// Requires that the user sets up a second factor at the page. Its handler ends with
    /// [`Flow::set_up`](crate::flow::Flow::set_up).
    pub fn set_up(page: &'static str) -> Self {
        Self { page: page.into(), state: State::SetUp, methods: Vec::new() }
    }

    /// Returns `true` if the user has to set up a second factor.
    pub fn is_set_up(&self) -> bool {
        self.state == State::SetUp
    }

    /// Returns what orders requirements, the strongest first: a proof before setting up a factor, and an order of
    /// the same kind that does not depend on the hooks'.
    fn strength(&self) -> (bool, &str, &[String]) {
        (self.is_set_up(), &self.page, &self.methods)
    }

    /// Returns the name of the page, as used with `security_url`.
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Returns the members of the JSON answer, named as in Flask-Security: `tf_state`, and `tf_method` with
    /// its older name `tf_primary_method`, or `tf_select` with `tf_setup_methods`.
    pub(crate) fn members(&self) -> Vec<(&'static str, Value)> {
        match (self.state, self.methods.first()) {
            (State::SetUp, _) => vec![("tf_state", "setup_from_login".into())],
            (State::Choice, _) => {
                let methods = self.methods.clone();
                vec![("tf_select", true.into()), ("tf_setup_methods", methods.into())]
            }
            (State::Ready, method) => {
                let method = Value::from(method.cloned());
                let (new, old) = (("tf_method", method.clone()), ("tf_primary_method", method));
                vec![("tf_state", "ready".into()), new, old]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::feature::verdict::{Required, Verdict};
    use crate::rejection::Rejection;

    #[test]
    fn the_strongest_answer_counts_in_whatever_order() {
        let require = || Verdict::Require(Required::proof("code", "totp"));
        let quiet = || Verdict::Refuse(Rejection::InvalidCredentials);
        let loud = || Verdict::Refuse(Rejection::Forbidden);
        let set_up = || Verdict::Require(Required::set_up("a_page_before_the_others"));
        let choice = Verdict::Require(Required::one_of("select", vec!["sms".to_owned()]));
        for (weak, strong) in [
            (Verdict::Allow, require()),
            (Verdict::Allow, set_up()),
            // A user who has a factor proves it before another one is added.
            (set_up(), require()),
            (set_up(), choice.clone()),
            (set_up(), loud()),
            (choice, require()),
            (Verdict::Allow, quiet()),
            (require(), loud()),
            (require(), quiet()),
            (loud(), quiet()),
        ] {
            assert_eq!(weak.clone().or_stronger(strong.clone()), strong);
            assert_eq!(strong.clone().or_stronger(weak), strong);
        }
    }

    #[test]
    fn what_is_missing_is_told_in_the_published_words() {
        let told = |required: Required| {
            let members = required.members().into_iter();
            members.map(|(name, value)| (name.to_owned(), value)).collect::<Value>()
        };
        let ready = json!({"tf_state": "ready", "tf_method": "sms", "tf_primary_method": "sms"});
        assert_eq!(told(Required::proof("code", "sms")), ready);
        assert_eq!(told(Required::set_up("setup")), json!({"tf_state": "setup_from_login"}));
        let methods = vec!["sms".to_owned(), "totp".to_owned()];
        let choice = json!({"tf_select": true, "tf_setup_methods": ["sms", "totp"]});
        assert_eq!(told(Required::one_of("select", methods)), choice);
    }
}
