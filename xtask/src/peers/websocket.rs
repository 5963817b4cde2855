//! WebSocket relays by others: from Debian's packages, the Rust registry, npm and PyPI.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Kind, Places, Program, Site, from_package, install};
use crate::machine::first_line;

/// Each of its sessions is a process of 10 MB of its own: more would measure the machine's memory.
const WEBSOCKIFY_SESSIONS: usize = 64;

/// It stops accepting when 9 of 10 of its files are open, of which a session has two.
const LIGHTTPD_SESSIONS: usize = 8900;

fn program(name: &str, version: String, most_sessions: usize) -> Program {
    let (name, kind) = (name.to_owned(), Kind::WebSocket);
    let command = Box::new(|_: &Site<'_>| bail!("how it is started was not said"));
    Program { name, kind, version, most_sessions, speaks_tls: false, file: None, command }
}

/// lighttpd's `mod_wstunnel`.
pub(super) fn lighttpd(_: &Places) -> Result<Program> {
    let path = from_package("lighttpd", "lighttpd")?;
    let version = first_line(&path.to_string_lossy(), &["-v"]).unwrap_or_default();
    let version = version.split(['/', ' ']).nth(1).unwrap_or_default();
    let mut program = program("lighttpd", version.to_owned(), LIGHTTPD_SESSIONS);
    program.file = Some(path.clone());
    // Debian has it in the package lighttpd-mod-openssl.
    program.speaks_tls = Path::new("/usr/lib/lighttpd/mod_openssl.so").exists();
    program.command = Box::new(move |site| {
        let tls = site.tls.map_or_else(String::new, |tls| {
            let file = tls.both.display();
            format!("server.modules += ( \"mod_openssl\" )\nssl.engine = \"enable\"\nssl.pemfile = \"{file}\"\n")
        });
        let folder = site.directory.display();
        let text = format!(
            "server.modules = ( \"mod_wstunnel\" )\n\
             server.document-root = \"{folder}\"\nserver.errorlog = \"{folder}/lighttpd.error\"\n\
             server.bind = \"{}\"\nserver.port = {}\n\
             server.max-fds = 20000\nserver.max-connections = 9900\n\
             wstunnel.frame-type = \"binary\"\n\
             wstunnel.server = ( \"\" => ( ( \"host\" => \"{}\", \"port\" => {} ) ) )\n",
            site.listen.ip(),
            site.listen.port(),
            site.target.ip(),
            site.target.port()
        ) + &tls;
        let mut command = Command::new(&path);
        command.arg("-D").arg("-f").arg(site.file("lighttpd.conf", &text)?);
        Ok(command)
    });
    Ok(program)
}

/// websocat 1, without TLS so that it builds everywhere.
pub(super) fn websocat(places: &Places) -> Result<Program> {
    let root = places.installed.join("websocat");
    let path = root.join("bin/websocat");
    if !path.is_file() {
        let root = root.to_string_lossy();
        let target = places.installed.join("build");
        let target = target.to_string_lossy();
        let arguments = ["install", "websocat", "--version", "^1", "--no-default-features"];
        let arguments: Vec<&str> =
            arguments.into_iter().chain(["--root", &root, "--target-dir", &target]).collect();
        install(places, "cargo", &arguments)?;
    }
    let version = first_line(&path.to_string_lossy(), &["--version"]).unwrap_or_default();
    let mut program = program("websocat", version.replace("websocat ", ""), 9900);
    program.file = Some(path.clone());
    program.command = Box::new(move |site| {
        let mut command = Command::new(&path);
        command.arg("--binary");
        command.args([format!("ws-l:{}", site.listen), format!("tcp:{}", site.target)]);
        Ok(command)
    });
    Ok(program)
}

/// What became of websockify-js, on npm.
pub(super) fn websockify_js(places: &Places) -> Result<Program> {
    let node = from_package("node", "nodejs npm")?;
    let root = places.installed.join("node");
    let module = root.join("node_modules/@maximegris/node-websockify");
    if !module.is_dir() {
        std::fs::create_dir_all(&root)?;
        let arguments = ["install", "--prefix", &root.to_string_lossy(), PACKAGE];
        install(places, "npm", &arguments)?;
    }
    let text = std::fs::read_to_string(module.join("package.json"))?;
    let version = text.lines().find_map(|line| line.trim().strip_prefix("\"version\": \""));
    let version = version.unwrap_or_default().trim_end_matches(['"', ',']).to_owned();
    let node_version = first_line(&node.to_string_lossy(), &["--version"]).unwrap_or_default();
    let mut program = program("websockify-js", format!("{version} node {node_version}"), 9000);
    program.command = Box::new(move |site| {
        let script = format!(
            "require({:?})({{ source: '{}', target: '{}' }})",
            module.display().to_string(),
            site.listen,
            site.target
        );
        let mut command = Command::new(&node);
        command.args(["-e", &script]);
        Ok(command)
    });
    Ok(program)
}

const PACKAGE: &str = "@maximegris/node-websockify";

/// websockify itself, with numpy, without which nobody should run it.
pub(super) fn websockify(places: &Places) -> Result<Program> {
    let root = places.installed.join("venv");
    let path = root.join("bin/websockify");
    if !path.is_file() {
        install(places, "python3", &["-m", "venv", &root.to_string_lossy()])?;
        let pip = root.join("bin/pip");
        install(places, &pip.to_string_lossy(), &["install", "websockify", "numpy"])?;
    }
    let version = versions(&root.join("bin/python")).context("its Python does not run")?;
    let mut program = program("websockify", version, WEBSOCKIFY_SESSIONS);
    program.command = Box::new(move |site| {
        let mut command = Command::new(&path);
        command.args([site.listen.to_string(), site.target.to_string()]);
        Ok(command)
    });
    Ok(program)
}

fn versions(python: &Path) -> Option<String> {
    let script = "import platform, importlib.metadata as m; \
        print(m.version('websockify'), 'numpy', m.version('numpy'), 'Python', \
        platform.python_version())";
    first_line(&python.to_string_lossy(), &["-c", script])
}
