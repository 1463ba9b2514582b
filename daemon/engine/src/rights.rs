//! What those may ask who are let in by the group of a socket, and not as simpd's own user.

/// What a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rights {
    /// Everything: it is of our own user, or root's.
    #[default]
    All,
    /// Everything but what reads or writes files of our user: whoever could ask that would have more than SIMP.
    Shared,
    /// What changes nothing.
    Reading,
}
