//! The template engine: embedded templates, which the application's own files can replace.
//!
//! Every `*.html`, `*.txt` and `*.css` file below the application's template folder (Rocket's `template_dir`,
//! by default `templates`) is loaded, with or without a trailing `.tera`. A file with the name of an embedded
//! template replaces it: `templates/security/login.html` is then the login page. It can extend any other file
//! there.

mod fault;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
#[cfg(feature = "testing")]
use std::sync::Mutex;
#[cfg(feature = "testing")]
use std::sync::PoisonError;

use serde::Serialize;
use tera::{Context, Tera};

use crate::error::{Error, Result};
use crate::template::fault::explain;

/// An embedded template: its name and its text.
pub type Embedded = (&'static str, &'static str);

/// Embeds a page: `templates/security/<name>.html`.
macro_rules! page {
    ($name:literal) => {
        $crate::template::file!($name, ".html")
    };
}

/// Lists the templates of a feature: its pages, and the text and HTML parts of its mails,
/// `templates/security/email/<name>.txt` and `.html`.
macro_rules! templates {
    ($($page:expr),*; $($mail:literal),* $(,)?) => {
        &[
            $($page,)*
            $(
                $crate::template::file!("email/", $mail, ".txt"),
                $crate::template::file!("email/", $mail, ".html"),
            )*
        ]
    };
}

/// Embeds a file of `templates/security`.
macro_rules! file {
    ($($part:literal),*) => {
        (
            concat!("security/", $($part),*),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/security/", $($part),*)),
        )
    };
}

pub(crate) use file;
pub(crate) use page;
pub(crate) use templates;

/// The templates that all features share. Each feature that takes passwords can disable one,
/// and each feature with a factor can set one up.
pub const SHARED: &[Embedded] = &[
    file!("base.html"),
    file!("_dead_link.html"),
    file!("_field.html"),
    file!("_logout.html"),
    file!("error.html"),
    file!("style.css"),
    file!("email/base.html"),
    file!("email/factor_notice.html"),
    file!("email/factor_notice.txt"),
    file!("email/password_disabled.html"),
    file!("email/password_disabled.txt"),
];

/// Renders pages and mails.
pub struct Templates {
    tera: Tera,
    sources: BTreeMap<String, String>,
}

impl Templates {
    /// Loads the embedded templates, and the files below `folder`, which replace embedded ones of the same
    /// name.
    ///
    /// A missing folder counts as an empty one.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if a file cannot be read, [`Error::Template`] if a template cannot be parsed.
    pub fn load(
        embedded: impl IntoIterator<Item = Embedded>,
        folder: &Path,
        prepare: impl FnOnce(&mut Tera),
    ) -> Result<Self> {
        let mut sources: BTreeMap<String, String> =
            embedded.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        if folder.is_dir() {
            collect_files(folder, folder, &mut sources)?;
        }
        match parsed(&sources) {
            Ok(mut tera) => {
                prepare(&mut tera);
                Ok(Self { tera, sources })
            }
            Err(source) => Err(explain(source, &sources)),
        }
    }

    /// Renders the template `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Template`] if there is no template with this name, or if it fails.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<String> {
        let context = Context::from_serialize(context).map_err(Error::template)?;
        self.tera.render(name, &context).map_err(|source| explain(source, &self.sources))
    }

    /// Returns the names of all templates.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tera.get_template_names()
    }
}

#[cfg(not(feature = "testing"))]
use self::parse as parsed;

/// Parses templates, or copies those of an earlier launch. A test suite launches the same application many
/// times, and parsing takes most of a launch.
#[cfg(feature = "testing")]
fn parsed(sources: &BTreeMap<String, String>) -> tera::Result<Tera> {
    type Earlier = Vec<(BTreeMap<String, String>, Tera)>;
    static EARLIER: Mutex<Earlier> = Mutex::new(Vec::new());
    let mut earlier = EARLIER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, tera)) = earlier.iter().find(|(of, _)| of == sources) {
        return Ok(tera.clone());
    }
    let tera = parse(sources)?;
    earlier.truncate(LAUNCHES_KEPT - 1);
    earlier.insert(0, (sources.clone(), tera.clone()));
    Ok(tera)
}

/// How many launches with different templates are kept.
#[cfg(feature = "testing")]
const LAUNCHES_KEPT: usize = 16;

fn parse(sources: &BTreeMap<String, String>) -> tera::Result<Tera> {
    let mut tera = Tera::default();
    tera.autoescape_on(vec![".html"]);
    tera.add_raw_templates(sources)?;
    Ok(tera)
}

/// Finds the files below `security/` of the application's template folder that neither replace a template in
/// `known` nor are named in another template. They are probably misspelled and would never be rendered.
///
/// # Errors
///
/// [`Error::File`] if a file cannot be read.
pub(crate) fn strangers(folder: &Path, known: &[&str]) -> Result<Vec<String>> {
    let (mut files, mut sources) = (Vec::new(), BTreeMap::new());
    if !folder.join("security").is_dir() {
        return Ok(files);
    }
    list_files(folder, &folder.join("security"), &mut files)?;
    collect_files(folder, folder, &mut sources)?;
    let is_named = |name: &str| {
        let quoted = [format!("\"{name}\""), format!("'{name}'")];
        sources.values().any(|text| quoted.iter().any(|quoted| text.contains(quoted)))
    };
    files.retain(|name| !known.contains(&name.as_str()) && !is_named(name));
    files.sort();
    Ok(files)
}

/// Lists all files except those of editors, which are hidden or end with a tilde.
fn list_files(root: &Path, folder: &Path, files: &mut Vec<String>) -> Result<()> {
    let unreadable = |source| Error::File { path: folder.display().to_string(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            list_files(root, &path, files)?;
        } else if let Some(name) = name_below(root, &path) {
            let last = name.rsplit('/').next().unwrap_or_default();
            if !last.starts_with('.') && !last.ends_with('~') {
                files.push(name);
            }
        }
    }
    Ok(())
}

/// Renders a single text without escaping.
///
/// # Errors
///
/// [`Error::Template`] if it fails.
pub fn render_text(text: &str, context: &impl Serialize) -> Result<String> {
    let context = Context::from_serialize(context).map_err(Error::template)?;
    let sources = BTreeMap::from([("text".to_owned(), text.to_owned())]);
    let mut tera = Tera::default();
    tera.autoescape_on(Vec::new());
    let added = tera.add_raw_templates(&sources);
    let rendered = added.and_then(|()| tera.render("text", &context));
    rendered.map_err(|source| explain(source, &sources))
}

fn collect_files(root: &Path, folder: &Path, sources: &mut BTreeMap<String, String>) -> Result<()> {
    let unreadable = |source| Error::File { path: folder.display().to_string(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            collect_files(root, &path, sources)?;
        } else if let Some(name) = template_name(root, &path) {
            let text = fs::read_to_string(&path)
                .map_err(|source| Error::File { path: path.display().to_string(), source })?;
            sources.insert(name, text);
        }
    }
    Ok(())
}

/// Returns the name of the template in a file, if the file is a template.
fn template_name(root: &Path, path: &Path) -> Option<String> {
    let is_ours = |name: &String| [".html", ".txt", ".css"].iter().any(|it| name.ends_with(it));
    name_below(root, path).filter(is_ours)
}

/// Returns the path of a file relative to a folder, with `/` between the parts and without `.tera`.
fn name_below(root: &Path, path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        path.strip_prefix(root).ok()?.iter().map(|part| part.to_str()).collect();
    let name = parts?.join("/");
    Some(name.strip_suffix(".tera").unwrap_or(&name).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use crate::template::Templates;

    #[test]
    fn a_file_replaces_the_embedded_template_and_may_extend_another_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("security")).unwrap();
        fs::write(folder.path().join("layout.html"), "<main>{% block main %}{% endblock %}</main>")
            .unwrap();
        fs::write(
            folder.path().join("security/login.html.tera"),
            "{% extends \"layout.html\" %}{% block main %}{{ name }}{% endblock %}",
        )
        .unwrap();
        let templates =
            Templates::load([("security/login.html", "ours")], folder.path(), |_| {}).unwrap();
        let page = templates.render("security/login.html", &json!({"name": "<b>"})).unwrap();
        assert_eq!(page, "<main>&lt;b&gt;</main>");
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("broken.html"), "{% if %}").unwrap();
        let fault = Templates::load([], folder.path(), |_| {}).err().unwrap().to_string();
        assert!(fault.starts_with("the template \"broken.html\" cannot be parsed at line 1, "));
    }
}
