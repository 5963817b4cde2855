//! Relays that do not look at the bytes: the limit that wsferry is held against. With TLS they end
//! it and pass on what was in it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Kind, Places, Program, from_package};
use crate::machine::first_line;

/// socat forks for each connection; it has its largest sensible buffer.
pub(super) fn socat(_: &Places) -> Result<Program> {
    let path = from_package("socat", "socat")?;
    let line = "socat -V | sed -n 's/socat version \\([^ ]*\\).*/\\1/p'";
    let version = first_line("sh", &["-c", line]).unwrap_or_default();
    let file = path.clone();
    let command = Box::new(move |site: &super::Site<'_>| {
        let (ip, port) = (site.listen.ip(), site.listen.port());
        let mut command = Command::new(&path);
        command.arg("-b65536");
        command.arg(format!("TCP-LISTEN:{port},bind={ip},fork,reuseaddr,nodelay,backlog=1024"));
        command.arg(format!("TCP:{},nodelay", site.target));
        Ok(command)
    });
    let (name, file) = ("socat".to_owned(), Some(file));
    Ok(Program {
        name,
        kind: Kind::Raw,
        version,
        most_sessions: 1000,
        speaks_tls: false,
        file,
        command,
    })
}

/// HAProxy, mode tcp, a thread for each core as it does by itself.
pub(super) fn haproxy(_: &Places) -> Result<Program> {
    let path = from_package("haproxy", "haproxy")?;
    let version = first_line(&path.to_string_lossy(), &["-v"]).unwrap_or_default();
    let version = version.split_whitespace().nth(2).unwrap_or_default().to_owned();
    let file = path.clone();
    let command = Box::new(move |site: &super::Site<'_>| {
        let tls = site.tls.map(|tls| format!(" ssl crt {}", tls.both.display()));
        let text = format!(
            "global\n  maxconn 9900\n\
             defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n\
             listen bench\n  bind {}{}\n  server target {}\n",
            site.listen,
            tls.unwrap_or_default(),
            site.target
        );
        let mut command = Command::new(&path);
        command.arg("-db").arg("-f").arg(site.file("haproxy.cfg", &text)?);
        Ok(command)
    });
    let (name, file) = ("haproxy".to_owned(), Some(file));
    Ok(Program {
        name,
        kind: Kind::Raw,
        version,
        most_sessions: 9900,
        speaks_tls: true,
        file,
        command,
    })
}

/// nginx's stream module, a worker for each core.
pub(super) fn nginx(_: &Places) -> Result<Program> {
    let path = from_package("nginx", "nginx libnginx-mod-stream")?;
    let version = first_line(&path.to_string_lossy(), &["-v"]).unwrap_or_default();
    let version = version.rsplit('/').next().unwrap_or_default().to_owned();
    // Debian has stream as a module of its own; elsewhere it may be built in.
    let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
    let module = module.exists().then(|| format!("load_module {};\n", module.display()));
    let module = module.unwrap_or_default();
    let file = path.clone();
    let command = Box::new(move |site: &super::Site<'_>| {
        let folder = site.directory.display();
        // Before 1.23.4 it does not take TLS 1.3 unless told so.
        let tls = site.tls.map_or_else(String::new, |tls| {
            format!(
                " ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {}; ssl_certificate_key {}",
                tls.certificate.display(),
                tls.key.display()
            )
        });
        let text = format!(
            "{module}daemon off;\nworker_processes auto;\nworker_rlimit_nofile 20000;\n\
             pid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n\
             events {{ worker_connections 20000; }}\n\
             stream {{ server {{ listen {}{tls}; proxy_pass {}; proxy_timeout 1h; }} }}\n",
            site.listen, site.target
        );
        let mut command = Command::new(&path);
        command.arg("-p").arg(site.directory);
        command.arg("-c").arg(site.file("nginx.conf", &text)?);
        Ok(command)
    });
    let (name, file) = ("nginx".to_owned(), Some(file));
    Ok(Program {
        name,
        kind: Kind::Raw,
        version,
        most_sessions: 9900,
        speaks_tls: true,
        file,
        command,
    })
}
