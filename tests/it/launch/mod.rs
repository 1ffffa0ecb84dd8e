//! What stops a launch, and what a launch tells and makes.

mod configuration;
mod launch;
