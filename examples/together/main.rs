//! Shows one pool and one transaction for the application and the framework: every registered user has a
//! profile, or there is no user.
//!
//! `cargo run --example together`, then open <http://127.0.0.1:8000>. Register; the link of the mail is in
//! the log; confirm, log in, and `/me` shows your profile. The example leaves a database, keys and mails
//! (`together.sqlite`, `security.keys`, `security-mail/`) in the working directory.
//!
//! - The application opens the pool, and passes it to [`SqlxDatastore::sqlite`].
//! - Application and framework each migrate their own tables, the framework's first, because `profiles`
//!   refers to them. sqlx's migrator records what it applied in `_sqlx_migrations`, and the framework in
//!   `security_migrations`, so they do not conflict.
//! - [`RegistrationFields`] adds a display name and the terms to the registration, on the page and in JSON.
//!   [`RegistrationFields::save`] returns what is committed with the user: [`Together::and`] adds the
//!   insertion of the profile to the transaction that creates the user and the confirmation mail. If it
//!   fails, there is no user and no mail.
//! - A display name is not a username: any number of users may have the same.
//!
//! A registration for an address that has an account is answered like any other, but creates no profile. If
//! display names were unique, this would reveal accounts: an attacker registers an address with a new name,
//! checks afterwards whether that name is taken, and so learns whether the address had an account. If names
//! must be unique, use usernames, which the framework reserves in both cases
//! (`security.identity = ["email", "username"]`), or ask for names after the login.
//!
//! The command line `rocket-security` reads only the configuration, so it does not know a pool that the
//! application opens. Name the same database in `Rocket.toml`; the launch warns if the two differ. The
//! examples share one `Rocket.toml`, which names the database of `showcase`, so this example does warn.
//!
//! ```toml
//! [default.databases.security]
//! url = "sqlite:together.sqlite"
//! ```
//!
//! A row that needs no field, such as one with only default values, is simpler: see
//! [`Hooks::after_register`](rocket_security::Hooks::after_register).

use std::path::Path;

use rocket::response::content::RawHtml;
use rocket::serde::Deserialize;
use rocket::{Build, Rocket, State, async_trait, get, routes};
use rocket_security::datastore::Together;
use rocket_security::feature::Registration;
use rocket_security::features::register::Register;
use rocket_security::{
    AuthUser, Error, Field, Maybe, RegistrationFields, Rejection, Result, Security, SqlxDatastore,
    SqlxPool,
};
use sqlx::migrate::Migrator;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};

/// The fields of the registration beside the address and the password.
#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct NewProfile {
    display_name: String,
    /// Must be `true`, because of [`Field::required`].
    #[serde(rename = "terms")]
    _terms: bool,
}

#[async_trait]
impl RegistrationFields for NewProfile {
    const FIELDS: &'static [Field] = &[
        Field::text("display_name", "Display name")
            .hint("What others call you here.")
            .autocomplete("nickname")
            .required()
            .max_length(40),
        Field::checkbox("terms", "I accept the terms").required(),
    ];

    fn save(self, registration: &Registration<'_>) -> Result<Together> {
        let id = registration.user_id.as_uuid();
        Ok(Together::nothing().and(move |connection: &mut SqliteConnection| {
            let name = self.display_name.clone();
            Box::pin(async move {
                let insert =
                    sqlx::query("INSERT INTO profiles (user_id, display_name) VALUES (?, ?)");
                insert.bind(id).bind(name).execute(connection).await?;
                Ok(())
            })
        }))
    }
}

#[get("/")]
fn index(user: Maybe<AuthUser>) -> RawHtml<&'static str> {
    RawHtml(match user.0 {
        Some(_) => "<p>You are logged in. <a href=/me>Your page</a>, <a href=/logout>log out</a>.",
        None => "<p>Hello! <a href=/register>Register</a> or <a href=/login>log in</a>.",
    })
}

#[get("/me")]
async fn me(user: AuthUser, pool: &State<SqlitePool>) -> Result<String, Rejection> {
    let name: String = sqlx::query_scalar("SELECT display_name FROM profiles WHERE user_id = ?")
        .bind(user.id.as_uuid())
        .fetch_one(pool.inner())
        .await
        .map_err(Error::store)?;
    Ok(format!("Hello, {name}!"))
}

/// Returns the application for an open pool.
async fn application(pool: SqlxPool<Sqlite>) -> Result<Rocket<Build>> {
    let store = SqlxDatastore::sqlite(pool.clone());
    store.migrate().await?;
    // With sqlx's cargo feature `macros`, `sqlx::migrate!()` embeds the migrations in the program.
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/together/migrations"));
    let migrator = Migrator::new(folder).await.map_err(Error::store)?;
    migrator.run(pool.as_sqlx()).await.map_err(Error::store)?;

    let security = Security::with_default_features(store).enable(Register::asking::<NewProfile>());
    Ok(rocket::build()
        .attach(security)
        .manage(SqlitePool::clone(pool.as_sqlx()))
        .mount("/", routes![index, me]))
}

#[rocket::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = SqlxPool::open("sqlite:together.sqlite", 8).await?;
    application(pool).await?.launch().await?;
    Ok(())
}

#[cfg(test)]
mod tests;
