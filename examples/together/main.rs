//! One pool and one transaction for the application and the framework: whoever registers has a
//! profile, or there is no user.
//!
//! `cargo run --example together`, then open <http://127.0.0.1:8000>. Register; the mail's link is in
//! the log; confirm, log in, and `/me` shows your profile. It leaves a database, keys and mails
//! (`together.sqlite`, `security.keys`, `security-mail/`) in the working directory.
//!
//! - The application opens the pool, and hands it to [`SqlxDatastore::sqlite`].
//! - Each brings its own tables up to date, the framework's first, for `profiles` refers to them.
//!   sqlx's migrator notes in `_sqlx_migrations` what it applied, the framework in
//!   `security_migrations`: they do not meet.
//! - [`RegistrationFields`] adds a display name and the terms to the registration, on the page and in
//!   JSON. [`RegistrationFields::save`] gives what is to be committed with the user:
//!   [`Together::and`] puts the insertion of the profile into the transaction that makes the user and
//!   writes the confirmation mail. When it fails, there is no user and no mail.
//! - A display name is no username: any number of people may have the same.
//!
//! A registration for an address that has an account is answered like any other, without a profile
//! being made. Were a name taken once only, whoever registers an address with a name of their making
//! could look afterwards whether that name is taken, and so learn whether the address had an account.
//! Where names have to be unique, let them be usernames, which the framework holds in either case
//! (`security.identity = ["email", "username"]`), or ask for them when somebody is logged in.
//!
//! `rocket-security` on the command line reads the configuration, and knows nothing of a pool that the
//! application opens. Name the same database in `Rocket.toml`; the launch warns when the two differ. The
//! examples share one `Rocket.toml`, which names that of `showcase`, so this one does warn.
//!
//! ```toml
//! [default.databases.security]
//! url = "sqlite:together.sqlite"
//! ```
//!
//! What needs no field, such as a row with defaults, is simpler still: see
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

/// What is asked of whoever registers, beside the address and the password.
#[derive(Deserialize)]
#[serde(crate = "rocket::serde")]
struct NewProfile {
    display_name: String,
    /// Has to be `true`, as [`Field::required`] says.
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

/// The application on a pool that is open.
async fn application(pool: SqlxPool<Sqlite>) -> Result<Rocket<Build>> {
    let store = SqlxDatastore::sqlite(pool.clone());
    store.migrate().await?;
    // With sqlx's cargo feature `macros`, `sqlx::migrate!()` embeds them in the program.
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
