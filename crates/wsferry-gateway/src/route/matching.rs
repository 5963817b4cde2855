//! Which route a request is for: an exact host before a pattern, the longer pattern before the shorter,
//! the host before the path, and within a host the longest path. A path that a host lacks falls to the
//! next host. The order of the routes does not matter, so two that match equally are an error.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use wsferry_proto::HostName;

use super::host::HostPattern;
use super::path::{PathPrefix, segments};
use super::{Matches, Route};

/// All routes of a listener.
#[derive(Debug)]
pub struct Routes(Table<Arc<Route>>);

/// The route of a request.
#[derive(Debug)]
pub struct Found<'r> {
    /// The route.
    pub route: &'r Arc<Route>,
    /// Whether it names the request's host, which then is a name of this gateway.
    pub by_host: bool,
}

/// Two routes that cannot stand beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The same name.
    Name(String),
    /// A request that both match equally.
    Match {
        /// The name of the one.
        first: String,
        /// The name of the other.
        second: String,
        /// The host that they have in common; `None`: every host.
        host: Option<HostPattern>,
        /// The path.
        path: PathPrefix,
    },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => {
                write!(f, "two routes are called {name:?}: give each a name of its own")
            }
            Self::Match { first, second, host, path } => {
                write!(f, "the routes {first:?} and {second:?} match the same requests, ")?;
                match host {
                    Some(host) => write!(f, "host {host}, path {path}")?,
                    None => write!(f, "every host, path {path}")?,
                }
                f.write_str(": give one of them another host or path")
            }
        }
    }
}

impl std::error::Error for Conflict {}

impl Routes {
    /// Sorts the routes.
    ///
    /// # Errors
    /// Two that cannot stand beside each other.
    pub fn new(routes: impl IntoIterator<Item = Arc<Route>>) -> Result<Self, Conflict> {
        let mut table = Table::default();
        let mut names = std::collections::HashSet::new();
        for route in routes {
            if !names.insert(route.name.clone()) {
                return Err(Conflict::Name(route.name.clone()));
            }
            let matches = route.matches.clone();
            table.insert(&matches, &route).map_err(|(other, host)| Conflict::Match {
                first: other.name.clone(),
                second: route.name.clone(),
                host,
                path: matches.path.clone(),
            })?;
        }
        Ok(Self(table))
    }

    /// The route of a request; `None`: no route matches it.
    pub fn find(&self, host: &HostName, path: &str) -> Option<Found<'_>> {
        self.0.find(host, path).map(|(route, by_host)| Found { route, by_host })
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.0.all.iter()
    }
}

/// What hosts and paths lead to.
#[derive(Debug)]
struct Table<T> {
    exact: HashMap<HostName, Paths<T>>,
    below: HashMap<Box<str>, Paths<T>>,
    every: Paths<T>,
    all: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            below: HashMap::new(),
            every: Paths::default(),
            all: Vec::new(),
        }
    }
}

impl<T: Clone> Table<T> {
    /// An error is what matches the same, and the host that both have.
    fn insert(&mut self, matches: &Matches, value: &T) -> Result<(), (T, Option<HostPattern>)> {
        self.all.push(value.clone());
        let Matches { hosts, path } = matches;
        if hosts.is_empty() {
            return self.every.insert(path, value).map_err(|other| (other, None));
        }
        for host in hosts {
            let paths = match host {
                HostPattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
                HostPattern::Below(name) => self.below.entry(name.clone()).or_default(),
            };
            paths.insert(path, value).map_err(|other| (other, Some(host.clone())))?;
        }
        Ok(())
    }

    /// The value, and whether its host was named.
    fn find(&self, host: &HostName, path: &str) -> Option<(&T, bool)> {
        let path = segments(path);
        let exact = self.exact.get(host).and_then(|paths| paths.find(&path));
        let named = exact.or_else(|| match host {
            HostName::Name(name) if !self.below.is_empty() => {
                let dots = name.match_indices('.');
                let mut paths = dots.filter_map(|(dot, _)| self.below.get(&name[dot + 1..]));
                paths.find_map(|paths| paths.find(&path))
            }
            _ => None,
        });
        named.map(|value| (value, true)).or_else(|| Some((self.every.find(&path)?, false)))
    }
}

/// What the paths of one host lead to, as a tree of their segments: a look-up costs as much as the path
/// is long, however many there are.
#[derive(Debug)]
struct Paths<T> {
    value: Option<T>,
    below: HashMap<Box<str>, Self>,
}

impl<T> Default for Paths<T> {
    fn default() -> Self {
        Self { value: None, below: HashMap::new() }
    }
}

impl<T: Clone> Paths<T> {
    fn insert(&mut self, path: &PathPrefix, value: &T) -> Result<(), T> {
        let mut node = self;
        for segment in path.segments() {
            node = match node.below.entry(segment.into()) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Self::default()),
            };
        }
        match &node.value {
            Some(other) => Err(other.clone()),
            None => {
                node.value = Some(value.clone());
                Ok(())
            }
        }
    }

    fn find(&self, path: &[impl AsRef<str>]) -> Option<&T> {
        let mut node = self;
        let mut found = node.value.as_ref();
        for segment in path {
            let Some(below) = node.below.get(segment.as_ref()) else { break };
            node = below;
            found = node.value.as_ref().or(found);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[(&[&str], &str, &'static str)]) -> Table<&'static str> {
        let mut table = Table::default();
        for (hosts, path, name) in routes {
            table.insert(&matches(hosts, path), name).unwrap();
        }
        table
    }

    fn matches(hosts: &[&str], path: &str) -> Matches {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Matches { hosts, path: path.parse().unwrap() }
    }

    fn find(table: &Table<&'static str>, host: &str, path: &str) -> &'static str {
        table.find(&host.parse().unwrap(), path).map_or("none", |(name, _)| name)
    }

    #[test]
    fn an_exact_host_comes_before_a_pattern_and_the_longer_pattern_before_the_shorter() {
        let table = table(&[
            (&["play.example.com"], "/", "exact"),
            (&["*.example.com"], "/", "short"),
            (&["*.eu.example.com"], "/", "long"),
            (&[], "/", "every"),
        ]);
        for (host, expected) in [
            ("play.example.com", "exact"),
            ("a.example.com", "short"),
            ("a.b.example.com", "short"),
            ("eu.example.com", "short"),
            ("a.eu.example.com", "long"),
            ("b.a.eu.example.com", "long"),
            ("example.com", "every"),
            ("notexample.com", "every"),
            ("192.0.2.1", "every"),
        ] {
            assert_eq!(find(&table, host, "/x"), expected, "{host}");
        }
    }

    #[test]
    fn the_host_comes_before_the_path_and_a_path_that_a_host_lacks_falls_to_the_next_host() {
        let table = table(&[
            (&["a.example"], "/game", "a game"),
            (&["*.example"], "/game/deep", "pattern deep"),
            (&["*.example"], "/other", "pattern other"),
            (&[], "/", "every"),
        ]);
        for (host, path, expected) in [
            ("a.example", "/game/deep", "a game"),
            ("b.example", "/game/deep", "pattern deep"),
            ("a.example", "/other", "pattern other"),
            ("a.example", "/", "every"),
            ("b.example", "/game", "every"),
        ] {
            assert_eq!(find(&table, host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn the_longest_path_wins_segment_by_segment() {
        let table = table(&[(&[], "/game", "game"), (&[], "/game/x", "x"), (&[], "/a%2Fb", "odd")]);
        for (path, expected) in [
            ("/game", "game"),
            ("/game/", "game"),
            ("/game/y", "game"),
            ("/game/x/y", "x"),
            ("/gamers", "none"),
            ("/", "none"),
            ("/%67ame", "game"),
            ("/game%2Fx", "none"),
            ("/a%2fb", "odd"),
            ("/a/b", "none"),
            ("/game/../other", "none"),
            ("/other/../game", "game"),
        ] {
            assert_eq!(find(&table, "h.example", path), expected, "{path}");
        }
    }

    #[test]
    fn routes_that_match_equally_are_told_with_the_host_that_they_share() {
        let mut table = table(&[(&["a.example", "b.example"], "/game", "first")]);
        let found = table.insert(&matches(&["c.example", "b.example"], "/game/"), &"second");
        assert_eq!(found, Err(("first", Some("b.example".parse().unwrap()))));
        assert_eq!(table.insert(&matches(&["a.example"], "/"), &"third"), Ok(()));
        assert_eq!(table.insert(&matches(&[], "/game"), &"fourth"), Ok(()));
        assert_eq!(table.insert(&matches(&[], "/game"), &"fifth"), Err(("fourth", None)));
    }

    #[test]
    fn a_path_of_many_segments_is_looked_up_once() {
        let table = table(&[(&[], "/a", "a")]);
        assert_eq!(find(&table, "h.example", &"/a".repeat(16_000)), "a");
    }
}
