//! Rules of the house, held by whatever there is: each route, template and module is found.

mod configuration_reference;
mod enumeration;
pub(crate) mod every_route;
mod every_template;
mod layers;
mod source;
mod texts;
mod words;
