//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1): none is spoken, so good ones are declined by silence.

use http::HeaderMap;
use http::header::SEC_WEBSOCKET_EXTENSIONS;

use super::Refusal;
use crate::head::is_token_byte;

/// Refuses what is not a list of extensions with parameters.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    if values.all(|value| is_extension_list(value.as_bytes())) {
        return Ok(());
    }
    Err(Refusal::bad("Sec-WebSocket-Extensions is malformed"))
}

/// `extension-list = 1#( token *( ";" token [ "=" ( token | quoted-string ) ] ) )`, where a quoted
/// string must be a token once it is unquoted. So quotes hold no comma and no semicolon, and the
/// list can be split by them.
fn is_extension_list(list: &[u8]) -> bool {
    let mut found = false;
    for extension in list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        if extension.is_empty() {
            continue; // empty items of a list are ignored (RFC 9110 §5.6.1.2)
        }
        found = true;
        let mut parts = extension.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        if !parts.next().is_some_and(is_token) || !parts.all(is_parameter) {
            return false;
        }
    }
    found
}

fn is_parameter(text: &[u8]) -> bool {
    let Some(equals) = text.iter().position(|&byte| byte == b'=') else { return is_token(text) };
    let (name, value) = (text[..equals].trim_ascii(), text[equals + 1..].trim_ascii());
    let unquoted = match value {
        [b'"', inner @ .., b'"'] => inner,
        bare => bare,
    };
    is_token(name) && is_token(unquoted)
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

#[cfg(test)]
mod tests {
    use super::is_extension_list;

    #[test]
    fn the_grammar_of_section_9_1_is_kept() {
        for good in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "a; b=1, c; d=\"x\"; e",
            "foo, bar; baz=2,",
        ] {
            assert!(is_extension_list(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " ",
            ",",
            "a b",
            "a;",
            "a; =1",
            "a; b=",
            "a; b=\"",
            "a; b=\"\"",
            "a; b=\"x y\"",
            "=1",
            "a=1",
        ] {
            assert!(!is_extension_list(bad.as_bytes()), "{bad}");
        }
    }
}
