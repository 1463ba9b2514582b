//! Where what is on the screen. What does not matter most is left out first if there is little room.

use ratatui_core::layout::Rect;

/// Narrower screens have no list beside the conversation,
const LIST_FROM: u16 = 60;

/// and none of who is in a room.
const MEMBERS_FROM: u16 = 84;

/// Columns of who is in a room.
const MEMBERS: u16 = 16;

/// The parts of the screen; those that are left out are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) header: Rect,
    pub(crate) list: Rect,
    pub(crate) main: Rect,
    pub(crate) members: Rect,
    /// A request that waits for an answer.
    pub(crate) banner: Rect,
    pub(crate) status: Rect,
    pub(crate) input: Rect,
}

/// What is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) has_banner: bool,
    pub(crate) is_room: bool,
}

impl Parts {
    pub(crate) fn of(screen: Rect, shown: Shown) -> Self {
        let row = |y: u16, is_there: bool| Rect { y, height: u16::from(is_there), ..screen };
        let height = screen.height;
        let input = row(height.saturating_sub(1), height > 0);
        let status = row(height.saturating_sub(2), height > 2);
        let banner = row(height.saturating_sub(3), shown.has_banner && height > 4);
        let header = row(0, height > 3);
        let top = header.height;
        let bottom = input.height + status.height + banner.height;
        let middle = Rect { y: top, height: height.saturating_sub(top + bottom), ..screen };
        let list = if screen.width < LIST_FROM { 0 } else { (screen.width / 4).clamp(18, 28) };
        let members = if shown.is_room && screen.width >= MEMBERS_FROM { MEMBERS } else { 0 };
        // A line of its own is between two of them.
        let (after_list, before_members) = (u16::from(list > 0), u16::from(members > 0));
        let main = screen.width - list - after_list - members - before_members;
        Self {
            header,
            list: Rect { width: list, ..middle },
            main: Rect { x: list + after_list, width: main, ..middle },
            members: Rect { x: screen.width - members, width: members, ..middle },
            banner,
            status,
            input,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_of_any_size_has_its_parts_within_it() {
        for width in 0..200 {
            for height in 0..30 {
                for (has_banner, is_room) in [(false, false), (true, true)] {
                    let screen = Rect::new(0, 0, width, height);
                    let Parts { header, list, main, members, banner, status, input } =
                        Parts::of(screen, Shown { has_banner, is_room });
                    for part in [header, list, main, members, banner, status, input] {
                        assert!(part.right() <= width && part.bottom() <= height, "{screen:?} {part:?}");
                    }
                    assert!(height == 0 || input.height == 1);
                }
            }
        }
    }
}
