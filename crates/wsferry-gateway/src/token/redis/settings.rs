//! Where Redis is, as `--token-source` says it: in websockify's form, or as a URL.
//!
//! ```text
//! host[:port[:db[:password[:namespace]]]]      parts in double quotes may hold colons
//! redis://[user:password@]host[:port][/db][?namespace=…]
//! rediss://…[?cafile=…]                        with TLS
//! unix:/path  redis+unix:///path[?db=…&namespace=…&password=…]
//! redis-cluster://[user:password@]host[:port],host[:port],…
//! redis-sentinel://[user:password@]host[:port],…/master-name[/db]
//! ```
//!
//! `rediss-cluster` and `rediss-sentinel` are those with TLS. All URLs take `namespace`, `db`,
//! `password` and `cafile` behind the question mark; what stands in a URL is percent-encoded. User
//! and password are those of Redis, not of the sentinels.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Which Redis, and where in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) place: Place,
    pub(super) is_tls: bool,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
    pub(super) namespace: String,
}

/// A host and its port.
type Node = (String, u16);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Server(Node),
    Socket(PathBuf),
    Cluster(Vec<Node>),
    Sentinel { nodes: Vec<Node>, master: String },
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("place", &self.place)
            .field("is_tls", &self.is_tls)
            .field("ca_file", &self.ca_file)
            .field("db", &self.db)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// Text that does not say where Redis is. It is not repeated here: there may be a password in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the token source has {0}: give host[:port[:db[:password[:namespace]]]], or redis://, rediss://, \
     unix:, redis-cluster:// or redis-sentinel:// with an address"
)]
pub struct SettingsError(&'static str);

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        if let Some(rest) = text.strip_prefix("unix:") {
            return url("unix", rest.strip_prefix("//").unwrap_or(rest));
        }
        match text.split_once("://") {
            Some((scheme, rest)) => url(scheme, rest),
            None => fields(text),
        }
    }
}

impl Settings {
    /// Whether tokens are looked up among keys of their own.
    pub const fn has_namespace(&self) -> bool {
        !self.namespace.is_empty()
    }

    const fn new(place: Place) -> Self {
        Self {
            place,
            is_tls: false,
            ca_file: None,
            user: None,
            password: None,
            db: 0,
            namespace: String::new(),
        }
    }
}

/// websockify's form.
fn fields(text: &str) -> Result<Settings, SettingsError> {
    let mut fields = vec![String::new()];
    let (mut is_quoted, mut is_bracketed) = (false, false);
    for letter in text.chars() {
        let is_host = fields.len() == 1;
        let Some(field) = fields.last_mut() else { break };
        match letter {
            '"' => is_quoted = !is_quoted,
            '[' if is_host && !is_quoted && field.is_empty() => is_bracketed = true,
            ']' if is_bracketed => is_bracketed = false,
            ':' if !is_quoted && !is_bracketed => fields.push(String::new()),
            letter => field.push(letter),
        }
    }
    if is_quoted || is_bracketed {
        return Err(SettingsError("a quote or a bracket that is not closed"));
    }
    if fields.len() > 5 {
        return Err(SettingsError("more than five parts (an IPv6 address stands in brackets)"));
    }
    fields.resize(5, String::new());
    let [host, port_text, db, password, namespace] = &*fields else {
        return Err(SettingsError("too few parts"));
    };
    let mut settings = Settings::new(Place::Server((host_name(host)?, port(port_text, PORT)?)));
    settings.db = database(db)?;
    settings.password = Some(password.clone()).filter(|password| !password.is_empty());
    settings.namespace.clone_from(namespace);
    Ok(settings)
}

/// What stands behind `scheme://`.
fn url(scheme: &str, rest: &str) -> Result<Settings, SettingsError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    // What is behind an @ cannot be user and password; they hold no / but may hold an @ of their own.
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let nodes =
        |default| hosts.split(',').map(|host| node(host, default)).collect::<Result<Vec<_>, _>>();
    let mut path_parts = path.trim_start_matches('/').splitn(2, '/');
    let first = path_parts.next().unwrap_or_default();
    let mut db = "";
    let place = match scheme {
        "redis" | "rediss" => {
            db = first;
            Place::Server(node(hosts, PORT)?)
        }
        "unix" | "redis+unix" if hosts.is_empty() && path.len() > 1 => {
            Place::Socket(decode(path)?.into())
        }
        "redis-cluster" | "rediss-cluster" if first.is_empty() => Place::Cluster(nodes(PORT)?),
        "redis-sentinel" | "rediss-sentinel" if !first.is_empty() => {
            db = path_parts.next().unwrap_or_default();
            Place::Sentinel { nodes: nodes(SENTINEL_PORT)?, master: decode(first)? }
        }
        "unix" | "redis+unix" => return Err(SettingsError("no absolute path of a socket")),
        "redis-sentinel" | "rediss-sentinel" => return Err(SettingsError("no master's name")),
        "redis-cluster" | "rediss-cluster" => {
            return Err(SettingsError("a database where a cluster has only one"));
        }
        _ => return Err(SettingsError("an unknown scheme")),
    };
    let mut settings = Settings::new(place);
    settings.is_tls = scheme.starts_with("rediss");
    settings.db = database(db)?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let some = |text: &str| Ok(Some(decode(text)?).filter(|text| !text.is_empty()));
    settings.user = some(user)?;
    settings.password = some(password)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "namespace" => settings.namespace = decode(value)?,
            "password" => settings.password = some(value)?,
            "cafile" if settings.is_tls => settings.ca_file = Some(decode(value)?.into()),
            "db" => settings.db = database(value)?,
            "cafile" => return Err(SettingsError("cafile= without TLS (rediss://)")),
            _ => return Err(SettingsError("an unknown parameter behind the question mark")),
        }
    }
    if matches!(settings.place, Place::Cluster(_)) && settings.db != 0 {
        return Err(SettingsError("a database where a cluster has only one"));
    }
    Ok(settings)
}

fn decode(text: &str) -> Result<String, SettingsError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| SettingsError("text that is not UTF-8"))
}

fn node(text: &str, default: u16) -> Result<Node, SettingsError> {
    let (host, port_text) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, ""),
        Some((host, rest)) => {
            (host, rest.strip_prefix(':').ok_or(SettingsError("no colon before the port"))?)
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    Ok((host_name(host)?, port(port_text, default)?))
}

fn host_name(text: &str) -> Result<String, SettingsError> {
    let is_good = !text.is_empty()
        && !text.contains(|letter: char| {
            letter.is_whitespace() || letter.is_control() || "/@,".contains(letter)
        });
    is_good.then(|| text.to_owned()).ok_or(SettingsError("no host, or one that is no name"))
}

fn port(text: &str, default: u16) -> Result<u16, SettingsError> {
    if text.is_empty() {
        return Ok(default);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|&port| is_number && port != 0);
    port.ok_or(SettingsError("a port that is not a number from 1 to 65535"))
}

fn database(text: &str) -> Result<i64, SettingsError> {
    if text.is_empty() {
        return Ok(0);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| is_number)
        .ok_or(SettingsError("a database that is not a number from 0 on"))
}
