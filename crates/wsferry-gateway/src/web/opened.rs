//! A file that is already open, served by tower-http, which deals with ranges and conditions and
//! never sees a path.

use std::fs::{File, Metadata};
use std::future::{Ready, ready};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::ServeDir;
use tower_http::services::fs::{Backend, File as ServedFile};
use tower_service::Service;

use super::response::Body;

/// How many bytes of a file are read at a time. Twice that is in memory for a client that takes none.
const CHUNK: usize = 16 * 1024;

/// A file that is open.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    /// `None` once it is being sent.
    file: Arc<Mutex<Option<File>>>,
    metadata: Metadata,
}

impl Opened {
    pub(super) fn new(file: File, metadata: Metadata) -> Self {
        Self { file: Arc::new(Mutex::new(Some(file))), metadata }
    }

    /// The answer to `request`, whose URI does not matter. A file can be sent only once; the answer to
    /// a HEAD may be asked for before that.
    pub(super) async fn answer(&self, mut request: Request<()>) -> Response<Body> {
        *request.uri_mut() = http::Uri::from_static("/file");
        let mut files = ServeDir::with_backend("", self.clone()).with_buf_chunk_size(CHUNK);
        match files.call(request).await {
            Ok(response) => response.map(BodyExt::boxed_unsync),
        }
    }
}

impl Backend for Opened {
    type File = Sent;
    type Metadata = Metadata;
    type OpenFuture = Ready<io::Result<Sent>>;
    type MetadataFuture = Ready<io::Result<Metadata>>;

    fn open(&self, _path: PathBuf) -> Self::OpenFuture {
        let file = self.file.lock().take();
        let sent = file.map(|file| Sent {
            file: tokio::fs::File::from_std(file),
            metadata: self.metadata.clone(),
        });
        ready(sent.ok_or_else(|| io::ErrorKind::NotFound.into()))
    }

    fn metadata(&self, _path: PathBuf) -> Self::MetadataFuture {
        ready(Ok(self.metadata.clone()))
    }
}

/// A file that is being sent.
pub(super) struct Sent {
    file: tokio::fs::File,
    metadata: Metadata,
}

impl AsyncRead for Sent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(cx, buffer)
    }
}

impl AsyncSeek for Sent {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.file).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.file).poll_complete(cx)
    }
}

impl ServedFile for Sent {
    type Metadata = Metadata;
    type MetadataFuture<'a> = Ready<io::Result<Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.metadata.clone()))
    }
}
