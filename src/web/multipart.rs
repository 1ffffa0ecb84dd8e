//! Parses the first field of an upload form.

use rocket::http::ContentType;

/// Returns the value of the first field of a `multipart/form-data` form (RFC 7578), if the field has this
/// name and its end is within the beginning of the body passed here.
///
/// Only the format of browsers is parsed: one header, `Content-Disposition: form-data; name="…"`. Other
/// clients can send the token in a header of the request.
pub(super) fn first_field(kind: &ContentType, beginning: &[u8], name: &str) -> Option<String> {
    let boundary = kind.param("boundary").filter(|boundary| !boundary.is_empty())?;
    let rest = beginning.strip_prefix(format!("--{boundary}\r\n").as_bytes())?;
    let header = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let (head, rest) = rest.split_at_checked(header.len())?;
    if !head.eq_ignore_ascii_case(header.as_bytes()) {
        return None;
    }
    let end = format!("\r\n--{boundary}");
    let length = rest.windows(end.len()).position(|window| window == end.as_bytes())?;
    String::from_utf8(rest.get(..length)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use rocket::http::ContentType;

    use crate::web::multipart::first_field;

    const FIELD: &str = "Content-Disposition: form-data; name=\"csrf_token\"\r\n\r\n";

    fn read(kind: &str, body: &str) -> Option<String> {
        first_field(&ContentType::parse_flexible(kind).unwrap(), body.as_bytes(), "csrf_token")
    }

    #[test]
    fn the_first_field_is_found_as_browsers_write_it() {
        for boundary in ["x", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "\"a b\""] {
            let kind = format!("multipart/form-data; boundary={boundary}");
            let bare = boundary.trim_matches('"');
            let body =
                format!("--{bare}\r\n{FIELD}TOKEN\r\n--{bare}\r\nContent-Disposition: \u{e9}");
            assert_eq!(read(&kind, &body).as_deref(), Some("TOKEN"), "{boundary}");
            let alone = format!("--{bare}\r\n{FIELD}TOKEN\r\n--{bare}--\r\n");
            assert_eq!(read(&kind, &alone).as_deref(), Some("TOKEN"), "{boundary}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let kind = "multipart/form-data; boundary=x";
        let good = format!("--x\r\n{FIELD}TOKEN\r\n--x\r\n");
        assert!(read(kind, &good).is_some());
        for (kind, body) in [
            ("multipart/form-data", good.clone()),
            ("multipart/form-data; boundary=y", good.clone()),
            (kind, format!("\r\n{good}")),
            (kind, format!("preamble\r\n{good}")),
            (kind, good.replace("csrf_token", "csrf_tokens")),
            (kind, good.replace("csrf_token\"", "csrf_token\"; filename=\"a\"")),
            (kind, good.replace("\r\n\r\n", "\r\nContent-Type: text/plain\r\n\r\n")),
            (kind, good.replace("\r\n", "\n")),
            (kind, format!("--x\r\n{FIELD}TOKEN\r\n--")),
            (kind, format!("--x\r\n{FIELD}TOK")),
            (kind, format!("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n{good}")),
            (kind, String::new()),
        ] {
            assert_eq!(read(kind, &body), None, "{kind} {body:?}");
        }
    }
}
