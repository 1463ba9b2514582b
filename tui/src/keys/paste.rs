//! What is pasted: one line is as if it were typed, several are asked about once.

/// What to do with a text that was pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pasted {
    /// To be inserted in the line.
    Line(String),
    /// The user decides.
    Lines(Vec<String>),
}

/// Reads what was pasted.
pub(crate) fn pasted(text: &str) -> Pasted {
    // Terminals paste the ends of lines as those of the Enter key.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
    match lines.as_slice() {
        [line] => Pasted::Line((*line).to_owned()),
        lines => Pasted::Lines(lines.iter().map(|line| (*line).to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_typed_and_several_are_asked_about() {
        for line in ["a b", "a b\n", "a b\r\n", "a b\r"] {
            assert_eq!(pasted(line), Pasted::Line("a b".to_owned()));
        }
        let two = |one: &str, two: &str| Pasted::Lines(vec![one.to_owned(), two.to_owned()]);
        assert_eq!(pasted("a\rb\r"), two("a", "b"));
        assert_eq!(pasted("a\r\n b"), two("a", " b"));
        assert_eq!(pasted(""), Pasted::Line(String::new()));
    }
}
