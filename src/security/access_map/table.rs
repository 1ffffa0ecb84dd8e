//! The access map as a table.

use std::fmt;

use crate::security::access_map::map::{AccessMap, CsrfCheck, Declared, RouteAccess};

const HEAD: [&str; 8] = ["METHOD", "ROUTE", "RANK", "FORMAT", "HANDLER", "FROM", "GUARDS", "CSRF"];

impl fmt::Display for AccessMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 8]> = std::iter::once(HEAD.map(str::to_owned))
            .chain(self.routes().iter().map(row))
            .map(|row| row.map(|cell| cell.replace(char::is_control, " ")))
            .collect();
        let mut widths = [0; 8];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn row(route: &RouteAccess) -> [String; 8] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    [
        route.method.clone(),
        route.uri.clone(),
        route.rank.to_string(),
        or_dash(&route.format),
        or_dash(&route.name),
        route.feature.clone().unwrap_or_else(|| "application".to_owned()),
        guards(route),
        csrf(route.csrf).to_owned(),
    ]
}

/// Names the guards, and first what they leave unsaid.
fn guards(route: &RouteAccess) -> String {
    let is_said = route.guards.iter().any(|guard| guard.who.is_some());
    let unsaid = match route.declared {
        Declared::Guards => None,
        Declared::Public => (!is_said).then_some("public by configuration"),
        Declared::Feature => Some("the feature decides"),
        Declared::Nothing => Some("nothing declared"),
    };
    let guards = route.guards.iter().map(ToString::to_string);
    unsaid.map(str::to_owned).into_iter().chain(guards).collect::<Vec<_>>().join(", ")
}

fn csrf(csrf: CsrfCheck) -> &'static str {
    match csrf {
        CsrfCheck::Checked => "checked",
        CsrfCheck::CheckedForUsers => "checked for users",
        CsrfCheck::NotNeeded => "not needed",
        CsrfCheck::Feature => "the feature decides",
        CsrfCheck::NotChecked => "not checked",
    }
}
