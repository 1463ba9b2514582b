//! Remedies that simpd names for a shell, as they are on the screen.

/// The command that ends a chat.
const QUIT: &str = "simpctl quit";

/// What simpd says, with the command of the screen. That one ends the chat of the conversation which is shown, so that no
/// address follows it.
pub(crate) fn on_screen(line: String) -> String {
    match line.split_once(QUIT) {
        // Options of it are none of ours.
        Some((before, after)) if !after.starts_with(" -") => {
            let rest = after.find([',', ')']).map_or("", |end| &after[end..]);
            format!("{before}/quit there{rest}")
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_ended_by_a_command_of_the_screen() {
        for (line, shown) in [
            (
                "already in a chat with bob (end it: simpctl quit, or start simpd with --max-chats 2)",
                "already in a chat with bob (end it: /quit there, or start simpd with --max-chats 2)",
            ),
            (
                "there is a plain chat with bob already (end it first: simpctl quit [::1]:7000)",
                "there is a plain chat with bob already (end it first: /quit there)",
            ),
            ("(end the chat: simpctl quit --now)", "(end the chat: simpctl quit --now)"),
            ("no such chat", "no such chat"),
        ] {
            assert_eq!(on_screen(line.to_owned()), shown);
        }
    }
}
