//! A recording as text: for each frame when it was relayed, where it went, how long it is, and its
//! bytes in hex, as `xxd` shows them.

use std::io::{self, BufRead, Write};

use super::read::{Frame, ReadError, Reader};
use crate::outcome::Direction;

/// Bytes in a line.
const WIDTH: usize = 16;

/// Writes a recording as text.
///
/// # Errors
/// In the inner result what is wrong with the recording, behind everything before it; in the outer
/// one what is wrong with `out`.
pub fn dump(recording: impl BufRead, out: &mut impl Write) -> io::Result<Result<(), ReadError>> {
    for frame in Reader::new(recording) {
        match frame {
            Ok(frame) => dump_frame(&frame, out)?,
            Err(error) => {
                out.flush()?;
                return Ok(Err(error));
            }
        }
    }
    out.flush()?;
    Ok(Ok(()))
}

fn dump_frame(frame: &Frame, out: &mut impl Write) -> io::Result<()> {
    let way = match frame.direction {
        Direction::ToClient => "to client",
        Direction::ToTarget => "to target",
    };
    writeln!(out, "{:.3} s {way} {} bytes", frame.at.as_secs_f64(), frame.payload.len())?;
    for (number, bytes) in frame.payload.chunks(WIDTH).enumerate() {
        let mut hex = String::new();
        for (at, byte) in bytes.iter().enumerate() {
            let gap = if at > 0 && at % 2 == 0 { " " } else { "" };
            hex += &format!("{gap}{byte:02x}");
        }
        let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
        let text: String = bytes.iter().map(shown).collect();
        writeln!(out, "{:08x}: {hex:<39}  {text}", number * WIDTH)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_shown_with_time_way_length_and_bytes() {
        let recording = b"var VNC_frame_data = [\n'{12{RFB 003.008\\n',\n'}1015}\\x01\\xff<0123456789abcdef>',\n\
                          '{1016{',\n'EOF'];\n";
        let mut out = Vec::new();
        dump(&recording[..], &mut out).unwrap().unwrap();
        let expected = "0.012 s to client 12 bytes\n\
             00000000: 5246 4220 3030 332e 3030 380a            RFB 003.008.\n\
             1.015 s to target 20 bytes\n\
             00000000: 01ff 3c30 3132 3334 3536 3738 3961 6263  ..<0123456789abc\n\
             00000010: 6465 663e                                def>\n\
             1.016 s to client 0 bytes\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_is_good_is_shown_before_the_error() {
        let mut out = Vec::new();
        let error =
            dump(&b"var VNC_frame_data = [\n'{1{x',\n!\n"[..], &mut out).unwrap().unwrap_err();
        assert!(error.to_string().starts_with("line 3 is not a frame"), "{error}");
        assert!(out.starts_with(b"0.001 s to client 1 bytes\n"));
    }
}
