//! Requests as they come, and what we show: forms and their protection, pages, refusals, redirects.

mod csrf;
mod csrf_applications;
mod csrf_cookie;
mod error_style;
mod long_headers;
mod page_faults;
mod pages;
mod presentation;
mod proxies;
mod redirects;
mod submissions;
