// SPDX-License-Identifier: EUPL-1.2
//! The thread that starts processes. The kernel ends a worker with the thread that started it, not with the gateway, and
//! the runtime's threads come and go: this one stays as long as the pool.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A process to be started, for whom, and in which runtime it is waited for.
struct Order {
    command: Command,
    runtime: Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

/// Starts processes, all from one thread. Dropped, the thread ends, and with it they.
#[derive(Default)]
pub(super) struct Starter {
    orders: Mutex<Option<Sender<Order>>>,
}

impl Starter {
    pub async fn start(&self, command: Command) -> io::Result<Child> {
        let (answer, started) = oneshot::channel();
        let order = Order { command, runtime: Handle::current(), answer };
        let sent = self.orders()?.send(order);
        if let Err(unsent) = sent {
            // The thread has ended, which it does of itself for nobody: a new one takes its place.
            *self.lock() = None;
            self.orders()?.send(unsent.0).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        started.await.map_err(|_| io::ErrorKind::BrokenPipe)?
    }

    fn lock(&self) -> MutexGuard<'_, Option<Sender<Order>>> {
        // Nothing panics while it is held.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orders(&self) -> io::Result<Sender<Order>> {
        let mut orders = self.lock();
        if let Some(orders) = &*orders {
            return Ok(orders.clone());
        }
        let (ours, theirs) = channel();
        std::thread::Builder::new().name("worker-starter".into()).spawn(move || work(theirs))?;
        *orders = Some(ours.clone());
        Ok(ours)
    }
}

fn work(orders: Receiver<Order>) {
    for Order { mut command, runtime, answer } in orders {
        let _inside = runtime.enter();
        // Whoever no longer waits drops the process, which ends it.
        let _ = answer.send(command.spawn());
    }
}
