//! What the query service must be told.

use tokio_util::sync::CancellationToken;

/// How the service behaves; all but the hall's name has a sensible default.
#[derive(Clone, Debug)]
pub struct QueryConfig {
    /// The hall's name, shown on every page.
    pub hall: String,
    /// The database is asked so often whether there is something new, milliseconds.
    pub follow_ms: u64,
    /// Live streams at the same time; more are refused, so that answers stay possible.
    pub max_streams: usize,
    /// Connections at the same time; more wait.
    pub max_connections: usize,
    /// Longest time for one answer, seconds. Live streams last for ever.
    pub answer_timeout_s: u64,
    /// Longest time for a client to send the head of a request, seconds.
    pub head_timeout_s: u64,
    /// Pictures that are made at the same time; each takes a core.
    pub picture_threads: usize,
    /// Told (cancelled) once the hall was read: before, every question is answered by 503.
    pub has_read: CancellationToken,
}

impl QueryConfig {
    /// The defaults, for a hall of this name.
    pub fn new(hall: impl Into<String>) -> Self {
        Self {
            hall: hall.into(),
            follow_ms: 250,
            max_streams: 2_000,
            max_connections: 4_096,
            answer_timeout_s: 10,
            head_timeout_s: 10,
            has_read: CancellationToken::new(),
            picture_threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}
