//! What is measured of the codec, by the clock (`codec.rs`) and in instructions (`instructions.rs`).
//!
//! A case is a function of some bytes, which it may change: each run gets fresh ones. It allocates
//! nothing, so that an allocator is not measured along with it.

use std::fmt;
use std::sync::LazyLock;
use std::time::Instant;

use wsferry_proto::head::Judge;
use wsferry_proto::{Connection, Decoder, Header, Kind, MAX_HEADER, Mask, Opcode};
use wsferry_proto::{Role, Settings, Utf8};

/// Asked for once, so that the clock is not measured.
static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Any key but zeros, with which there is nothing to unmask.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Frames of one buffer: as many as make up a usual read, or one.
const SIZES: [(usize, usize, &str); 4] = [
    (256, 64, "256 × 64 B"),
    (16, 1024, "16 × 1 KiB"),
    (1, 16 * 1024, "16 KiB"),
    (1, 64 * 1024, "64 KiB"),
];

/// Lengths of what is looked at as one piece.
const LENGTHS: [(usize, &str); 4] =
    [(64, "64 B"), (1024, "1 KiB"), (16 * 1024, "16 KiB"), (64 * 1024, "64 KiB")];

/// One thing to be measured.
pub(crate) struct Case {
    /// What is done, one word or a few.
    pub group: &'static str,
    /// With how much.
    pub size: &'static str,
    /// Bytes of payload in one run, for MB/s.
    #[allow(dead_code)] // instructions are not divided by it
    pub payload: usize,
    /// What it begins with.
    pub bytes: Vec<u8>,
    /// What is done; the result only keeps the compiler from leaving it out.
    pub run: fn(&mut [u8]) -> usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.group, self.size)
    }
}

/// Bytes whose start lies on a cache line wherever the allocator puts them.
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
}

impl Input {
    /// A copy of some bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut all = vec![0; bytes.len() + 63];
        let start = all.as_ptr().align_offset(64).min(63);
        all[start..start + bytes.len()].copy_from_slice(bytes);
        all.truncate(start + bytes.len());
        Self { bytes: all, start }
    }

    /// The bytes.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    LazyLock::force(&NOW);
    let mut cases = Vec::new();
    for (length, size) in LENGTHS {
        let bytes = filler(length);
        let mut case = |group, bytes, run| {
            cases.push(Case { group, size, payload: length, bytes, run });
        };
        case("unmask", bytes.clone(), unmask);
        case("unmask from an odd start", [&[0; 3], &bytes[..]].concat(), unmask_from_odd_start);
        case("check ASCII", ascii(length), check_utf8);
        case("check mixed text", mixed_text(length), check_utf8);
    }
    for (count, length, size) in SIZES {
        let mut case = |group, opcode, payload: &[u8], run| {
            let bytes = frame(opcode, payload).repeat(count);
            cases.push(Case { group, size, payload: count * length, bytes, run });
        };
        case("decode binary", Opcode::Binary, &filler(length), decode);
        case("decode text", Opcode::Text, &ascii(length), decode);
        case("gather", Opcode::Binary, &filler(length), gather);
    }
    let pongs = frame(Opcode::Pong, &filler(125)).repeat(16);
    cases.push(Case {
        group: "decode pongs",
        size: "16 × 125 B",
        payload: 16 * 125,
        bytes: pongs,
        run: decode,
    });
    let lengths = [64u64, 1024, 16 * 1024, 64 * 1024].repeat(64);
    cases.push(Case {
        group: "encode headers",
        size: "256 of all lengths",
        payload: 256 * MAX_HEADER,
        bytes: lengths.iter().flat_map(|length| length.to_ne_bytes()).collect(),
        run: encode,
    });
    for (cookie, size) in [(40, "of a browser"), (8 * 1024, "with 8 KiB of cookies")] {
        let bytes = head(cookie);
        cases.push(Case { group: "judge a head", size, payload: bytes.len(), bytes, run: judge });
    }
    cases
}

fn unmask(bytes: &mut [u8]) -> usize {
    Mask::new(KEY).apply(bytes);
    bytes.len()
}

/// As where a read ended inside of a frame: the bytes begin anywhere, and so does the key.
fn unmask_from_odd_start(bytes: &mut [u8]) -> usize {
    let mut mask = Mask::new(KEY);
    mask.apply(&mut bytes[..3]);
    mask.apply(&mut bytes[3..]);
    bytes.len()
}

fn check_utf8(bytes: &mut [u8]) -> usize {
    let mut text = Utf8::default();
    usize::from(text.check(bytes).is_ok() && text.is_complete())
}

fn decode(bytes: &mut [u8]) -> usize {
    let mut decoder = Decoder::new(true, true);
    let (mut at, mut items) = (0, 0);
    while at < bytes.len()
        && let Ok((taken, item)) = decoder.decode(&mut bytes[at..])
    {
        at += taken;
        items += usize::from(item.is_some());
    }
    items
}

fn gather(bytes: &mut [u8]) -> usize {
    let settings = Settings { role: Role::Server, accept_text: true, keep_alive: None };
    let now = *NOW;
    let mut machine = Connection::new(settings, now);
    let length = bytes.len();
    let (_, mut gathered) = machine.gather(now, bytes, 0..length, 0);
    // A frame with a 64-bit length is left to the ordinary way, as in a relay.
    if gathered == 0
        && let (_, Some(wsferry_proto::Event::Payload(payload))) = machine.handle_bytes(now, bytes)
    {
        gathered = payload.range.len();
    }
    gathered
}

/// `bytes` are the lengths, eight bytes each; the header takes their place.
fn encode(bytes: &mut [u8]) -> usize {
    let mut room = [0; MAX_HEADER];
    let (lengths, _) = bytes.as_chunks_mut::<8>();
    let mut all = 0;
    for length in lengths {
        let header = Header {
            fin: true,
            opcode: Kind::Binary.opcode(),
            length: u64::from_ne_bytes(*length),
            masking_key: None,
        };
        let start = header.write_before(&mut room);
        length.copy_from_slice(&room[MAX_HEADER - 8..]);
        all += MAX_HEADER - start;
    }
    all
}

fn judge(bytes: &mut [u8]) -> usize {
    Judge::default().look(bytes).ok().flatten().map_or(0, |head| head.length)
}

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let header = Header { fin: true, opcode, length: payload.len() as u64, masking_key: Some(KEY) };
    let mut bytes = vec![0; header.size()];
    header.write_to(&mut bytes);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    Mask::new(KEY).apply(&mut bytes[start..]);
    bytes
}

fn filler(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 256) as u8).collect()
}

fn ascii(length: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog. ".iter().copied().cycle().take(length).collect()
}

fn mixed_text(length: usize) -> Vec<u8> {
    let mut text = "Größe, κόσμε, 日本, plain words between them. ".repeat(length / 40 + 1);
    text.truncate(text.floor_char_boundary(length));
    text.extend(std::iter::repeat_n('.', length - text.len()));
    text.into_bytes()
}

fn head(cookie: usize) -> Vec<u8> {
    format!(
        "GET /websockify?token=abc HTTP/1.1\r\n\
         Host: gateway.example:6080\r\n\
         Connection: Upgrade\r\n\
         Pragma: no-cache\r\n\
         Cache-Control: no-cache\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/130.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\n\
         Origin: https://gateway.example\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-GB,en;q=0.9\r\n\
         Cookie: session={}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Sec-WebSocket-Protocol: binary\r\n\r\n",
        "0123456789abcdef".repeat(cookie / 16)
    )
    .into_bytes()
}
