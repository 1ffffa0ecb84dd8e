//! The fields that the showcase asks for in a registration, and the application's table that keeps them.
//!
//! The example `together` goes further: it has migrations and tests.

use rocket::fairing::{AdHoc, Fairing};
use rocket::outcome::Outcome;
use rocket::serde::{Deserialize, Serialize};
use rocket::{Request, async_trait, error};
use rocket_db_pools::{Connection, Database};
use rocket_security::datastore::Together;
use rocket_security::feature::Registration;
use rocket_security::rejection::FieldErrors;
use rocket_security::{Error, Field, OwnRow, RegistrationFields, Result, SqlxPool, Text, User};

/// The application's own pool, for the database that the framework uses.
#[derive(Database)]
#[database("security")]
pub(crate) struct Db(SqlxPool<Kind>);

// An application has one kind of database. This one has SQLite, unless it is built without.
#[cfg(feature = "sqlite")]
type Kind = sqlx::Sqlite;
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
type Kind = sqlx::Postgres;
#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("the showcase is built for SQLite or PostgreSQL");
type Raw = <Kind as sqlx::Database>::Connection;

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS profiles (
        user_id UUID NOT NULL PRIMARY KEY REFERENCES security_users (id) ON DELETE CASCADE,
        display_name TEXT,
        shelf TEXT,
        newsletter BOOLEAN NOT NULL
    )";
const INSERT: &str =
    "INSERT INTO profiles (user_id, display_name, shelf, newsletter) VALUES ($1, $2, $3, $4)";
const SELECT: &str = "SELECT display_name, shelf, newsletter FROM profiles WHERE user_id = $1";

/// The fields beside the address, the username and the password.
#[derive(Deserialize, Serialize)]
#[serde(crate = "rocket::serde")]
pub(crate) struct Profile {
    display_name: Option<String>,
    shelf: Option<String>,
    newsletter: bool,
}

#[async_trait]
impl RegistrationFields for Profile {
    const FIELDS: &'static [Field] = &[
        Field::text("display_name", "Display name").autocomplete("nickname").max_length(40),
        Field::choice(
            "shelf",
            "What do you like to read?",
            &[("Voyages", "Voyages"), ("Weather", "Weather"), ("Cookery", "Cookery")],
        ),
        Field::checkbox("newsletter", "Send me the newsletter"),
    ];

    async fn check(&self, _request: &Request<'_>) -> Result<FieldErrors> {
        Ok(match &self.display_name {
            Some(name) if name.contains('@') => {
                let words = "Everybody sees this name: do not show your address.";
                FieldErrors::one("display_name", Text::new("name_is_address", words))
            }
            _ => FieldErrors::new(),
        })
    }

    fn save(self, registration: &Registration<'_>) -> Result<Together> {
        let id = registration.user_id.as_uuid();
        Ok(Together::nothing().and(move |connection: &mut Raw| {
            let insert = sqlx::query(INSERT)
                .bind(id)
                .bind(self.display_name.clone())
                .bind(self.shelf.clone())
                .bind(self.newsletter);
            Box::pin(async move { Ok(insert.execute(connection).await.map(drop)?) })
        }))
    }
}

/// For the guard `Own<Profile>`. An invited user was not asked, and has none.
#[async_trait]
impl OwnRow for Profile {
    async fn load(user: &User, request: &Request<'_>) -> Result<Option<Self>> {
        let Outcome::Success(mut db) = request.guard::<Connection<Db>>().await else {
            return Err(Error::store("there is no connection for a profile"));
        };
        let found: Option<(Option<String>, Option<String>, bool)> = sqlx::query_as(SELECT)
            .bind(user.id.as_uuid())
            .fetch_optional(&mut **db)
            .await
            .map_err(Error::store)?;
        Ok(found.map(|(display_name, shelf, newsletter)| Self { display_name, shelf, newsletter }))
    }
}

impl Profile {
    /// Creates the table, after the framework has created its own, to which it refers.
    pub(crate) fn table() -> impl Fairing {
        AdHoc::try_on_ignite("Profiles", |rocket| async {
            let Some(db) = Db::fetch(&rocket) else {
                return Err(rocket);
            };
            match sqlx::raw_sql(TABLE).execute(db.as_sqlx()).await {
                Ok(_) => Ok(rocket),
                Err(fault) => {
                    error!("the table of profiles cannot be made: {fault}");
                    Err(rocket)
                }
            }
        })
    }
}
