//! The settings of the feature.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::config::Span;
use crate::user::ScopeSet;

/// The feature `personal_tokens`. Its settings are `[default.security.personal_tokens]`. `S` are the scopes
/// that tokens can have. Without scopes the feature cannot be enabled.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
#[non_exhaustive]
pub struct PersonalTokens<S = Unnamed> {
    /// Sets how tokens begin, before a `_`: 2 to 20 lower-case letters and digits, a letter first. _Default:_
    /// `"rspat"`.
    pub prefix: String,
    /// Sets how many tokens a user may have, including expired ones that are still listed. _Default:_ `50`.
    pub max_per_user: u32,
    /// Sets how long a token is valid if its owner does not choose. _Default:_ `"90days"`, or `max_lifetime` if
    /// that is less.
    pub default_lifetime: Option<Span>,
    /// Sets how long a token is valid at most, including existing ones. _Default:_ none: owners choose freely.
    pub max_lifetime: Option<Span>,
    #[serde(skip)]
    scopes: PhantomData<fn() -> S>,
}

/// No scopes yet: what [`PersonalTokens::scopes`] replaces.
#[derive(Clone, Copy, Debug)]
pub enum Unnamed {}

impl PersonalTokens {
    /// Sets the scopes that tokens can have: one, or a tuple of up to twelve.
    pub fn scopes<S: ScopeSet>(self) -> PersonalTokens<S> {
        self.about()
    }
}

impl<S> PersonalTokens<S> {
    /// Returns how long a token is valid if its owner does not choose.
    pub(super) fn usual_lifetime(&self) -> Span {
        let usual = Span::hours(90 * 24);
        let unset = self.max_lifetime.map_or(usual, |longest| longest.min(usual));
        self.default_lifetime.unwrap_or(unset)
    }

    /// Returns the same settings for other scopes.
    pub(super) fn about<T>(&self) -> PersonalTokens<T> {
        PersonalTokens {
            prefix: self.prefix.clone(),
            max_per_user: self.max_per_user,
            default_lifetime: self.default_lifetime,
            max_lifetime: self.max_lifetime,
            scopes: PhantomData,
        }
    }
}

impl Default for PersonalTokens {
    fn default() -> Self {
        Self {
            prefix: "rspat".to_owned(),
            max_per_user: 50,
            default_lifetime: None,
            max_lifetime: None,
            scopes: PhantomData,
        }
    }
}

impl<S> Clone for PersonalTokens<S> {
    fn clone(&self) -> Self {
        self.about()
    }
}

impl<S> fmt::Debug for PersonalTokens<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonalTokens")
            .field("prefix", &self.prefix)
            .field("max_per_user", &self.max_per_user)
            .field("default_lifetime", &self.default_lifetime)
            .field("max_lifetime", &self.max_lifetime)
            .finish_non_exhaustive()
    }
}
