//! Logging in and out: passwords, their limits, and what stands between them and a session.

mod codes;
mod hooks;
mod login;
mod logout;
mod password_disabled;
mod password_queue;
mod password_work;
mod pending;
mod proofs;
mod set_up;
mod throttle;
mod verify;
