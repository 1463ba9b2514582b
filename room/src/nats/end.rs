//! Why a session with the server ends.

/// Why a session ends, or does not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The server is away, or does not do what it is asked: one line with the remedy.
    Away(String),
    /// The stream takes no more posts: the same.
    Full(String),
    /// The lease of this door is that of another: where it runs, and the line for a door that is being started.
    Stolen {
        /// Its simpd.
        by: String,
        /// Who it is, with the remedy.
        line: String,
    },
    /// Nobody is there who would be told anything.
    Closed,
}

/// What a session needs, or why it ends.
pub type Result<T = ()> = std::result::Result<T, End>;
