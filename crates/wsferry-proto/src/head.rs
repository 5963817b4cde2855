//! Which bytes are an HTTP/1.1 request head (RFC 9112): a strict judge in front of a lenient parser.
//!
//! It looks at each byte once, as it arrives, and refuses what two parsers could read in two ways
//! (the stuff of request smuggling) and what is too long. What it lets pass is parsed by the HTTP
//! library; only what decides how the connection goes on is read here.

use std::fmt;

use http::StatusCode;

/// The longest request line, in bytes without its line end.
pub const MAX_REQUEST_LINE: usize = 32 * 1024;
/// The longest head unless another limit is set, in bytes with all line ends.
pub const MAX_HEAD: usize = 64 * 1024;
/// The most header fields.
pub const MAX_FIELDS: usize = 100;

/// A request head that is whole, and what decides how the connection goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many bytes it has; the next byte belongs to what follows.
    pub length: usize,
    /// Whether it asks for WebSocket, so that what follows may be frames.
    pub asks_upgrade: bool,
    /// Whether it announces a body.
    pub announces_body: bool,
    /// Whether it is one of HTTP/1.0.
    pub is_http_1_0: bool,
}

/// What makes bytes not a request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Over [`MAX_REQUEST_LINE`].
    LongRequestLine,
    /// Over [`MAX_HEAD`], or the limit that was set.
    LongHead,
    /// Over [`MAX_FIELDS`].
    ManyFields,
    /// Not `METHOD target HTTP/1.1` (RFC 9112 §3).
    RequestLine,
    /// A GET or HEAD of neither a path nor an absolute URL (RFC 9112 §3.2).
    Target,
    /// An HTTP version other than 1.0 and 1.1.
    Version,
    /// A line end other than CR LF (RFC 9112 §2.2).
    LineEnd,
    /// A control byte (RFC 9110 §5.5).
    ControlByte,
    /// A line that continues the field before it (RFC 9112 §5.2).
    Folding,
    /// No field name, a space before the colon, or another byte that no name may have (§5.1).
    FieldName,
    /// More than one Content-Length, or one that is not a number (§6.3).
    ContentLength,
    /// Transfer-Encoding that does not end with chunked or holds it twice, beside Content-Length, or
    /// in HTTP/1.0 (§6.1, §6.3).
    TransferEncoding,
}

impl Fault {
    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::LongRequestLine => StatusCode::URI_TOO_LONG,
            Self::LongHead | Self::ManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What is wrong, in one sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LongRequestLine => "the request line is over 32 KiB",
            Self::LongHead => "the request head is over its limit (--max-head-size)",
            Self::ManyFields => "the request has over 100 header fields",
            Self::RequestLine => "the request line is not \"METHOD target HTTP/1.1\"",
            Self::Target => "the request target is neither a path nor an absolute URL",
            Self::Version => "the HTTP version is neither 1.0 nor 1.1",
            Self::LineEnd => "a line does not end with CR LF",
            Self::ControlByte => "a header line holds a control byte",
            Self::Folding => "a header field is folded over two lines",
            Self::FieldName => "a header line has no valid field name before its colon",
            Self::ContentLength => "Content-Length is repeated or not a number",
            Self::TransferEncoding => {
                "Transfer-Encoding is not chunked once, or stands beside Content-Length or in HTTP/1.0"
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Fault {}

/// The judge of one request head.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The longest head that passes.
    max_head: usize,
    /// Bytes already looked at.
    seen: usize,
    /// Where the line that is not whole yet begins.
    line: usize,
    /// Where the header block begins; 0 while in the request line.
    block: usize,
    fields: usize,
    is_http_1_0: bool,
    content_length: Option<u64>,
    transfer_encoding: bool,
    upgrade_to_websocket: bool,
    connection_upgrade: bool,
}

impl Default for Judge {
    fn default() -> Self {
        Self::new(MAX_HEAD)
    }
}

impl Judge {
    /// One that lets heads of at most `max_head` bytes pass.
    pub const fn new(max_head: usize) -> Self {
        Self {
            max_head,
            seen: 0,
            line: 0,
            block: 0,
            fields: 0,
            is_http_1_0: false,
            content_length: None,
            transfer_encoding: false,
            upgrade_to_websocket: false,
            connection_upgrade: false,
        }
    }

    /// Looks at `bytes`, which begin with the head and hold all that arrived of it: the head when it
    /// is whole, `None` while more must come.
    ///
    /// # Errors
    /// The first fault. It is found with the byte that makes it, not at the end of the head.
    pub fn look(&mut self, bytes: &[u8]) -> Result<Option<Head>, Fault> {
        while let Some(&byte) = bytes.get(self.seen) {
            let run = self.run_of_ordinary_bytes(bytes);
            if run > 0 {
                self.seen += run;
                continue;
            }
            let at = self.seen;
            self.seen += 1;
            if self.seen > self.max_head {
                return Err(Fault::LongHead);
            }
            if byte == b'\n' {
                if at == self.line || bytes[at - 1] != b'\r' {
                    return Err(Fault::LineEnd);
                }
                let line = &bytes[self.line..at - 1];
                self.line = self.seen;
                if let Some(head) = self.judge_line(line)? {
                    return Ok(Some(head));
                }
                continue;
            }
            // A CR is only good before LF: noticed with the byte behind it.
            if at > self.line && bytes[at - 1] == b'\r' {
                return Err(Fault::LineEnd);
            }
            self.judge_byte(at, byte)?;
        }
        Ok(None)
    }

    /// How many of the next bytes are good wherever they stand in a line, within the limits. That is
    /// nearly all of a head; the other bytes are judged one by one.
    fn run_of_ordinary_bytes(&self, bytes: &[u8]) -> usize {
        let is_inside = self.seen > self.line && bytes[self.seen - 1] != b'\r';
        if !is_inside {
            return 0;
        }
        let limit = match self.block {
            0 => self.max_head.min(self.line + MAX_REQUEST_LINE),
            _ => self.max_head,
        };
        let rest = bytes.get(self.seen..limit.min(bytes.len())).unwrap_or_default();
        // Sixteen at a time first, without a way out in between: vector instructions again.
        let is_ordinary = |byte: &u8| matches!(byte, b' '..=b'~');
        let is_whole = |block: &&[u8; 16]| block.iter().fold(true, |all, b| all & is_ordinary(b));
        let whole = 16 * rest.as_chunks().0.iter().take_while(is_whole).count();
        whole + rest[whole..].iter().take_while(|byte| is_ordinary(byte)).count()
    }

    fn judge_byte(&self, at: usize, byte: u8) -> Result<(), Fault> {
        // The CR of the line end does not count, so that a line of just the limit passes.
        let counts = usize::from(byte != b'\r');
        if self.block == 0 {
            if at - self.line + counts > MAX_REQUEST_LINE {
                return Err(Fault::LongRequestLine);
            }
            return match byte {
                b' ' | b'\r' | 0x21..=0x7e => Ok(()),
                _ => Err(Fault::RequestLine),
            };
        }
        match byte {
            b' ' | b'\t' if at == self.line => Err(Fault::Folding),
            b'\t' | b'\r' | b' '..=0x7e | 0x80.. => Ok(()),
            _ => Err(Fault::ControlByte),
        }
    }

    fn judge_line(&mut self, line: &[u8]) -> Result<Option<Head>, Fault> {
        if self.block == 0 {
            // RFC 9112 §2.2: an empty line before the request line should be ignored. One is.
            if line.is_empty() && self.seen == 2 {
                return Ok(None);
            }
            self.judge_request_line(line)?;
            self.block = self.seen;
            return Ok(None);
        }
        if line.is_empty() {
            return Ok(Some(self.finish()));
        }
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(Fault::ManyFields);
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or(Fault::FieldName)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|&byte| is_token_byte(byte)) {
            return Err(Fault::FieldName);
        }
        self.read_field(name, value)?;
        Ok(None)
    }

    fn judge_request_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let mut words = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Fault::RequestLine);
        };
        if method.is_empty() || !method.iter().all(|&byte| is_token_byte(byte)) || target.is_empty()
        {
            return Err(Fault::RequestLine);
        }
        if matches!(method, b"GET" | b"HEAD") && !names_resource(target) {
            return Err(Fault::Target);
        }
        match version {
            b"HTTP/1.1" => Ok(()),
            b"HTTP/1.0" => {
                self.is_http_1_0 = true;
                Ok(())
            }
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                Err(Fault::Version)
            }
            _ => Err(Fault::RequestLine),
        }
    }

    fn read_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        if name.eq_ignore_ascii_case(b"content-length") {
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            // Not every parser can hold a length over 63 bits.
            let number = number.filter(|&length: &u64| i64::try_from(length).is_ok());
            if !is_number || number.is_none() || self.content_length.is_some() {
                return Err(Fault::ContentLength);
            }
            self.content_length = number;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // RFC 9112 §6.1, §6.3: chunked is the last coding, once; else nobody knows the length.
            let mut codings = value.rsplit(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
            let ends_with_it = codings.next().is_some_and(is_chunked);
            if self.transfer_encoding || !ends_with_it || codings.any(is_chunked) {
                return Err(Fault::TransferEncoding);
            }
            self.transfer_encoding = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade_to_websocket |= list_holds(value, b"websocket");
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.connection_upgrade |= list_holds(value, b"upgrade");
        }
        if self.transfer_encoding && (self.content_length.is_some() || self.is_http_1_0) {
            return Err(Fault::TransferEncoding);
        }
        Ok(())
    }

    fn finish(&self) -> Head {
        Head {
            length: self.seen,
            asks_upgrade: self.upgrade_to_websocket && self.connection_upgrade,
            announces_body: self.transfer_encoding || self.content_length.is_some_and(|n| n > 0),
            is_http_1_0: self.is_http_1_0,
        }
    }
}

/// Whether a byte may be in a token: a method, a field name, a subprotocol (RFC 9110 §5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
}

/// Whether a target is a path, or the absolute URL of one: the forms that a GET may have. The others
/// are for OPTIONS (`*`) and CONNECT (RFC 9112 §3.2).
fn names_resource(target: &[u8]) -> bool {
    let is_url = |scheme: &&[u8]| {
        let start = target.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let schemes: [&[u8]; 4] = [b"http://", b"https://", b"ws://", b"wss://"];
    target.starts_with(b"/") || schemes.iter().any(is_url)
}

/// Whether a comma-separated list holds a word, in whatever case.
pub(crate) fn list_holds(list: &[u8], word: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}
