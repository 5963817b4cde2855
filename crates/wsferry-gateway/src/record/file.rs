//! The files of recordings: their names, and what is left of one when the disk is full.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::format::{HEAD, TAIL};

/// Gives each recording a name of its own: `FILE.N`.
#[derive(Debug)]
pub(super) struct Names {
    directory: PathBuf,
    /// `FILE.`, without its directory.
    prefix: OsString,
    next: u64,
}

impl Names {
    /// Looks which numbers are taken, and whether a file can be created there at all.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        // A program that detaches changes its directory.
        let path = std::path::absolute(path)?;
        let no_name =
            || io::Error::new(io::ErrorKind::InvalidInput, "it is not the name of a file");
        let mut prefix = path.file_name().ok_or_else(no_name)?.to_owned();
        prefix.push(".");
        let directory = path.parent().ok_or_else(no_name)?.to_owned();
        let mut last = 0;
        for entry in fs::read_dir(&directory)? {
            last = last.max(number(&entry?.file_name(), &prefix).unwrap_or(0));
        }
        let mut probe = OsString::from(".");
        probe.push(&prefix);
        probe.push(std::process::id().to_string());
        let probe = directory.join(probe);
        drop(create(&probe)?);
        fs::remove_file(&probe)?;
        Ok(Self { directory, prefix, next: last.saturating_add(1) })
    }

    /// Creates the next file.
    pub(super) fn create(&mut self) -> io::Result<RecordingFile> {
        loop {
            let mut name = self.prefix.clone();
            name.push(self.next.to_string());
            let path = self.directory.join(name);
            match create(&path) {
                Ok(file) => {
                    self.next += 1;
                    return Ok(RecordingFile { file, path, length: 0 });
                }
                // Another gateway records there too.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.next += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// The number of a file that is called `FILE.N`.
fn number(name: &OsStr, prefix: &OsStr) -> Option<u64> {
    let digits = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A recording holds what was typed and what was seen: only its owner may read it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)] // whatever the umask
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// A recording that is being written.
#[derive(Debug)]
pub(super) struct RecordingFile {
    file: File,
    pub(super) path: PathBuf,
    length: u64,
}

impl RecordingFile {
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.append(HEAD)
    }

    /// Appends whole lines. When that fails the file ends with the last line that fits, and is a
    /// recording all the same.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < lines.len() {
            match self.file.write(&lines[written..]) {
                Ok(0) => return self.cut(&lines[..written], io::ErrorKind::WriteZero.into()),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.cut(&lines[..written], error),
            }
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        self.append(TAIL)
    }

    /// Takes back the line that was not finished, and more of what was written where the last line
    /// needs its room.
    fn cut(&mut self, written: &[u8], error: io::Error) -> io::Result<()> {
        let room = written.len().saturating_sub(TAIL.len());
        let keep = written[..room].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let end = self.length + keep as u64;
        // It cannot be helped if that fails too: readers take a recording without its end.
        let _ = self.file.set_len(end);
        let _ = self.file.seek(SeekFrom::Start(end)).and_then(|_| self.file.write_all(TAIL));
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_behind_the_highest_and_overwrite_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rec");
        for name in ["rec.2", "rec.9", "rec.9x", "other.70", "rec", "rec.0x7f"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let mut names = Names::new(&path).unwrap();
        fs::write(folder.path().join("rec.11"), "another gateway's").unwrap();
        let created = [names.create().unwrap().path, names.create().unwrap().path];
        assert_eq!(created, ["rec.10", "rec.12"].map(|name| folder.path().join(name)));
        assert_eq!(fs::read_to_string(folder.path().join("rec.9")).unwrap(), "rec.9");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 9, "nothing else was left there");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_recording() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = Names::new(&folder.path().join("rec")).unwrap().create().unwrap();
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_directory_that_is_not_there_is_noticed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let error = Names::new(&folder.path().join("no/rec")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(Names::new(Path::new("/")).is_err());
        assert!(Names::new(Path::new("..")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_not_a_panic() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let mut file = RecordingFile { file, path, length: 0 };
        assert_eq!(file.begin().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_file_that_could_not_be_finished_ends_with_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        for (written, kept) in [
            ("'{1{one',\n'{2{two and", "'{1{one',\n"),
            ("'{1{one',\n'{2", ""), // the end would not fit into what was there
            ("", ""),
        ] {
            let mut file = Names::new(&folder.path().join("rec")).unwrap().create().unwrap();
            file.begin().unwrap();
            file.file.write_all(written.as_bytes()).unwrap();
            let full = io::ErrorKind::StorageFull;
            assert_eq!(file.cut(written.as_bytes(), full.into()).unwrap_err().kind(), full);
            let expected = format!("var VNC_frame_data = [\n{kept}'EOF'];\n");
            assert_eq!(fs::read_to_string(&file.path).unwrap(), expected);
        }
    }
}
