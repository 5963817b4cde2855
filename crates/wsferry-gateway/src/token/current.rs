//! Whether files are as they were read, asked away from the runtime's threads: one check at a time for
//! each source, which answers all look-ups that began before it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::list::List;

/// When so many wait, those that have given up are forgotten; the others are as many as handshakes.
const MANY: usize = 1024;

/// Checks the files of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Checker(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(Arc<List>, oneshot::Sender<bool>)>,
    is_running: bool,
}

impl Checker {
    /// Whether the file of a list is still as it was read. Looked at after this was asked.
    pub(super) async fn is_current(&self, list: Arc<List>) -> bool {
        self.ask(list).await.unwrap_or(false)
    }

    fn ask(&self, list: Arc<List>) -> oneshot::Receiver<bool> {
        let (tell, told) = oneshot::channel();
        let mut state = self.0.lock();
        if state.waiting.len() >= MANY {
            state.waiting.retain(|(_, tell)| !tell.is_closed()); // while the file system hangs
        }
        state.waiting.push((list, tell));
        if !std::mem::replace(&mut state.is_running, true) {
            let checker = self.clone();
            tokio::task::spawn_blocking(move || checker.run());
        }
        told
    }

    /// Answers until nobody waits.
    fn run(&self) {
        loop {
            let mut state = self.0.lock();
            let waiting = std::mem::take(&mut state.waiting);
            state.is_running = !waiting.is_empty();
            drop(state);
            if waiting.is_empty() {
                return;
            }
            let mut seen = HashMap::new();
            for (list, tell) in waiting {
                let key = Arc::as_ptr(&list);
                let is_current = *seen.entry(key).or_insert_with(|| list.is_current());
                let _ = tell.send(is_current); // it may have given up
            }
        }
    }
}
