//! Parses `application/x-www-form-urlencoded` forms.

use percent_encoding::percent_decode;

/// Splits a form into names and values (WHATWG URL Standard, section 5.1). Unlike the standard, it refuses
/// bytes that are not UTF-8 instead of replacing them: otherwise two different passwords could become the
/// same.
pub(super) fn parse_pairs(body: &[u8]) -> Option<Vec<(String, String)>> {
    let decode = |part: &[u8]| {
        let part: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&part).decode_utf8().ok().map(|text| text.into_owned())
    };
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(parts.next().unwrap_or_default())?;
            let value = decode(parts.next().unwrap_or_default())?;
            Some((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::web::urlencoded::parse_pairs;

    #[test]
    fn a_form_is_split_and_decoded() {
        let pairs = parse_pairs(b"email=a%40b.c&name=two+words&empty=&bare&eq=a=b").unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [("email", "a@b.c"), ("name", "two words"), ("empty", ""), ("bare", ""), ("eq", "a=b")]
        );
    }

    #[test]
    fn invalid_utf_8_is_refused_not_replaced() {
        assert_eq!(parse_pairs(b"password=%ff%ff"), None);
    }
}
