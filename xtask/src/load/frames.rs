//! Frames of a client (RFC 6455 §5.2), made before the clock runs, and those of a server, of which only
//! the headers are looked at: a client that looked at more would be what is measured.

use anyhow::{Result, bail};
use wsferry_proto::{Header, MAX_HEADER, Mask, Opcode};

const CLOSE: u8 = Opcode::Close.bits();
const PING: u8 = Opcode::Ping.bits();

const KEY: [u8; 4] = [0x5a, 0xc3, 0x17, 0x9e];

/// Appends a masked frame.
fn append(opcode: Opcode, payload: &[u8], to: &mut Vec<u8>) {
    let length = payload.len() as u64;
    let header = Header { fin: true, opcode, length, masking_key: Some(KEY) };
    let mut room = [0; MAX_HEADER];
    let size = header.write_to(&mut room);
    to.extend(&room[..size]);
    let start = to.len();
    to.extend(payload);
    Mask::new(KEY).apply(&mut to[start..]);
}

/// A whole binary message.
pub(crate) fn append_message(payload: &[u8], to: &mut Vec<u8>) {
    append(Opcode::Binary, payload, to);
}

/// The Close of a client that goes its way (1000).
pub(crate) fn close() -> Vec<u8> {
    let mut frame = Vec::new();
    append(Opcode::Close, &1000u16.to_be_bytes(), &mut frame);
    frame
}

/// The answer to an empty Ping.
pub(crate) fn pong() -> Vec<u8> {
    let mut frame = Vec::new();
    append(Opcode::Pong, &[], &mut frame);
    frame
}

/// Reads the frames of a server: what is payload, and whether a Ping or the Close came.
#[derive(Default)]
pub(crate) struct Frames {
    header: [u8; 10],
    /// Bytes of the header that have arrived.
    arrived: usize,
    /// Payload bytes of the frame that have not.
    left: u64,
    pub(crate) pings: u64,
    pub(crate) closed: bool,
}

impl Frames {
    /// Gives the payload of data frames among `bytes` to `each`.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<()> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (now, later) = bytes.split_at(bytes.len().min(clamp(self.left)));
                self.left -= now.len() as u64;
                if self.header[0] & 0x8 == 0 {
                    each(now);
                }
                bytes = later;
                continue;
            }
            self.header[self.arrived] = bytes[0];
            self.arrived += 1;
            bytes = &bytes[1..];
            let extended = match self.header[1] & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            };
            if self.arrived >= 2 && self.arrived == 2 + extended {
                self.begin(extended)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, extended: usize) -> Result<()> {
        self.arrived = 0;
        if self.header[1] & 0x80 != 0 || self.header[0] & 0x70 != 0 {
            bail!("a server's frame begins with {:02x?}", &self.header[..2]);
        }
        let long = &self.header[2..2 + extended];
        self.left = match long {
            [] => u64::from(self.header[1]),
            _ => long.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        match self.header[0] & 0xf {
            CLOSE => self.closed = true,
            PING => self.pings += 1,
            _ => {}
        }
        // Only an empty frame leaves the old header here: the next one overwrites it.
        self.header[1] = 0;
        Ok(())
    }
}

fn clamp(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_counted_at_any_split() {
        let mut wire = vec![0x82, 3, 1, 2, 3, 0x89, 0, 0x82, 0, 0x82, 126, 1, 0];
        wire.extend([7; 256]);
        wire.extend([0x88, 2, 3, 0xe8]);
        for size in 1..wire.len() {
            let mut frames = Frames::default();
            let mut payload = Vec::new();
            for part in wire.chunks(size) {
                frames.read(part, |bytes| payload.extend_from_slice(bytes)).unwrap();
            }
            assert_eq!((payload.len(), &payload[..3]), (259, &[1, 2, 3][..]));
            assert_eq!((frames.pings, frames.closed, frames.left), (1, true, 0));
        }
    }
}
