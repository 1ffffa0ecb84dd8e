//! The fields that an application adds to the registration form.
//!
//! First each [field](crate::web::field) is checked by its kind, so that all errors are reported together.
//! Then the values are parsed into the application's type, which checks the rest.

use std::marker::PhantomData;

use rocket::{Request, async_trait};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::datastore::Together;
use crate::error::{Error, Result};
use crate::feature::Registration;
use crate::rejection::FieldErrors;
use crate::web::field::{Field, sort};
use crate::web::members::{MISSING, kinds, quoted, untaken};

/// Adds fields to the registration form and its JSON, and stores their values with the new user.
///
/// The implementing type holds the submitted values, as `serde` deserializes them: a text or a choice as a
/// `String` or a type deserialized from one, a number as a number, a checkbox as a `bool`. An optional field
/// that is left empty is missing, so declare it as an `Option` or with `#[serde(default)]`.
///
/// Enable it with [`Register::asking`](crate::features::register::Register::asking). The example `together`
/// stores a profile with each user.
///
/// ```
/// use rocket::async_trait;
/// use rocket::serde::Deserialize;
/// use rocket_security::datastore::Together;
/// use rocket_security::feature::Registration;
/// use rocket_security::features::register::Register;
/// use rocket_security::rejection::FieldErrors;
/// use rocket_security::{Field, RegistrationFields, Result, Security, Text};
///
/// #[derive(Deserialize)]
/// #[serde(crate = "rocket::serde")]
/// struct Profile {
///     display_name: String,
///     terms: bool,
/// }
///
/// #[async_trait]
/// impl RegistrationFields for Profile {
///     const FIELDS: &'static [Field] = &[
///         Field::text("display_name", "Your name").required().max_length(40),
///         Field::checkbox("terms", "I accept the terms").required(),
///     ];
///
///     async fn check(&self, _request: &rocket::Request<'_>) -> Result<FieldErrors> {
///         Ok(match self.display_name.contains("admin") {
///             true => {
///                 let text = Text::new("name_reserved", "This name is not available.");
///                 FieldErrors::one("display_name", text)
///             }
///             false => FieldErrors::new(),
///         })
///     }
///
///     fn save(self, registration: &Registration<'_>) -> Result<Together> {
///         let id = registration.user_id.as_uuid();
///         Ok(Together::nothing().and(move |connection: &mut sqlx::SqliteConnection| {
///             let name = self.display_name.clone();
///             Box::pin(async move {
///                 sqlx::query("INSERT INTO profiles (user_id, display_name) VALUES (?, ?)")
///                     .bind(id)
///                     .bind(name)
///                     .execute(connection)
///                     .await?;
///                 Ok(())
///             })
///         }))
///     }
/// }
///
/// let security = Security::default().enable(Register::asking::<Profile>());
/// # drop(security);
/// ```
#[async_trait]
pub trait RegistrationFields: DeserializeOwned + Send + Sync + 'static {
    /// The fields, in the order in which the page shows them.
    const FIELDS: &'static [Field];

    /// Checks the submitted values beyond what [`FIELDS`](Self::FIELDS) states. The errors are shown beside
    /// the fields, together with those of the framework's fields. Use the request to reach the application's
    /// managed state, such as a pool.
    ///
    /// The e-mail address is not passed, because the answer must not depend on whether it has an account.
    ///
    /// # Errors
    ///
    /// Any failure of the application. The request is answered with 503.
    async fn check(&self, _request: &Request<'_>) -> Result<FieldErrors> {
        Ok(FieldErrors::new())
    }

    /// Returns what to commit in the same transaction as the new user, with [`Together::and`].
    ///
    /// It is called for each valid registration, but used only if an account is created. For an address that
    /// has an account, nothing is saved and the answer is the same. So work that fails, with 503, or
    /// [refuses](Together::and) the request reveals that the address was not registered.
    ///
    /// # Errors
    ///
    /// Any failure of the application. The request is answered with 503, whatever the address.
    fn save(self, registration: &Registration<'_>) -> Result<Together>;
}

/// No additional fields. This is the default.
#[derive(Clone, Copy, Debug, Deserialize)]
#[non_exhaustive]
pub struct NoFields {}

impl RegistrationFields for NoFields {
    const FIELDS: &'static [Field] = &[];

    fn save(self, _registration: &Registration<'_>) -> Result<Together> {
        Ok(Together::nothing())
    }
}

/// The fields of an application with their type erased, in managed state.
pub(crate) struct OwnFields {
    pub(crate) fields: &'static [Field],
    reader: Box<dyn Reader>,
}

/// What to commit once the fields are valid.
pub(crate) type Save = Box<dyn FnOnce(&Registration<'_>) -> Result<Together> + Send>;

impl OwnFields {
    pub(crate) fn of<F: RegistrationFields>() -> Self {
        Self { fields: F::FIELDS, reader: Box::new(As::<F>(PhantomData)) }
    }

    /// Returns `true` if the application has a field with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name() == name)
    }

    /// Parses the submitted values of the application's fields, and adds what is wrong to `errors`.
    pub(crate) async fn read(
        &self,
        sent: Map<String, Value>,
        request: &Request<'_>,
        errors: &mut FieldErrors,
    ) -> Result<Option<Save>> {
        let mut own = FieldErrors::new();
        let fields = sort(self.fields, sent, &mut own);
        let save = self.reader.read(fields, request, &mut own).await?;
        let is_right = own.is_empty();
        errors.extend(own);
        Ok(save.filter(|_| is_right))
    }
}

#[async_trait]
trait Reader: Send + Sync {
    async fn read(
        &self,
        fields: Map<String, Value>,
        request: &Request<'_>,
        errors: &mut FieldErrors,
    ) -> Result<Option<Save>>;
}

/// Parses fields into an `F`.
struct As<F>(PhantomData<fn() -> F>);

#[async_trait]
impl<F: RegistrationFields> Reader for As<F> {
    async fn read(
        &self,
        fields: Map<String, Value>,
        request: &Request<'_>,
        errors: &mut FieldErrors,
    ) -> Result<Option<Save>> {
        let kinds = kinds(&fields);
        let value: F = match serde_path_to_error::deserialize(Value::Object(fields)) {
            Ok(value) => value,
            Err(fault) => {
                // The replacement for an invalid value may itself be invalid for the type.
                if errors.is_empty() {
                    let field = fault.path().to_string();
                    let field = if field == "." { "" } else { &field };
                    let words = fault.inner().to_string();
                    match quoted(&words, "missing field `") {
                        Some(name) => errors.push(name, MISSING),
                        None => {
                            errors.push(field, untaken(kinds.get(field).copied()));
                        }
                    }
                }
                return Ok(None);
            }
        };
        let mut more = value.check(request).await?;
        more.retain(|error| errors.iter().all(|known| known.field != error.field));
        errors.extend(more);
        Ok(Some(Box::new(move |registration| value.save(registration))))
    }
}

/// Checks that the names of the fields are valid, unique, and not used by the framework.
pub(crate) fn check_names<F: RegistrationFields>(ours: &[&str]) -> Result<()> {
    for (place, field) in F::FIELDS.iter().enumerate() {
        let name = field.name();
        let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let fault = if !is_plain {
            "is no name"
        } else if ours.contains(&name) {
            "is a name of ours"
        } else if F::FIELDS.iter().skip(place + 1).any(|other| other.name() == name) {
            "stands twice"
        } else {
            continue;
        };
        return Err(Error::rocket_config(
            format!("{}::FIELDS", std::any::type_name::<F>()),
            format!("\"{name}\" {fault}"),
            format!(
                "Name the field otherwise, in small ASCII letters, digits and `_`, and not {}",
                ours.join(", ")
            ),
        ));
    }
    Ok(())
}
