//! What is told and kept of what happens.

mod audit;
mod events;
mod track;
