//! The thread that starts the program.
//!
//! The shim asks the kernel to end the program when its parent is gone (`PR_SET_PDEATHSIG`), and for
//! the kernel the parent is the thread that started it. The runtime's threads come and go; this one
//! stays for as long as the program may run.

use std::io;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Order = (Command, oneshot::Sender<io::Result<Child>>);

/// Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Spawner(mpsc::Sender<Order>);

impl Spawner {
    pub(super) fn new() -> io::Result<Self> {
        let (sender, orders) = mpsc::channel::<Order>();
        let runtime = Handle::current();
        std::thread::Builder::new().name("wrapped-program".to_owned()).spawn(move || {
            let _inside = runtime.enter(); // it is the runtime that waits for the child
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn()); // nobody is left to hear: the child is killed
            }
        })?;
        Ok(Self(sender))
    }

    pub(super) async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.kill_on_drop(true);
        let (answer, child) = oneshot::channel();
        let gone = || io::Error::other("the thread for it has ended");
        self.0.send((command, answer)).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}
