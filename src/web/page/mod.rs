//! Pages from templates: the framework's and the application's.

pub(crate) mod builder;
pub(crate) mod context;
pub(crate) mod functions;
pub(crate) mod kept_form;
pub(crate) mod notice;

pub use crate::web::page::builder::Page;
pub use crate::web::page::context::PageContext;
pub use crate::web::page::functions::extend;
pub use crate::web::page::notice::{KeptNotice, Notice};
