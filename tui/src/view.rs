//! One frame of the screen, drawn from the model into cells. It decides nothing and keeps nothing.
//!
//! - `parts`: where what is. `sidebar`: the conversations, and who is in a room. `talk`: the lines of one; `rows`: each of
//!   them in rows. `home`: what is shown if no conversation is. `bars`: the lines at the top and at the bottom. `dialogs`:
//!   what lies over all that. `palette`: colours. `paint`: text in cells.

pub(crate) mod bars;
pub(crate) mod dialogs;
pub(crate) mod frame;
pub(crate) mod home;
pub(crate) mod paint;
pub(crate) mod palette;
pub(crate) mod parts;
pub(crate) mod rows;
pub(crate) mod sidebar;
pub(crate) mod talk;
