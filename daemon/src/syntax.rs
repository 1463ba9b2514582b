//! What is wrong with a line of simpd.toml that is no TOML, judged by how it looks: whoever writes settings need not know the
//! rules of TOML, or its words.

/// What the library says of a name that is there already. All else it says of a line can be seen in the line.
const TWICE: &str = "duplicate key";

/// What a setting looks like.
const SETTING: &str = "expected a setting, such as user = \"ann\"";

/// What is wrong with this line, with the name of its setting if it has one. `said` is what the library says.
pub fn wrong(line: &str, said: &str) -> String {
    let line = line.trim();
    let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name.trim(), Some(value)));
    let value = value.map(|value| value.split('#').next().unwrap_or_default().trim());
    match value {
        _ if said == TWICE => format!("{name}: it is there twice (leave one out)"),
        // Only what began further up can be wrong here.
        None if name.is_empty() => "a quotation mark or bracket is missing above".to_owned(),
        None if name.starts_with('[') => format!("{name}: expected a line such as [peers]"),
        None => format!("'{name}': {SETTING}"),
        Some(_) if name.is_empty() => SETTING.to_owned(),
        Some(_) if !is_name(name) => {
            format!("{name}: a name like this stands between quotation marks, such as \"127.0.0.1:7777\"")
        }
        Some("") => format!("{name}: no value given"),
        Some(value) => format!("{name}: {}", wrong_value(value)),
    }
}

/// Whether it may be a name, whatever is between quotation marks in it.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    name.contains(['"', '\'']) || name.chars().all(is_plain)
}

fn wrong_value(value: &str) -> String {
    let after = |open: &str, close: &str| value.strip_prefix(open).and_then(|rest| rest.split_once(close));
    let is_text = value.starts_with(['"', '\'']);
    let what = match after("'", "'").or_else(|| after("\"", "\"")) {
        None if is_text => "the quotation mark at its end is missing",
        Some((text, _)) if value.starts_with('"') && text.contains('\\') => {
            "between \" and \" a backslash is not itself: use single quotation marks"
        }
        Some(_) => "more follows its value: each setting has a line of its own",
        None if value.starts_with('[') && !value.contains(']') => "the ] at its end is missing",
        None if value.starts_with('[') => "expected a list, such as [\"unread\", \"undelivered\"]",
        None if value.starts_with('{') => "the } at its end is missing, or a comma",
        None => return format!("'{value}' is neither a number nor a text between quotation marks"),
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[test]
    fn a_line_that_is_no_toml_is_explained_in_words_of_ours() {
        let neither =
            |value: &str| format!("'{value}' is neither a number nor a text between quotation marks");
        for (line, expected) in [
            ("user = 'x", "user: the quotation mark at its end is missing"),
            ("  user = \"x", "user: the quotation mark at its end is missing"),
            ("user 'bob'", "'user 'bob'': expected a setting, such as user = \"ann\""),
            ("= 3", "expected a setting, such as user = \"ann\""),
            ("user =", "user: no value given"),
            ("user = bob # me", &format!("user: {}", neither("bob"))),
            ("request_expiry = 10m", &format!("request_expiry: {}", neither("10m"))),
            ("address = 127.0.0.1", &format!("address: {}", neither("127.0.0.1"))),
            ("max_chats = 07", &format!("max_chats: {}", neither("07"))),
            ("user = 2026-02-30", &format!("user: {}", neither("2026-02-30"))),
            ("user = 'x' accept = 'all'", "user: more follows its value: each setting has a line of its own"),
            (
                r#"user = "a\x""#,
                "user: between \" and \" a backslash is not itself: use single quotation marks",
            ),
            ("retain_discard = ['unread'", "retain_discard: the ] at its end is missing"),
            (
                "retain_discard = ['unread' 'undelivered']",
                "retain_discard: expected a list, such as [\"unread\", \"undelivered\"]",
            ),
            ("peers = { x = 'plain'", "peers: the } at its end is missing, or a comma"),
            ("[peers", "[peers: expected a line such as [peers]"),
            (
                "127.0.0.1:7777 = 'plain'",
                "127.0.0.1:7777: a name like this stands between quotation marks, such as \"127.0.0.1:7777\"",
            ),
            ("", "a quotation mark or bracket is missing above"),
        ] {
            let said =
                DeTable::parse(line).map_or_else(|error| error.message().to_owned(), |_| String::new());
            assert_eq!(wrong(line, &said), expected, "{line}");
        }
    }

    #[test]
    fn what_is_there_twice_is_so_named() {
        for (toml, name) in [("user = 'a'\nuser = 'b'", "user"), ("[peers]\n[peers]", "[peers]")] {
            let error = DeTable::parse(toml).unwrap_err();
            let line = toml.lines().last().unwrap();
            assert_eq!(wrong(line, error.message()), format!("{name}: it is there twice (leave one out)"));
        }
    }
}
