//! Guards, and by what a request authenticates.

mod access_map;
mod basic;
mod guard_table;
mod guards;
mod mechanisms;
mod own_row;
mod policies;
