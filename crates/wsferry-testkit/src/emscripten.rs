//! Programs in C on Berkeley sockets, compiled by Emscripten for the browser, where its sockets become
//! those of the page.

use std::path::PathBuf;
use std::process::Command;

/// `cpp/socket-client.c`, compiled: a folder with `program.js` and `program.wasm`.
pub fn socket_client() -> PathBuf {
    crate::cpp::once("cpp/socket-client.c", |source, folder| {
        let mut compiler = Command::new("emcc");
        compiler.arg(source).arg("-O1").arg("-o").arg(folder.join("program.js"));
        compiler
    })
}
