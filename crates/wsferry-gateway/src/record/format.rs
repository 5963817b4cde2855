//! How a recording is written: websockify's format, a script that noVNC's playback page loads.
//!
//! ```text
//! var VNC_frame_data = [
//! '{12{RFB 003.008\n',
//! '}15}RFB 003.008\n',
//! 'EOF'];
//! ```
//!
//! A line is a frame: `{` to the client or `}` to the target, milliseconds since the start of the
//! session, the same brace again, the payload as Latin-1 with JavaScript's escapes.

use crate::outcome::Direction;

/// The first line.
pub(super) const HEAD: &[u8] = b"var VNC_frame_data = [\n";
/// The last line.
pub(super) const TAIL: &[u8] = b"'EOF'];\n";

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes one frame, as a line, behind what is in `out`.
pub fn encode(direction: Direction, millis: u64, payload: &[u8], out: &mut Vec<u8>) {
    let brace = brace(direction);
    out.extend_from_slice(&[b'\'', brace]);
    out.extend_from_slice(millis.to_string().as_bytes());
    out.push(brace);
    for &byte in payload {
        match byte {
            b'\'' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\t' => out.extend_from_slice(br"\t"),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b' '..=b'~' => out.push(byte),
            _ => {
                let digits = [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]);
                out.extend_from_slice(&[b'\\', b'x', digits[0], digits[1]]);
            }
        }
    }
    out.extend_from_slice(b"',\n");
}

/// The brace that says where a frame went.
pub(super) const fn brace(direction: Direction) -> u8 {
    match direction {
        Direction::ToClient => b'{',
        Direction::ToTarget => b'}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_escaped_as_websockify_does() {
        let all: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        encode(Direction::ToTarget, 2, &all, &mut out);
        // What websockify 0.13 wrote for the same message.
        let mut expected = String::from("'}2}");
        expected += r"\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f";
        expected += r"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
        expected += r#" !"#;
        expected += "\"#$%&\\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_`";
        expected += r"abcdefghijklmnopqrstuvwxyz{|}~\x7f";
        for high in 0x80..=0xff {
            expected += &format!(r"\x{high:02x}");
        }
        expected += "',\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
