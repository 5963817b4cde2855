//! Standard output and error where inetd started the program: both are the connection, in which only
//! the protocol may be written.

/// Lets those of them go that are the same socket as the standard input. What systemd gives for its
/// journal is a socket too, but another one.
#[cfg(unix)]
pub(crate) fn spare_the_connection() {
    use rustix::fs::{FileType, fstat};

    let Ok(connection) = fstat(std::io::stdin()) else { return };
    if FileType::from_raw_mode(connection.st_mode) != FileType::Socket {
        return;
    }
    let is_same = |stat: rustix::io::Result<rustix::fs::Stat>| {
        stat.is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (connection.st_dev, connection.st_ino))
    };
    let Ok(nothing) = std::fs::OpenOptions::new().write(true).open("/dev/null") else { return };
    if is_same(fstat(std::io::stdout())) {
        let _ = rustix::stdio::dup2_stdout(&nothing);
    }
    if is_same(fstat(std::io::stderr())) {
        let _ = rustix::stdio::dup2_stderr(&nothing);
    }
}

/// There is no such thing here.
#[cfg(not(unix))]
pub(crate) fn spare_the_connection() {}
