//! Requests from Socket.IO clients. They speak a protocol of their own, also over WebSocket. To a TCP
//! server its packets would be noise, so the clients are told what to do instead.

use http::Uri;

/// What such a client is told.
pub(super) const REFUSAL: &str = "this is a request of Socket.IO, which speaks a protocol of its own \
     that a TCP server does not know: in the page, use new WebSocket(url) in place of io(url)";

/// Whether this is a Socket.IO request: its path, and a protocol version in the query.
pub(super) fn is_asked(target: &Uri) -> bool {
    let query = target.query().unwrap_or_default();
    matches!(target.path(), "/socket.io/" | "/socket.io")
        && query.split('&').any(|pair| pair.starts_with("EIO="))
}

#[cfg(test)]
mod tests {
    use super::is_asked;

    #[test]
    fn only_its_path_with_its_version_is_a_request_of_socket_io() {
        for (target, expected) in [
            ("/socket.io/?EIO=4&transport=polling", true),
            ("/socket.io/?transport=websocket&EIO=4", true),
            ("/socket.io?EIO=3", true),
            ("/socket.io/", false),
            ("/socket.io/?x=EIO=4", false),
            ("/socket.io/socket.io.js?EIO=4", false),
            ("/chat?EIO=4", false),
        ] {
            assert_eq!(is_asked(&target.parse().unwrap()), expected, "{target}");
        }
    }
}
