//! Tokens, of logins and of programs: issued, shown, renewed and taken back.

mod bearer;
mod holders;
mod issuing;
mod paseto_guards;
mod personal_tokens;
mod refresh_tokens;
mod token_configuration;
mod token_cookie;
mod token_keys;
mod token_properties;
mod token_vectors;
mod websocket;
