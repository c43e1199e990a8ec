//! Results that a node has still to deliver.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::Error;
use crate::engine::Event;

/// Result of a request that the node works on.
///
/// It is taken in one of three ways: [`wait`](Call::wait) blocks the thread; `.await` suspends a
/// task of any executor, as in a web page; [`try_take`](Call::try_take) looks, for nodes that are
/// given their turns by the same thread. Dropping a call does not cancel its request.
///
/// ```
/// use mydht::native::Config;
///
/// let node = Config::listen("127.0.0.1:0".parse()?).start()?;
/// let stored = node.put(b"hello");
/// assert_eq!(stored.wait()?.copies, 0); // There is no peer yet.
/// node.stop()?;
/// # Ok::<(), mydht::Error>(())
/// ```
#[must_use = "a call does not wait by itself"]
pub struct Call<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

/// Hears the bytes that have moved, and the bytes in all.
type OnProgress = Box<dyn FnMut(u64, u64) + Send>;

struct State<T> {
    result: Option<Result<T, Error>>,
    /// The node has delivered the result, or has ended.
    is_over: bool,
    waker: Option<Waker>,
    on_progress: Option<OnProgress>,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No user code runs while the lock is held, so what it guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: Result<T, Error>) {
        let mut state = self.lock();
        // `Deliver` calls this again when it is dropped; the delivered result must stay.
        if state.is_over {
            return;
        }
        state.is_over = true;
        state.result = Some(result);
        let (waker, progress) = (state.waker.take(), state.on_progress.take());
        drop(state);
        // What the user gave is dropped and called without the lock: it may use the call.
        drop(progress);
        self.done.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn progress(&self, done: u64, total: u64) {
        // Taken out, so that the lock is not held while it runs: the callback may use the call.
        let Some(mut hear) = self.lock().on_progress.take() else {
            return;
        };
        hear(done, total);
        let mut state = self.lock();
        if !state.is_over {
            // Keeps a callback that was set meanwhile.
            state.on_progress.get_or_insert(hear);
        }
    }
}

impl<T> Call<T> {
    /// Creates a call, and the end that delivers its result.
    pub(crate) fn new() -> (Self, Deliver<T>) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                result: None,
                is_over: false,
                waker: None,
                on_progress: None,
            }),
            done: Condvar::new(),
        });
        (Call(Arc::clone(&shared)), Deliver(shared))
    }

    /// Creates a call that has failed before it began.
    pub(crate) fn failed(error: Error) -> Self {
        let (call, deliver) = Call::new();
        deliver.0.finish(Err(error));
        call
    }

    /// Runs `work`, which may block, on a thread of its own. It is given a function that hears
    /// progress.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn on_thread(
        work: impl FnOnce(Box<dyn FnMut(u64, u64) + Send>) -> Result<T, Error> + Send + 'static,
    ) -> Self
    where
        T: Send + 'static,
    {
        let (call, deliver) = Call::new();
        let hears = Arc::clone(&deliver.0);
        let body = move || {
            let progress = move |done, total| hears.progress(done, total);
            deliver.finish(work(Box::new(progress)));
        };
        let thread = std::thread::Builder::new().name("mydht call".into());
        match thread.spawn(body) {
            // Detaches the thread: dropping the call must not wait for its end.
            Ok(_) => call,
            // The body was dropped, and the call is closed: its error says less than this one.
            Err(error) => Call::failed(error.into()),
        }
    }

    /// Calls `hear` with the bytes that have moved and the bytes in all, each time that they
    /// change, on the node's thread. It must not block. Requests that move no attachment never call
    /// it.
    pub fn on_progress(self, hear: impl FnMut(u64, u64) + Send + 'static) -> Self {
        let before = self.0.lock().on_progress.replace(Box::new(hear));
        drop(before);
        self
    }

    /// Blocks the thread until the result is there. The node must run on another thread.
    ///
    /// # Errors
    /// The error of the request; [`Error::Closed`] when the node has ended.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<T, Error> {
        let mut state = self.0.lock();
        loop {
            if let Some(result) = state.result.take() {
                return result;
            }
            if state.is_over {
                // `try_take` has taken it before.
                return Err(Error::Closed);
            }
            // Condition variables may wake spuriously, so the state is checked again.
            let waited = self.0.done.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the result if it is there. Returns `None` before, and after the result was taken.
    pub fn try_take(&mut self) -> Option<Result<T, Error>> {
        self.0.lock().result.take()
    }
}

impl<T> Future for Call<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, Error>> {
        let mut state = self.0.lock();
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None if state.is_over => Poll::Ready(Err(Error::Closed)),
            None => {
                // Set under the lock that guards the result, so no result can come between the
                // check and this.
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = self.0.lock().is_over;
        f.debug_struct("Call").field("is_over", &is_over).finish()
    }
}

/// Delivers the result of a call. Dropped before, it delivers [`Error::Closed`].
pub(crate) struct Deliver<T>(Arc<Shared<T>>);

impl<T> Deliver<T> {
    /// Takes an event of the request; `read` makes the result of the last one.
    pub(crate) fn event(&self, event: Event, read: &impl Fn(Event) -> Result<T, Error>) {
        match event {
            Event::Progress { done, total } => self.0.progress(done, total),
            last => self.0.finish(read(last)),
        }
    }

    /// Delivers the result.
    pub(crate) fn finish(self, result: Result<T, Error>) {
        self.0.finish(result);
    }
}

impl<T> Drop for Deliver<T> {
    fn drop(&mut self) {
        self.0.finish(Err(Error::Closed));
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    fn number(event: Event) -> Result<usize, Error> {
        match event {
            Event::Stored { copies } => Ok(copies),
            other => Err(Error::unexpected(&other)),
        }
    }

    #[test]
    fn a_result_is_delivered_once_and_taken_once() {
        let (mut call, deliver) = Call::new();
        assert!(call.try_take().is_none());
        deliver.event(Event::Stored { copies: 3 }, &number);
        deliver.event(Event::Stored { copies: 4 }, &number);
        assert!(matches!(call.try_take(), Some(Ok(3))));
        assert!(call.try_take().is_none());
        assert!(matches!(call.wait(), Err(Error::Closed)));
    }

    #[test]
    fn a_node_that_ends_closes_its_calls() {
        let (call, deliver) = Call::<usize>::new();
        let waiting = std::thread::spawn(move || call.wait());
        drop(deliver);
        assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
    }

    #[test]
    fn an_unexpected_reply_is_an_error_of_its_own() {
        let (call, deliver) = Call::new();
        deliver.event(Event::NotFound, &number);
        let error = call.wait().unwrap_err();
        assert!(matches!(
            error,
            Error::UnexpectedReply { reply: "NotFound" }
        ));
        assert_eq!(
            error.to_string(),
            "unexpected reply from the node: NotFound"
        );
    }

    #[test]
    fn progress_is_heard_until_the_result() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (call, deliver) = Call::new();
        let hear = Arc::clone(&heard);
        let call = call.on_progress(move |done, total| hear.lock().unwrap().push((done, total)));
        deliver.event(Event::Progress { done: 1, total: 2 }, &number);
        deliver.event(Event::Progress { done: 2, total: 2 }, &number);
        deliver.event(Event::Stored { copies: 1 }, &number);
        deliver.event(Event::Progress { done: 3, total: 2 }, &number);
        assert_eq!(call.wait().unwrap(), 1);
        assert_eq!(*heard.lock().unwrap(), [(1, 2), (2, 2)]);
        assert_eq!(Arc::strong_count(&heard), 1, "dropped with the call");
    }

    #[test]
    fn a_task_is_woken_by_the_result() {
        struct Count(std::sync::atomic::AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let count = Arc::new(Count(0.into()));
        let waker = Arc::clone(&count).into();
        let mut context = Context::from_waker(&waker);
        let (mut call, deliver) = Call::new();
        assert!(Pin::new(&mut call).poll(&mut context).is_pending());
        deliver.event(Event::Stored { copies: 1 }, &number);
        assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 1);
        let ready = Pin::new(&mut call).poll(&mut context);
        assert!(matches!(ready, Poll::Ready(Ok(1))));
    }
}
