//! The address of a name that answered last is tried first for a while, so that a name with a dead
//! address does not delay each dial.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

/// How long the address that answered is tried first.
const PREFERRED_FOR: Duration = Duration::from_secs(5);

/// The maximum number of names whose address is remembered.
const MAX_PREFERRED: usize = 1024;

/// A host name and a port.
pub(super) type Name = (Box<str>, u16);

/// For each name the address that answered, and until when it is preferred.
#[derive(Debug, Default)]
pub(super) struct Preferred(Mutex<HashMap<Name, (SocketAddr, Instant)>>);

impl Preferred {
    /// The addresses of a name, beginning with the one that answered last.
    pub(super) fn first(&self, name: &Name, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if let Some(&(address, until)) = self.lock().get(name)
            && Instant::now() < until
            && let Some(index) = addresses.iter().position(|&other| other == address)
        {
            addresses[..=index].rotate_right(1);
        }
        addresses
    }

    /// The next dials begin with the address that answered.
    pub(super) fn remember(&self, name: Name, address: SocketAddr) {
        let now = Instant::now();
        let mut preferred = self.lock();
        if preferred.len() >= MAX_PREFERRED {
            preferred.retain(|_, &mut (_, until)| now < until);
        }
        if preferred.len() < MAX_PREFERRED {
            preferred.insert(name, (address, now + PREFERRED_FOR));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, (SocketAddr, Instant)>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_answered_is_tried_first_the_next_time() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let preferred = Preferred::default();
        let name: Name = ("localhost".into(), 1);
        let addresses = ["[::1]:1", "127.0.0.1:1", "127.0.0.2:1"].map(parse).to_vec();
        preferred.remember(name.clone(), parse("127.0.0.1:1"));
        let expected = ["127.0.0.1:1", "[::1]:1", "127.0.0.2:1"].map(parse).to_vec();
        assert_eq!(preferred.first(&name, addresses.clone()), expected);
        assert_eq!(preferred.first(&("localhost".into(), 2), addresses.clone()), addresses);
    }
}
