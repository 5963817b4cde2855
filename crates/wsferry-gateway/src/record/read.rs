//! Reads recordings: ours, websockify's, and the older ones of noVNC's tests, a line at a time.
//!
//! Of JavaScript it understands what those files hold: comments, `VNC_frame_encoding` ("binary" or
//! "base64"), and the array `VNC_frame_data` with one string in a line.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::outcome::Direction;

/// The most bytes a line may have; a frame of 16 MiB always fits.
const MAX_LINE: u64 = 64 << 20;

/// A piece of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was relayed, since the start of the session.
    pub at: Duration,
    /// Where it went.
    pub direction: Direction,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Why a recording cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line} is not {expected}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What should stand there.
        expected: &'static str,
    },
    /// It ends without `'EOF']`: the program that wrote it was killed, or is still writing.
    #[error("it ends behind line {line} without 'EOF']: it was cut, or is still being written")]
    Cut {
        /// The last line that is good.
        line: u64,
    },
}

const EXPECTED_HEAD: &str = "the head of a recording: var VNC_frame_data = [";
const EXPECTED_ENCODING: &str = "an encoding that is known: binary or base64";
const EXPECTED_FRAME: &str = "a frame: '{MS{DATA', or '}MS}DATA', alone in its line";
const EXPECTED_STRING: &str =
    "a string of JavaScript that stands for bytes: characters and escapes up to \\xff";
const EXPECTED_BASE64: &str = "a frame whose data is base64";
const EXPECTED_LENGTH: &str = "of a length that can be held: at most 64 MiB";

impl ReadError {
    /// Whether the recording is good as far as it goes.
    pub const fn is_cut(&self) -> bool {
        matches!(self, Self::Cut { .. })
    }
}

/// The frames of a recording, one at a time. It ends at the first error.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: u64,
    text: Vec<u8>,
    is_base64: bool,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Frames,
    Over,
}

/// What a line holds.
enum Line {
    Nothing,
    Frame(Frame),
    End,
}

impl<R: BufRead> Reader<R> {
    /// Reads from the start of a recording.
    pub const fn new(input: R) -> Self {
        Self { input, line: 0, text: Vec::new(), is_base64: false, place: Place::Head }
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, ReadError> {
        while self.place != Place::Over {
            let Some(is_whole) = self.next_line()? else { return Err(self.ended()) };
            let line = match self.place {
                Place::Head => self.head(),
                Place::Frames | Place::Over => self.frame(),
            };
            match line {
                Ok(Line::Nothing) => {}
                Ok(Line::Frame(frame)) => return Ok(Some(frame)),
                Ok(Line::End) => self.place = Place::Over,
                Err(_) if !is_whole && self.place == Place::Frames => {
                    return Err(ReadError::Cut { line: self.line - 1 });
                }
                Err(expected) => return Err(ReadError::Line { line: self.line, expected }),
            }
        }
        Ok(None)
    }

    fn ended(&self) -> ReadError {
        match self.place {
            Place::Head => ReadError::Line { line: self.line + 1, expected: EXPECTED_HEAD },
            Place::Frames | Place::Over => ReadError::Cut { line: self.line },
        }
    }

    /// Reads a line: whether it has its end, or nothing at the end of the file.
    fn next_line(&mut self) -> Result<Option<bool>, ReadError> {
        self.text.clear();
        let length = self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.text)? as u64;
        if length == 0 {
            return Ok(None);
        }
        self.line += 1;
        let is_whole = self.text.last() == Some(&b'\n');
        if length == MAX_LINE && !is_whole {
            return Err(ReadError::Line { line: self.line, expected: EXPECTED_LENGTH });
        }
        Ok(Some(is_whole))
    }

    /// A line before the frames.
    fn head(&mut self) -> Result<Line, &'static str> {
        let text = self.text.trim_ascii();
        let is_comment = [&b"//"[..], b"/*", b"*"].iter().any(|mark| text.starts_with(mark));
        if text.is_empty() || is_comment {
            return Ok(Line::Nothing);
        }
        let text = std::str::from_utf8(text).map_err(|_| EXPECTED_HEAD)?;
        let (name, value) = text.split_once('=').ok_or(EXPECTED_HEAD)?;
        let value = value.trim();
        match name.split_whitespace().last() {
            Some("VNC_frame_data") if value == "[" => self.place = Place::Frames,
            Some("VNC_frame_encoding") => {
                let value = value.trim_end_matches(';').trim_end();
                self.is_base64 = match value.trim_matches(['"', '\'']) {
                    "base64" => true,
                    "binary" => false,
                    _ => return Err(EXPECTED_ENCODING),
                };
            }
            Some(name) if name.starts_with("VNC_frame_") && name != "VNC_frame_data" => {}
            _ => return Err(EXPECTED_HEAD),
        }
        Ok(Line::Nothing)
    }

    /// A line of the array.
    fn frame(&self) -> Result<Line, &'static str> {
        let text = self.text.trim_ascii();
        match text {
            b"" => return Ok(Line::Nothing),
            b"]" | b"];" => return Ok(Line::End),
            _ => {}
        }
        let (string, rest) = string(text)?;
        if string == b"EOF" {
            return Ok(Line::End);
        }
        if !matches!(rest.trim_ascii(), b"" | b",") {
            return Err(EXPECTED_FRAME);
        }
        let direction = match string.first() {
            Some(b'{') => Direction::ToClient,
            Some(b'}') => Direction::ToTarget,
            _ => return Err(EXPECTED_FRAME),
        };
        let end = string[1..].iter().position(|byte| *byte == string[0]).ok_or(EXPECTED_FRAME)?;
        let at = millis(&string[1..=end]).ok_or(EXPECTED_FRAME)?;
        let data = &string[end + 2..];
        let payload = match self.is_base64 {
            true => STANDARD.decode(data).map_err(|_| EXPECTED_BASE64)?,
            false => data.to_vec(),
        };
        Ok(Line::Frame(Frame { at, direction, payload }))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Frame, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_frame().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.place = Place::Over;
        }
        next
    }
}

/// Milliseconds since the start. A clock that was set back made them negative.
fn millis(text: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(text).ok()?;
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let millis = digits.parse().ok().filter(|_| is_number)?;
    Some(Duration::from_millis(if is_negative { 0 } else { millis }))
}

/// The bytes of the string that a text begins with, and what stands behind it.
fn string(text: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let quote = match text.first() {
        Some(quote @ (b'\'' | b'"')) => *quote,
        _ => return Err(EXPECTED_FRAME),
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 1;
    loop {
        let rest = &text[at..];
        let (byte, length) = match *rest.first().ok_or(EXPECTED_STRING)? {
            end if end == quote => return Ok((bytes, &rest[1..])),
            b'\\' => escape(rest).ok_or(EXPECTED_STRING)?,
            // U+0080 to U+00FF in UTF-8: some versions did not escape what can be printed.
            lead @ (0xc2 | 0xc3) => match rest.get(1) {
                Some(next @ 0x80..=0xbf) => (lead << 6 | next & 0x3f, 2),
                _ => return Err(EXPECTED_STRING),
            },
            byte if byte.is_ascii() => (byte, 1),
            _ => return Err(EXPECTED_STRING),
        };
        bytes.push(byte);
        at += length;
    }
}

/// The byte that an escape stands for, and the length of the escape.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let byte = match *text.get(1)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'v' => 0x0b,
        b'0' if !text.get(2).is_some_and(u8::is_ascii_digit) => 0,
        b'x' => return Some((hex(text.get(2..4)?)?, 4)),
        b'u' if text.get(2..4)? == b"00" => return Some((hex(text.get(4..6)?)?, 6)),
        byte if byte.is_ascii_punctuation() => byte,
        _ => return None,
    };
    Some((byte, 2))
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(*digits.first()?)? << 4 | digit(*digits.get(1)?)?;
    u8::try_from(value).ok()
}

/// What a whole recording holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames to the client.
    pub to_client: u64,
    /// Frames to the target.
    pub to_target: u64,
    /// When the last frame was relayed.
    pub duration: Duration,
    /// It ends without its last line: what is there can be used.
    pub was_cut: bool,
}

/// Reads a recording to its end, so that what is wrong with it is known before it is used.
///
/// # Errors
/// What is wrong, and in which line. That it was cut is no error here.
pub fn summary(recording: impl BufRead) -> Result<Summary, ReadError> {
    let mut summary = Summary::default();
    for frame in Reader::new(recording) {
        let frame = match frame {
            Ok(frame) => frame,
            Err(ReadError::Cut { .. }) => {
                summary.was_cut = true;
                break;
            }
            Err(error) => return Err(error),
        };
        match frame.direction {
            Direction::ToClient => summary.to_client += 1,
            Direction::ToTarget => summary.to_target += 1,
        }
        summary.duration = frame.at;
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::super::format::{HEAD, TAIL, encode};
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(u64, Direction, Vec<u8>)>, String> {
        Reader::new(text)
            .map(|frame| {
                let frame = frame.map_err(|error| error.to_string())?;
                Ok((frame.at.as_millis() as u64, frame.direction, frame.payload))
            })
            .collect()
    }

    fn line(text: &str) -> Result<Vec<u8>, String> {
        let text = format!("var VNC_frame_data = [\n{text}\n'EOF'];\n");
        let mut frames = read(text.as_bytes())?;
        assert_eq!(frames.len(), 1, "{text}");
        Ok(frames.remove(0).2)
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(
            frames in proptest::collection::vec(
                (proptest::bool::ANY, 0..u64::MAX / 2, proptest::collection::vec(0..=255u8, 0..300)),
                0..20,
            ),
        ) {
            let way = |to_client| if to_client { Direction::ToClient } else { Direction::ToTarget };
            let mut text = HEAD.to_vec();
            for (to_client, millis, payload) in &frames {
                encode(way(*to_client), *millis, payload, &mut text);
            }
            text.extend(TAIL);
            let expected: Vec<_> =
                frames.into_iter().map(|(to_client, at, payload)| (at, way(to_client), payload)).collect();
            proptest::prop_assert_eq!(read(&text), Ok(expected));
        }

        #[test]
        fn no_bytes_make_the_reader_fail_but_by_an_error(
            bytes in proptest::collection::vec(0..=255u8, 0..300),
            behind_head: bool,
        ) {
            let head = if behind_head { HEAD } else { b"" };
            let _ = read(&[head, &bytes].concat());
            let _ = read(&[head, b"'{1{", &bytes].concat());
        }
    }

    #[test]
    fn older_recordings_are_read_too() {
        let base64 = "/* a comment */\n\nvar VNC_frame_encoding = 'base64';\nvar VNC_frame_length = 2;\n\
                      var VNC_frame_data = [\n'{0{UkZCIDAwMy4wMDgK',\n'}7}AQ==',\n'EOF']\n";
        let expected = vec![
            (0, Direction::ToClient, b"RFB 003.008\n".to_vec()),
            (7, Direction::ToTarget, vec![1]),
        ];
        assert_eq!(read(base64.as_bytes()), Ok(expected));
        assert_eq!(line("\"{1{it's\","), Ok(b"it's".to_vec()));
        assert_eq!(line("'{1{\u{e9}\u{ff}\u{80}',"), Ok(vec![0xe9, 0xff, 0x80]));
        assert_eq!(line(r"'{-3{\0\b\f\v\u00e9\/',"), Ok(vec![0, 8, 12, 11, 0xe9, b'/']));
        assert_eq!(read(b"VNC_frame_data = [\r\n'{1{x'\r\n];\r\nmore").unwrap().len(), 1);
    }

    #[test]
    fn the_line_that_is_wrong_is_named_with_what_was_expected() {
        for (text, number, expected) in [
            ("", 1, EXPECTED_HEAD),
            ("\x7fELF\n", 1, EXPECTED_HEAD),
            ("\n<html>\n", 2, EXPECTED_HEAD),
            ("var VNC_frame_encoding = 'utf16';\n", 1, EXPECTED_ENCODING),
            ("var VNC_frame_data = [\n'{1{x',\nx\n", 3, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'(1(x',\n", 2, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'{1}x',\n", 2, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'{+1{x',\n", 2, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'{{x',\n", 2, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'{',\n", 2, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'',\n", 2, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'{1{x' + 'y',\n", 2, EXPECTED_FRAME),
            ("var VNC_frame_data = [\n'{1{x\n", 2, EXPECTED_STRING),
            ("var VNC_frame_data = [\n'{1{\\xg0',\n", 2, EXPECTED_STRING),
            ("var VNC_frame_data = [\n'{1{\\u0100',\n", 2, EXPECTED_STRING),
            ("var VNC_frame_data = [\n'{1{\u{20ac}',\n", 2, EXPECTED_STRING),
        ] {
            assert_eq!(
                read(text.as_bytes()),
                Err(format!("line {number} is not {expected}")),
                "{text}"
            );
        }
        let text = b"var VNC_frame_encoding = \"base64\"\nvar VNC_frame_data = [\n'{1{*',\n";
        assert_eq!(read(text), Err(format!("line 3 is not {EXPECTED_BASE64}")));
    }

    #[test]
    fn a_recording_that_was_cut_is_good_up_to_there() {
        let whole = "var VNC_frame_data = [\n'{1{one',\n'{2{two',\n'EOF'];\n";
        for end in 33..whole.len() - 5 {
            let summary = summary(&whole.as_bytes()[..end]).unwrap();
            assert!(summary.was_cut, "{:?}", &whole[..end]);
        }
        let complete = summary(whole.as_bytes()).unwrap();
        let duration = Duration::from_millis(2);
        assert_eq!(complete, Summary { to_client: 2, duration, ..Summary::default() });
    }
}
