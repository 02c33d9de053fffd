//! Writes log lines to standard error: a queue bounded in bytes, drained by one thread.
//!
//! Logging never blocks and never fails. When the reader of standard error is slow or gone, lines are dropped and
//! counted.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

/// Maximum number of bytes waiting in the queue. The writer thread may hold as many again.
const LIMIT: usize = 256 << 10;

/// How long to pause before writing again to a full non-blocking sink.
const PAUSE: Duration = Duration::from_millis(10);

/// The process-wide log.
static STANDARD: OnceLock<Arc<Log>> = OnceLock::new();

thread_local! {
    /// Whether this thread writes a log. Its own lines bypass the limit, so that dropped lines can always be reported.
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// A log whose lines are written by a thread. Each `write` is a whole line.
#[derive(Debug)]
pub struct Log {
    limit: usize,
    queue: Mutex<LineQueue>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct LineQueue {
    text: Vec<u8>,
    /// Whether the thread has taken lines that it has not written yet.
    is_writing: bool,
    dropped: u64,
    /// Dropped lines not yet reported in a log line.
    unreported: u64,
}

/// Returns the process-wide log, which writes to standard error. The first call starts it.
///
/// # Errors
/// When no thread can be started.
pub fn standard() -> io::Result<Arc<Log>> {
    if let Some(log) = STANDARD.get() {
        return Ok(Arc::clone(log));
    }
    let log = Log::start(standard_error(), LIMIT)?;
    Ok(Arc::clone(STANDARD.get_or_init(|| log)))
}

/// Number of lines that the process-wide log has dropped.
#[must_use]
pub fn dropped_lines() -> u64 {
    STANDARD.get().map_or(0, |log| log.dropped())
}

/// Waits until the process-wide log is written, for at most `at_most`.
pub fn flush(at_most: Duration) {
    if let Some(log) = STANDARD.get() {
        log.flush(at_most);
    }
}

impl Log {
    /// Starts a log that queues at most `limit` bytes for `sink`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(sink: impl Write + Send + 'static, limit: usize) -> io::Result<Arc<Self>> {
        let log = Self { limit, queue: Mutex::default(), filled: Condvar::new(), written: Condvar::new() };
        let log = Arc::new(log);
        let writer = Arc::clone(&log);
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_all_to(sink))?;
        Ok(log)
    }

    /// Number of lines dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Waits until all lines are written, for at most `at_most`.
    pub fn flush(&self, at_most: Duration) {
        let is_busy = |queue: &mut LineQueue| queue.is_writing || !queue.text.is_empty();
        drop(self.written.wait_timeout_while(self.lock(), at_most, is_busy));
    }

    fn push(&self, line: &[u8]) {
        let mut queue = self.lock();
        if queue.text.len() + line.len() > self.limit && !IS_WRITER.get() {
            queue.dropped += 1;
            queue.unreported += 1;
        } else {
            queue.text.extend_from_slice(line);
            self.filled.notify_one();
        }
    }

    /// Writes queued lines for as long as the process lives.
    fn write_all_to(&self, mut sink: impl Write) {
        IS_WRITER.set(true);
        loop {
            let wait = self.filled.wait_while(self.lock(), |queue| queue.text.is_empty());
            let mut queue = wait.unwrap_or_else(PoisonError::into_inner);
            let text = mem::take(&mut queue.text);
            let unreported = mem::take(&mut queue.unreported);
            queue.is_writing = true;
            drop(queue);
            let lost = write_patiently(&mut sink, &text);
            if lost == 0 && unreported > 0 {
                tracing::warn!("dropped {unreported} log lines; the reader of standard error is too slow");
            }
            let mut queue = self.lock();
            queue.is_writing = false;
            queue.dropped += lost;
            // A failing sink would lose the report too; it is reported once the sink works again.
            queue.unreported += if lost == 0 { 0 } else { lost + unreported };
            drop(queue);
            self.written.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, LineQueue> {
        // Code that holds this lock cannot leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a text, waiting while the sink is full; returns how many lines were lost to an error.
pub fn write_patiently(sink: &mut impl Write, text: &[u8]) -> u64 {
    let mut rest = text;
    while !rest.is_empty() {
        match sink.write(rest) {
            Ok(0) => break,
            Ok(size) => rest = &rest[size..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process made the pipe non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::park_timeout(PAUSE),
            Err(_) => break,
        }
    }
    let lines = rest.split_inclusive(|byte| *byte == b'\n').count();
    u64::try_from(lines).unwrap_or(u64::MAX)
}

/// Standard error without the lock of [`io::stderr`], which a blocked write would hold.
fn standard_error() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Ok(own) = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned() {
        return Box::new(File::from(own));
    }
    Box::new(io::stderr())
}

/// Standard output without the lock of [`io::stdout`].
#[must_use]
pub fn standard_output() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Ok(own) = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned() {
        return Box::new(File::from(own));
    }
    Box::new(io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const FOREVER: Duration = Duration::from_mins(10);

    /// A sink that waits for permission before each write: the number of bytes to accept, or `None` to fail.
    struct Gate {
        leave: Receiver<Option<usize>>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let Ok(Some(size)) = self.leave.recv() else { return Err(io::ErrorKind::BrokenPipe.into()) };
            let size = size.min(text.len());
            self.taken.send(text[..size].to_vec()).unwrap();
            Ok(size)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated(limit: usize) -> (Arc<Log>, Sender<Option<usize>>, Receiver<Vec<u8>>) {
        let (give, leave) = channel();
        let (taken, written) = channel();
        (Log::start(Gate { leave, taken }, limit).unwrap(), give, written)
    }

    fn say(mut log: &Log, line: &str) {
        log.write_all(line.as_bytes()).unwrap();
    }

    /// Waits until the thread has taken everything in the queue.
    fn taken_up(log: &Log) {
        while !log.lock().text.is_empty() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_blocked_reader_loses_lines_and_delays_nothing() {
        let (log, give, written) = gated(10);
        say(&log, "one\n");
        taken_up(&log);
        for _ in 0..100_000 {
            say(&log, "two\n");
        }
        assert_eq!(log.dropped(), 99_998, "ten bytes hold two lines");
        assert!(log.lock().text.len() <= 10);
        for _ in 0..2 {
            give.send(Some(100)).unwrap();
        }
        assert_eq!((written.recv().unwrap(), written.recv().unwrap()), (b"one\n".to_vec(), b"two\ntwo\n".to_vec()));
        log.flush(FOREVER);
        say(&log, "three\n");
        give.send(Some(100)).unwrap();
        assert_eq!(written.recv().unwrap(), b"three\n");
    }

    #[test]
    fn a_line_longer_than_the_limit_is_dropped_alone() {
        let (log, give, written) = gated(10);
        say(&log, "much longer than ten bytes\n");
        say(&log, "short\n");
        give.send(Some(100)).unwrap();
        assert_eq!(written.recv().unwrap(), b"short\n");
        assert_eq!(log.dropped(), 1);
    }

    #[test]
    fn lines_stay_whole_when_written_in_small_pieces() {
        let (log, give, written) = gated(100);
        say(&log, "abc\n");
        (0..4).for_each(|_| give.send(Some(1)).unwrap());
        log.flush(FOREVER);
        assert_eq!(written.try_iter().flatten().collect::<Vec<u8>>(), b"abc\n");
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn a_closed_reader_is_ignored_and_counted() {
        let (log, give, written) = gated(100);
        say(&log, "one\n");
        taken_up(&log);
        say(&log, "two\nthree\n");
        give.send(Some(100)).unwrap();
        give.send(None).unwrap();
        log.flush(FOREVER);
        assert_eq!((written.try_iter().count(), log.dropped()), (1, 2));
        say(&log, "four\n");
        give.send(Some(100)).unwrap();
        assert_eq!(written.recv().unwrap(), b"four\n", "the sink may work again");
    }

    #[test]
    fn a_flush_does_not_wait_for_a_blocked_reader() {
        let (log, _give, _written) = gated(100);
        say(&log, "one\n");
        log.flush(Duration::ZERO);
    }
}
