//! The settings of the feature.

use serde::{Deserialize, Serialize};

use crate::config::Span;
use crate::web::view::View;

/// The feature `change_email`. Its settings are `[default.security.change_email]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ChangeEmail {
    /// Sets how long the link to the new address is valid; at most a day (NIST SP 800-63B-4, section
    /// 4.2.1.2). _Default:_ `"2h"`.
    pub within: Span,
    /// Sets how long a change can be undone from the old address; at least a day. _Default:_ `"7days"`.
    pub undo_within: Span,
    /// Sets where to go afterwards. _Default:_ the home page.
    pub post_change_email_view: Option<View>,
    /// Sets where a mailed link leads in [single-page mode](crate::guide::single_page).
    /// _Default:_ `post_change_email_view`.
    pub change_email_view: Option<View>,
    /// Sets where an invalid link leads in that mode. _Default:_ `change_email_view`.
    pub change_email_error_view: Option<View>,
    /// Sets where the link that undoes a change leads in that mode. _Default:_ none; that mode requires it.
    pub change_email_undo_view: Option<View>,
    /// Sets where an invalid link of that kind leads in that mode. _Default:_ `change_email_undo_view`.
    pub change_email_undo_error_view: Option<View>,
}

impl Default for ChangeEmail {
    fn default() -> Self {
        Self {
            within: Span::hours(2),
            undo_within: Span::hours(7 * 24),
            post_change_email_view: None,
            change_email_view: None,
            change_email_error_view: None,
            change_email_undo_view: None,
            change_email_undo_error_view: None,
        }
    }
}
