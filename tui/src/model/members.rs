//! Who is in a room, and what it is about, as far as its lines tell. They are plain text that any SIMP client can read: a
//! peer that lies deceives only those who look at its own room.

use std::collections::BTreeSet;

/// So many members are held at most.
const MEMBERS_MAX: usize = 1_000;

/// A room that we are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) members: BTreeSet<String>,
    /// Members that the room has only counted.
    pub(crate) more: usize,
    pub(crate) topic: Option<String>,
}

impl Room {
    /// The room that a peer is, if this line of it says that it is one.
    pub(crate) fn entered(text: &str) -> Option<Self> {
        let (name, list) = text.strip_prefix("You are in ")?.split_once(". Here: ")?;
        let list = list.strip_suffix(" (HELP lists the commands.)")?.strip_suffix('.')?;
        let mut room = Self { name: name.to_owned(), members: BTreeSet::new(), more: 0, topic: None };
        room.take_list(if list == "nobody" { "" } else { list });
        Some(room)
    }

    /// Takes in a line of the room. True if it says how the room is, so that whoever reads backwards has enough with it.
    pub(crate) fn hear(&mut self, text: &str) {
        if let Some(list) = text.strip_prefix("here: ") {
            self.take_list(if list == "only you" { "" } else { list.strip_prefix("you, ").unwrap_or(list) });
        } else if let Some(topic) = text.strip_prefix("* topic: ").or_else(|| text.strip_prefix("topic: ")) {
            self.topic = Some(topic.to_owned());
        } else if text == "* there is no topic any more" {
            self.topic = None;
        } else if let Some(moves) = text.strip_prefix("* ") {
            moves.split("; ").for_each(|one| self.note_move(one));
        }
    }

    fn take_list(&mut self, list: &str) {
        let (list, more) = match list.rsplit_once(" and ").and_then(|(list, more)| {
            let more = more.strip_suffix(" more")?.parse().ok()?;
            Some((list, more))
        }) {
            Some(parts) => parts,
            None => (list, 0),
        };
        let names = list.split(", ").filter(|name| !name.is_empty()).take(MEMBERS_MAX);
        (self.members, self.more) = (names.map(str::to_owned).collect(), more);
    }

    /// `a, b joined`, `c left`.
    fn note_move(&mut self, one: &str) {
        if let Some(names) = one.strip_suffix(" joined") {
            let room = MEMBERS_MAX.saturating_sub(self.members.len());
            self.members.extend(names.split(", ").take(room).map(str::to_owned));
        } else if let Some(names) = one.strip_suffix(" left") {
            for name in names.split(", ") {
                if !self.members.remove(name) {
                    self.more = self.more.saturating_sub(1);
                }
            }
        }
    }
}

/// Whether a room asks for a password with this line: the answer is not for whoever stands by.
pub(crate) fn asks_for_password(text: &str) -> bool {
    ["Your password?", "choose a password.", "Please enter it once more."]
        .iter()
        .any(|end| text.ends_with(end))
}

/// Whether a line looks like one of a room, so that it is worth to look for what else the room has said.
pub(crate) fn is_of_a_room(text: &str) -> bool {
    Room::entered(text).is_some()
        || text.starts_with("[") && text.contains("] ")
        || text.starts_with("* ") && (text.ends_with(" joined") || text.ends_with(" left"))
        || text.starts_with("here: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(lines: &[&str]) -> Room {
        let mut lines = lines.iter();
        let mut room = Room::entered(lines.next().unwrap()).unwrap();
        lines.for_each(|line| room.hear(line));
        room
    }

    fn members(room: &Room) -> Vec<&str> {
        room.members.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_room_says_who_is_there() {
        let nobody = "You are in lobby. Here: nobody. (HELP lists the commands.)";
        assert!(members(&room(&[nobody])).is_empty());
        let two = "You are in lobby. Here: ann, Ann Lee. (HELP lists the commands.)";
        assert_eq!(members(&room(&[two])), ["Ann Lee", "ann"]);
        let many =
            room(&["You are in lobby. Here: ann, bob and 12 more. (HELP lists the commands.)", "* x left"]);
        assert_eq!((members(&many), many.more), (vec!["ann", "bob"], 11));
        let moved =
            room(&[two, "* bob, carol joined; ann, carol left", "[bob] * eve joined", "* topic: cats"]);
        assert_eq!((members(&moved), moved.topic.as_deref()), (vec!["Ann Lee", "bob"], Some("cats")));
        let asked = room(&[two, "topic: cats", "here: you, bob", "* there is no topic any more"]);
        assert_eq!((members(&asked), asked.topic.as_deref()), (vec!["bob"], None));
        assert!(members(&room(&[two, "here: only you"])).is_empty());
    }

    #[test]
    fn what_is_no_such_line_makes_no_room() {
        for text in ["hi", "You are in trouble.", "You are in a. Here: b", "You are in . Here: nobody"] {
            assert_eq!(Room::entered(text), None, "{text}");
        }
    }

    #[test]
    fn a_room_that_lies_is_held_to_so_many_members() {
        let names: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
        let line = format!("You are in lobby. Here: {}. (HELP lists the commands.)", names.join(", "));
        let joined = format!("* {} joined", names.join("x, "));
        assert_eq!(room(&[&line, &joined]).members.len(), MEMBERS_MAX);
    }
}
