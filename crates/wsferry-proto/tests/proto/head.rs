//! The judge of request heads (RFC 9112): what is refused, with which byte, however it arrives.

use proptest::collection::vec;
use proptest::prelude::*;
use wsferry_proto::head::{Fault, Head, Judge, MAX_FIELDS, MAX_HEAD, MAX_REQUEST_LINE};

use crate::cuts::cuts;
use crate::fuzz;
use crate::fuzz::head::verdict;

const GOOD: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The verdict on bytes, checked to be the same whole, cut in two everywhere and byte by byte.
fn judged(bytes: &[u8]) -> Option<Result<Head, Fault>> {
    let whole = verdict([bytes]);
    for cut in cuts(bytes.len()) {
        let (one, other) = bytes.split_at(cut);
        assert_eq!(verdict([one, other]), whole, "cut at {cut}");
    }
    let mut judge = Judge::default();
    let mut by_byte = None;
    for end in 1..=bytes.len() {
        by_byte = judge.look(&bytes[..end]).transpose();
        if by_byte.is_some() {
            break;
        }
    }
    assert_eq!(by_byte, whole, "byte by byte");
    whole
}

fn head(text: &str) -> Head {
    match judged(text.as_bytes()) {
        Some(Ok(head)) => head,
        other => panic!("{other:?} for {text:?}"),
    }
}

/// Checks that `bad` is refused with its last byte and not sooner.
fn is_refused(bad: impl AsRef<[u8]>, fault: Fault) {
    let bad = bad.as_ref();
    let shown = bad[..bad.len().min(200)].escape_ascii();
    assert_eq!(judged(bad), Some(Err(fault)), "{shown}");
    assert_eq!(verdict([&bad[..bad.len() - 1]]), None, "known too soon: {shown}");
    // What follows changes nothing.
    assert_eq!(verdict([&[bad, GOOD.as_bytes()].concat()[..]]), Some(Err(fault)), "{shown}");
}

/// The same in the first header line, and in one after a good one.
fn line_is_refused(bad: impl AsRef<[u8]>, fault: Fault) {
    for before in ["GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        is_refused([before.as_bytes(), bad.as_ref()].concat(), fault);
    }
}

#[test]
fn a_good_head_is_whole_with_its_last_byte_and_what_follows_is_not_of_it() {
    let head = head(GOOD);
    assert_eq!(
        head,
        Head { length: GOOD.len(), asks_upgrade: true, announces_body: false, is_http_1_0: false }
    );
    assert_eq!(judged(&GOOD.as_bytes()[..GOOD.len() - 1]), None);
    for behind in ["\u{81}", "GET / HTTP/1.1\r\n\r\n", "\r\n", "\0"] {
        let stream = [GOOD, behind].concat();
        assert_eq!(verdict([stream.as_bytes()]), Some(Ok(head)));
    }
}

#[test]
fn spellings_that_the_grammar_allows_pass() {
    for text in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:a\r\nX:\r\nY: \t \r\nZ: a \t b\t\r\n\r\n",
        "GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
        "GET / HTTP/1.1\r\nX: caf\u{e9} \u{ff}\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a:b:c\r\n\r\n",
    ] {
        assert_eq!(head(text).length, text.len());
    }
}

#[test]
fn an_upgrade_is_asked_for_by_both_fields_in_any_spelling() {
    for (fields, asks) in [
        ("Upgrade: websocket\r\nConnection: Upgrade\r\n", true),
        ("CONNECTION: keep-alive, upgrade\r\nupgrade: WebSocket\r\n", true),
        ("Upgrade:h2c,websocket\r\nConnection:Upgrade\r\n", true),
        ("Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: a\r\nConnection: upgrade\r\n", true),
        ("Upgrade: websocket\r\n", false),
        ("Connection: Upgrade\r\n", false),
        ("Upgrade: h2c\r\nConnection: Upgrade\r\n", false),
        ("Upgrade: websocket\r\nConnection: close\r\n", false),
        ("X-Upgrade: websocket\r\nConnection: Upgrade\r\n", false),
    ] {
        let head = head(&format!("GET / HTTP/1.1\r\n{fields}\r\n"));
        assert_eq!(head.asks_upgrade, asks, "{fields}");
    }
}

#[test]
fn a_body_is_announced_by_a_length_over_zero_or_a_transfer_coding() {
    for (field, announces) in [
        ("X: y", false),
        ("Content-Length: 0", false),
        ("content-length:\t000 ", false),
        ("Content-Length: 1", true),
        ("CONTENT-LENGTH: 9223372036854775807", true),
        ("Transfer-Encoding: chunked", true),
        ("transfer-encoding: gzip, CHUNKED", true),
    ] {
        let head = head(&format!("POST / HTTP/1.1\r\n{field}\r\n\r\n"));
        assert_eq!(head.announces_body, announces, "{field}");
    }
}

#[test]
fn a_request_line_has_three_words_with_one_space_between_them() {
    for line in [
        "GET /",
        "GET",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        "GET  HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET: / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.1.1",
        "GET / HTTP/11",
        "GET / HTTP/1.x",
        "GET / HTTP/01.1",
        "GET / HTTPS/1.1",
        "GET / /1.1",
        "hello",
    ] {
        is_refused(format!("{line}\r\n"), Fault::RequestLine);
    }
    // One empty line before it is borne, two are not.
    is_refused("\r\n\r\n", Fault::RequestLine);
}

#[test]
fn a_byte_that_no_request_line_has_is_known_when_it_arrives() {
    for byte in (0..=0x1f).chain(0x7f..=0xff).filter(|byte| ![b'\r', b'\n'].contains(byte)) {
        is_refused([b"GET /", &[byte][..]].concat(), Fault::RequestLine);
        is_refused([byte], Fault::RequestLine);
    }
}

#[test]
fn other_versions_of_http_are_told_so() {
    for version in ["2.0", "0.9", "1.2", "3.0", "9.9"] {
        is_refused(format!("GET / HTTP/{version}\r\n"), Fault::Version);
    }
    // The preface of HTTP/2 without TLS.
    is_refused("PRI * HTTP/2.0\r\n", Fault::Version);
}

#[test]
fn a_line_ends_with_cr_lf_and_nothing_else() {
    is_refused("\n", Fault::LineEnd);
    is_refused("GET / HTTP/1.1\n", Fault::LineEnd);
    is_refused("GET / HTTP/1.1\rH", Fault::LineEnd);
    is_refused("GET / HTTP/1.1\r\r", Fault::LineEnd);
    for bad in ["X: y\n", "X: y\rz", "X: y\r\r", "X: y\r ", "\n", "\r\r", "\rX", "X\n"] {
        line_is_refused(bad, Fault::LineEnd);
    }
}

#[test]
fn control_bytes_in_a_header_line_are_known_when_they_arrive() {
    let bad = (0..=0x1f).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte));
    for byte in bad {
        line_is_refused([b"X: a", &[byte][..]].concat(), Fault::ControlByte);
        line_is_refused([b"X", &[byte][..]].concat(), Fault::ControlByte);
        line_is_refused([byte], Fault::ControlByte);
    }
}

#[test]
fn a_folded_field_is_known_with_the_blank_that_begins_its_second_line() {
    for bad in [" ", "\t"] {
        line_is_refused(bad, Fault::Folding);
    }
}

#[test]
fn a_field_has_a_name_that_is_a_token_and_a_colon_right_behind_it() {
    for line in [
        "X : y",
        "X\t: y",
        ": y",
        ":",
        "X",
        "X Y: z",
        "X(Y): z",
        "X/Y: z",
        "X\"Y\": z",
        "X@Y: z",
        "X,Y: z",
        "X;Y: z",
        "X=Y: z",
        "{X}: y",
        "X\u{e9}: y",
        "GET / HTTP/1.1",
    ] {
        line_is_refused(format!("{line}\r\n"), Fault::FieldName);
    }
}

#[test]
fn a_content_length_is_one_number() {
    for value in
        ["", "x", "-1", "+1", "1 2", "1,1", "1, 2", "0x10", "1.0", "18446744073709551616", "１"]
    {
        line_is_refused(format!("Content-Length: {value}\r\n"), Fault::ContentLength);
    }
    for second in ["0", "5", "6"] {
        let twice = format!("content-length: 5\r\nX: y\r\nCONTENT-LENGTH: {second}\r\n");
        line_is_refused(twice, Fault::ContentLength);
    }
}

#[test]
fn a_transfer_coding_stands_alone_and_not_in_http_1_0() {
    for (one, other) in [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("transfer-encoding: gzip, chunked", "content-length: 0"),
        ("Content-Length: 0", "TRANSFER-ENCODING: x"),
    ] {
        line_is_refused(format!("{one}\r\nX: y\r\n{other}\r\n"), Fault::TransferEncoding);
    }
    is_refused("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", Fault::TransferEncoding);
}

#[test]
fn a_transfer_coding_ends_with_chunked_and_is_said_once() {
    for codings in [
        "identity",
        "",
        "chunked, gzip",
        "chunke",
        "xchunked",
        "chunked;a",
        "chunked,",
        "chunked, chunked",
        "chunked,gzip,chunked",
    ] {
        line_is_refused(format!("Transfer-Encoding: {codings}\r\n"), Fault::TransferEncoding);
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    line_is_refused(twice, Fault::TransferEncoding);
}

#[test]
fn the_request_line_may_have_32_kib() {
    let line = |length: usize| format!("GET /{} HTTP/1.1", "x".repeat(length - 14));
    let longest = format!("{}\r\nHost: a\r\n\r\n", line(MAX_REQUEST_LINE));
    assert_eq!(head(&longest).length, longest.len());
    is_refused(line(MAX_REQUEST_LINE + 1), Fault::LongRequestLine);
    is_refused("x".repeat(MAX_REQUEST_LINE + 1), Fault::LongRequestLine);
}

#[test]
fn a_head_may_have_64_kib() {
    let start = "GET / HTTP/1.1\r\nX: ";
    let of = |length: usize| format!("{start}{}\r\n\r\n", "y".repeat(length - start.len() - 4));
    let longest = of(MAX_HEAD);
    assert_eq!((head(&longest).length, MAX_HEAD), (longest.len(), 65_536));
    for over in 1..6 {
        is_refused(&of(MAX_HEAD + over)[..MAX_HEAD + 1], Fault::LongHead);
    }
}

#[test]
fn a_limit_of_heads_that_was_set_holds_at_each_of_their_bytes() {
    for max_head in 1..GOOD.len() {
        let mut judge = Judge::new(max_head);
        let verdict = (1..=GOOD.len()).map(|end| judge.look(&GOOD.as_bytes()[..end]));
        let verdict: Vec<_> = verdict.take_while(|verdict| verdict == &Ok(None)).collect();
        assert_eq!(verdict.len(), max_head, "known with the byte that is one too many");
        let whole = Judge::new(max_head).look(GOOD.as_bytes());
        assert_eq!(whole, Err(Fault::LongHead), "{max_head}");
    }
    assert!(Judge::new(GOOD.len()).look(GOOD.as_bytes()).unwrap().is_some());
}

#[test]
fn a_get_is_for_a_path_or_an_absolute_url() {
    for method in ["GET", "HEAD"] {
        for target in ["*", "a", "a:80", "localhost", "://a/", "ftp://a/", "http:/a", "?a", "http:"]
        {
            is_refused(format!("{method} {target} HTTP/1.1\r\n"), Fault::Target);
        }
        for target in ["/", "//a", "/*", "http://a", "HTTPS://a/", "ws://a/b", "wss://a/b"] {
            head(&format!("{method} {target} HTTP/1.1\r\n\r\n"));
        }
    }
    for line in ["OPTIONS * HTTP/1.1", "CONNECT a:80 HTTP/1.1"] {
        head(&format!("{line}\r\n\r\n"));
    }
}

#[test]
fn a_head_may_have_100_fields() {
    let fields = |number: usize| "GET / HTTP/1.1\r\n".to_owned() + &"X: y\r\n".repeat(number);
    let most = fields(MAX_FIELDS) + "\r\n";
    assert_eq!(head(&most).length, most.len());
    is_refused(fields(MAX_FIELDS + 1), Fault::ManyFields);
}

#[test]
fn every_fault_has_its_status_and_a_sentence() {
    use Fault::*;
    let all = [
        (LongRequestLine, 414),
        (LongHead, 431),
        (ManyFields, 431),
        (RequestLine, 400),
        (Target, 400),
        (Version, 505),
        (LineEnd, 400),
        (ControlByte, 400),
        (Folding, 400),
        (FieldName, 400),
        (ContentLength, 400),
        (TransferEncoding, 400),
    ];
    for (fault, status) in all {
        assert_eq!(fault.status().as_u16(), status, "{fault}");
        assert!(!fault.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn any_bytes_get_the_same_verdict_however_they_arrive(bytes in vec(any::<u8>(), 0..200)) {
        fuzz::head(&bytes);
    }

    #[test]
    fn a_head_with_one_byte_changed_gets_the_same_verdict_however_it_arrives(
        at in 0..GOOD.len(),
        byte in any::<u8>(),
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = byte;
        judged(&bytes);
    }
}
