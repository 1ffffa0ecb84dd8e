//! Describes a browser or a program for people.

use woothee::parser::Parser;

use crate::text::Text;

/// Describes a browser or a program for people, from its `User-Agent`.
pub(crate) fn device(user_agent: Option<&str>) -> String {
    let Some(text) = user_agent.filter(|text| !text.trim().is_empty()) else {
        return Text::new("device.unknown", "Unknown device").to_string();
    };
    match Parser::new().parse(text) {
        Some(found) if found.name != "UNKNOWN" && found.os != "UNKNOWN" => {
            let text = Text::new("device", "{browser} on {system}");
            text.with("browser", found.name).with("system", found.os).to_string()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::web::device::device;

    #[test]
    fn a_device_is_named_as_people_name_it() {
        let linux = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
                       (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                     (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
        assert_eq!(device(Some(linux)), "Firefox on Linux");
        assert_eq!(device(Some(windows)), "Chrome on Windows 10");
        assert_eq!(device(Some(phone)), "Safari on iPhone");
        assert_eq!(device(Some("backup-script/2")), "backup-script/2");
        assert_eq!(device(Some(" ")), "Unknown device");
        assert_eq!(device(None), "Unknown device");
    }
}
