//! Reading a file that somebody may be writing at this moment.
//!
//! A file that is replaced by `rename` is whole at any time. One that is cut and written again in
//! place is not, and half a line may name another target. So a file that was changed a moment ago is
//! left alone until it has been still for [`STILL`]; whatever is written later has another time.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::sys::Stamp;

/// For so long a file must not have changed. The kernel's file times move on every 10 ms at the
/// latest, so a write after the read is always seen in them.
const STILL: Duration = Duration::from_millis(50);
/// For so long files that never stay still are waited for.
pub(super) const PATIENCE: Duration = Duration::from_millis(400);

/// A file as it was at one moment.
#[derive(Debug)]
pub(super) struct Contents {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How to notice that they are old; `None`: the file did not stay still, and they may be half.
    pub stamp: Option<Stamp>,
}

/// Reads the ordinary file that `open` opens, of at most `limit` bytes. It waits for it until `until`, at least once; `is_whole` may
/// say that a file that was written a moment ago is complete all the same. It blocks.
///
/// # Errors
/// It cannot be opened; it cannot be read, or is longer: that is told by `failed`.
pub(super) fn read<E>(
    open: impl Fn() -> Result<(File, Metadata), E>,
    failed: impl Fn(io::Error) -> E,
    limit: u64,
    until: Instant,
    is_whole: impl Fn(&[u8]) -> bool,
) -> Result<Contents, E> {
    let until = until.max(Instant::now() + STILL);
    loop {
        let (mut file, metadata) = open()?;
        let stamp = Stamp::new(&metadata);
        let bytes = read_up_to(&mut file, stamp.size(), limit).map_err(&failed)?;
        let now = Stamp::new(&file.metadata().map_err(&failed)?);
        let is_same = now == stamp && bytes.len() as u64 == stamp.size();
        let missing = stamp.age().map_or(Duration::ZERO, |age| STILL.saturating_sub(age));
        if is_same && missing.is_zero() {
            return Ok(Contents { bytes, stamp: Some(stamp) });
        }
        if is_same && is_whole(&bytes) || Instant::now() >= until {
            return Ok(Contents { bytes, stamp: None });
        }
        std::thread::sleep(missing.max(Duration::from_millis(1)));
    }
}

fn read_up_to(file: &mut File, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    let too_long = || {
        let words = format!("it has more than {limit} bytes");
        io::Error::new(io::ErrorKind::FileTooLarge, words)
    };
    if size > limit {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(bytes) }
}
