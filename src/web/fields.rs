//! What an application asks at the registration.
//!
//! What is common to all [fields](crate::web::field) of a kind is looked at first, field by field, so
//! that everything that is wrong is said at once; then they are read as the application's type, which
//! looks at the rest.

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

/// What an application asks at the registration, beside the address and the password: its fields, on the page
/// and in JSON, and what is stored of them.
///
/// The value holds what was sent, as `serde` reads it: a text and a choice as a `String` or anything
/// that is read from one, a number as a number, a tick box as a `bool`. A field that is not required
/// and left empty is absent: it is an `Option`, or has `#[serde(default)]`.
///
/// Enabled by [`Register::asking`](crate::features::register::Register::asking). The example
/// `together` keeps a profile with each user.
///
/// ```
/// use rocket::async_trait;
/// use rocket::serde::Deserialize;
/// use rocket_security::Field;
/// use rocket_security::RegistrationFields;
/// use rocket_security::Result;
/// use rocket_security::Security;
/// use rocket_security::datastore::Together;
/// use rocket_security::feature::Registration;
/// use rocket_security::Text;
/// use rocket_security::features::register::Register;
/// use rocket_security::rejection::FieldErrors;
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
///                 let text = Text::new("name_reserved", "This name is reserved.");
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

    /// Says what is wrong with what was sent, beyond what [`FIELDS`](Self::FIELDS) says: it stands
    /// beside the fields, together with what is wrong with ours. The request is for the application's
    /// managed state, such as a pool.
    ///
    /// It is not told the address, for the answer must not depend on whether that has an account.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong on our side: the answer is 503.
    async fn check(&self, _request: &Request<'_>) -> Result<FieldErrors> {
        Ok(FieldErrors::new())
    }

    /// Returns what is committed with the new user, by [`Together::and`]: both are, or neither is.
    ///
    /// It is asked for each registration that is valid, and used when that makes an account. For an
    /// address that has one nothing is saved, and the answer is the same. So work that fails, with
    /// 503, or that [refuses](Together::and), tells that the address was free.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong on our side: the answer is 503, whatever the address.
    fn save(self, registration: &Registration<'_>) -> Result<Together>;
}

/// No fields: the registration as it comes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[non_exhaustive]
pub struct NoFields {}

impl RegistrationFields for NoFields {
    const FIELDS: &'static [Field] = &[];

    fn save(self, _registration: &Registration<'_>) -> Result<Together> {
        Ok(Together::nothing())
    }
}

/// The fields of an application, their type forgotten: in managed state.
pub(crate) struct OwnFields {
    pub(crate) fields: &'static [Field],
    reader: Box<dyn Reader>,
}

/// What becomes of fields that are right.
pub(crate) type Save = Box<dyn FnOnce(&Registration<'_>) -> Result<Together> + Send>;

impl OwnFields {
    pub(crate) fn of<F: RegistrationFields>() -> Self {
        Self { fields: F::FIELDS, reader: Box::new(As::<F>(PhantomData)) }
    }

    /// Returns `true` if the application has a field of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name() == name)
    }

    /// Reads what was sent beside our own fields, and adds what is wrong with it to `errors`.
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

/// Reads fields as an `F`.
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
                // What stands in for a field that is wrong may be wrong itself.
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

/// Refuses fields whose names are no names, stand twice, or are ours.
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
