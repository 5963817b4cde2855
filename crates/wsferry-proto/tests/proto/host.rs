//! Hosts and origins, as text that anyone may send.

use proptest::prelude::*;
use wsferry_proto::{Host, HostName, Origin};

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic_and_what_is_parsed_is_parsed_again(text in ".{0,40}") {
        if let Ok(host) = text.parse::<Host>() {
            prop_assert_eq!(host.to_string().parse::<Host>(), Ok(host));
        }
        let origin = Origin::from(text.as_str());
        prop_assert_eq!(Origin::from(origin.to_string().as_str()), origin);
    }

    #[test]
    fn a_host_is_shown_as_it_is_parsed(
        text in r"(\[[0-9a-f:.]{2,20}\]|[a-zA-Z0-9_-]{1,8}(\.[a-z0-9]{1,4}){0,4}\.?)(:[0-9]{0,5})?"
    ) {
        if let Ok(host) = text.parse::<Host>() {
            prop_assert_eq!(host.to_string().parse::<Host>(), Ok(host.clone()));
            let origin = Origin::from(format!("http://{text}").as_str());
            prop_assert_eq!(origin.host(), Some(&host.name));
        }
    }

    #[test]
    fn every_address_is_a_host_and_loopback_only_where_it_says_so(
        four in any::<std::net::Ipv4Addr>(),
        six in any::<std::net::Ipv6Addr>(),
    ) {
        let name: HostName = four.to_string().parse().unwrap();
        prop_assert_eq!(&name, &HostName::Address(four.into()));
        prop_assert_eq!(name.is_loopback(), four.is_loopback());
        let name: HostName = format!("[{six}]").parse().unwrap();
        prop_assert_eq!(name, HostName::Address(six.into()));
    }
}

#[test]
fn a_name_is_at_most_253_bytes_long() {
    let label = "a".repeat(61);
    let longest = [label.as_str(); 4].join(".") + ".aaaaa";
    assert_eq!(longest.len(), 253);
    assert!(longest.parse::<HostName>().is_ok());
    assert!((longest.clone() + ".").parse::<HostName>().is_ok());
    assert!((longest + "a").parse::<HostName>().is_err());
}

#[test]
fn an_origin_is_never_matched_by_a_part_of_it() {
    let origin = Origin::from("https://app.example:8443");
    for other in [
        "https://app.example",
        "https://app.example:844",
        "https://app.example:84433",
        "https://app.example.evil:8443",
        "https://evil-app.example:8443",
        "http://app.example:8443",
        "https://user@app.example:8443",
        "https://app.example:8443 ",
    ] {
        assert_ne!(Origin::from(other), origin, "{other}");
    }
    for same in [
        "HTTPS://APP.example:8443",
        "https://app.example.:8443",
        "https://app.example:08443",
        "https://app.example:8443/",
        "https://app.example:8443/path",
    ] {
        assert_eq!(Origin::from(same), origin, "{same}");
    }
}

#[test]
fn an_origin_is_shown_without_the_port_that_its_scheme_stands_for() {
    for (text, shown) in [
        ("http://a:80", "http://a"),
        ("HTTPS://A:443/path", "https://a"),
        ("https://a:80", "https://a:80"),
        ("http://a:443", "http://a:443"),
        ("app://a", "app://a"),
        ("app://a:80", "app://a:80"),
        ("null", "null"),
    ] {
        assert_eq!(Origin::from(text).to_string(), shown, "{text}");
    }
}

#[test]
fn an_origin_whose_scheme_is_none_is_opaque() {
    for text in ["://a", "1http://a", "-x://a", "ht_tp://a", "h\u{e9}://a", "a b://a"] {
        assert_eq!(Origin::from(text), Origin::Opaque(text.into()), "{text}");
    }
    assert_ne!(Origin::from("web+app-1.0://a"), Origin::Opaque("web+app-1.0://a".into()));
}

#[test]
fn text_that_is_no_host_is_told_what_was_expected() {
    let error = "a b".parse::<Host>().unwrap_err().to_string();
    assert!(error.contains("expected a name, an IPv4 address or an IPv6 address"), "{error}");
}
