//! Accounts in JSON: an object of names and passwords, of names and accounts, or a list of accounts, perhaps as `users` in
//! another object.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::found::{Found, Part};
use super::hashes::HASHED;

/// What may hold accounts, and is no user.
const HOLDERS: [&str; 4] = ["users", "accounts", "members", "logins"];

/// What can be the name of an account, the best first.
const NAMES: [Part; 3] = [Part::Login, Part::Name, Part::Mail];

/// What is said of anything else.
const NEITHER: &str = "neither a JSON object nor a list of names and passwords";

/// A JSON value. An object keeps what it has twice: two passwords of one user are a mistake to be shown.
enum Node {
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// A number, or yes, as it would stand in a text; `null` and no are empty.
    Other(String),
}

/// All accounts, by name: an object has no order.
///
/// # Errors
/// What is no account, and where it is.
pub fn read(text: &str) -> Result<Vec<Found>, String> {
    let mut found = unsorted(text)?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn unsorted(text: &str) -> Result<Vec<Found>, String> {
    let root: Node = serde_json::from_str(text).map_err(|error| {
        let place = match (error.line(), error.column()) {
            // After the end of a line, which is in the line that it ends.
            (line, 0) => format!("at the end of line {}", line.saturating_sub(1).max(1)),
            (line, column) => format!("line {line}, column {column}"),
        };
        format!("{NEITHER} ({place})")
    })?;
    let Node::Object(entries) = &root else { return accounts(&root) };
    if is_account(entries) {
        return accounts(&root);
    }
    let is_holder = |(name, node): &&(String, Node)| {
        HOLDERS.contains(&name.to_ascii_lowercase().as_str())
            && !matches!(node, Node::Text(_) | Node::Other(_))
    };
    let Some((holder, inner)) = entries.iter().find(is_holder) else { return accounts(&root) };
    // A version, say, may stand beside it; what may be an account must not be overlooked.
    let is_beside = |(name, node): &&(String, Node)| name != holder && !matches!(node, Node::Other(_));
    let of_all = teller(entries);
    if let Some((name, _)) = entries.iter().filter(|(name, _)| Some(name) != of_all).find(is_beside) {
        return Err(format!("{name}: stands beside {holder} (remove it, or move it there)"));
    }
    let mut found = accounts(inner)?;
    for found in &mut found {
        found.beside = found.beside.take().or(of_all.cloned());
    }
    Ok(found)
}

/// Whether this is one account, and no names with their passwords.
fn is_account(entries: &[(String, Node)]) -> bool {
    text_of(entries, &[Part::Password]).is_some() && text_of(entries, &NAMES).is_some()
}

fn accounts(node: &Node) -> Result<Vec<Found>, String> {
    match node {
        Node::Object(entries) if is_account(entries) => account(None, node).map(|found| vec![found]),
        Node::Object(entries) => entries.iter().map(|(name, node)| account(Some(name), node)).collect(),
        Node::List(nodes) => {
            let numbered = nodes.iter().zip(1..);
            let named = |(node, number)| account(None, node).map_err(|why| format!("entry {number}: {why}"));
            numbered.map(named).collect()
        }
        Node::Text(_) | Node::Other(_) => Err(NEITHER.to_owned()),
    }
}

/// An account. `key`: what it is called in the object that it is in.
fn account(key: Option<&str>, node: &Node) -> Result<Found, String> {
    let found = |name: &str, password: &str, beside: Option<&String>| {
        let (name, password) = (name.to_owned(), password.to_owned());
        Ok(Found { line: None, name, password, beside: beside.cloned() })
    };
    let shown = key.map_or_else(String::new, |key| format!("{key}: "));
    match (key, node) {
        (Some(name), Node::Text(password)) => found(name, password, None),
        (None, Node::List(pair)) if let [Node::Text(name), Node::Text(password)] = pair.as_slice() => {
            found(name, password, None)
        }
        (_, Node::Object(parts)) => {
            let the_one = |part, what| the_one(parts, part, what).map_err(|why| format!("{shown}{why}"));
            let login = the_one(Part::Login, "the user name")?;
            let name = match key {
                // A number is the place in a list; any other key is the name, and `name` what others call it.
                Some(key) if !key.bytes().all(|byte| byte.is_ascii_digit()) => Some(key),
                _ => NAMES.iter().find_map(|part| text_of(parts, &[*part])).or(key),
            };
            let name = name.ok_or("no user name in it")?;
            if login.is_some_and(|login| !login.eq_ignore_ascii_case(name)) {
                return Err(format!("{shown}says that its user is called otherwise (keep one of the names)"));
            }
            match the_one(Part::Password, "the password")? {
                Some(password) => found(name, password, teller(parts)),
                None if text_of(parts, &[Part::Hash]).is_some() => Err(format!("{name}: {HASHED}")),
                None => Err(format!("{name}: no password in it, as a text")),
            }
        }
        _ => Err(format!(
            "{shown}not a password, nor an account with one (both are texts between quotation marks)"
        )),
    }
}

/// The title of what says that the password beside it is a hash.
fn teller(parts: &[(String, Node)]) -> Option<&String> {
    let tells = |(title, node): &&(String, Node)| match node {
        Node::Text(said) | Node::Other(said) => {
            Part::of(title).is_some_and(|part| part.tells_of_a_hash(said))
        }
        Node::List(_) | Node::Object(_) => false,
    };
    parts.iter().find(tells).map(|(title, _)| title)
}

/// The text of this part; an error if there are several, and they differ.
fn the_one<'a>(parts: &'a [(String, Node)], part: Part, what: &str) -> Result<Option<&'a str>, String> {
    let mut texts = parts.iter().filter_map(|(title, node)| match node {
        Node::Text(text) if Part::of(title) == Some(part) => Some((title, text.as_str())),
        _ => None,
    });
    let Some((title, text)) = texts.next() else { return Ok(None) };
    match texts.find(|(_, other)| *other != text) {
        // Whichever we took, it might be the other.
        Some((other, _)) => {
            Err(format!("'{title}' and '{other}' differ, and may both be {what} (leave one)"))
        }
        None => Ok(Some(text)),
    }
}

/// The text of the first part that is one of these.
fn text_of<'a>(parts: &'a [(String, Node)], which: &[Part]) -> Option<&'a str> {
    parts.iter().find_map(|(title, node)| match node {
        Node::Text(text) if Part::of(title).is_some_and(|part| which.contains(&part)) => Some(text.as_str()),
        _ => None,
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accounts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, is: bool) -> Result<Node, E> {
        Ok(Node::Other(is.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Other(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Other(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Other(number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = object.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_in_every_form_that_chats_keep_them_in() {
        for text in [
            r#"{"ann": "one", "bob": "two"}"#,
            r#"{"ann": {"password": "one"}, "bob": {"name": "Robert", "pass": "two", "age": 3}}"#,
            r#"{"users": {"ann": {"password": "one"}, "bob": {"password": "two"}}}"#,
            r#"{"version": 1, "Accounts": {"ann": "one", "bob": "two"}}"#,
            r#"[{"username": "ann", "password": "one"}, {"login": "bob", "name": "Robert", "passwd": "two"}]"#,
            r#"{"members": [{"name": "ann", "password": "one"}, {"user": "bob", "password": "two"}]}"#,
            r#"{"1": {"name": "ann", "password": "one"}, "2": {"username": "bob", "password": "two"}}"#,
            r#"[["ann", "one"], ["bob", "two"]]"#,
        ] {
            let found = read(text).unwrap();
            let found: Vec<_> = found.iter().map(|found| (found.place(), found.password.as_str())).collect();
            assert_eq!(found, [("ann".to_owned(), "one"), ("bob".to_owned(), "two")], "{text}");
        }
        for one in [
            r#"{"username": "ann", "password": "one"}"#,
            r#"{"accounts": {"password": "one", "username": "ann"}}"#,
            r#"{"users": {"mail": "ann", "pass": "one"}}"#,
            r#"[{"email": "ann", "password": "one"}]"#,
            r#"{"7": {"email": "ann", "password": "one"}}"#,
            r#"{"user": "ann", "login": "ann", "password": "one", "pass": "one"}"#,
            r#"{"email": "a@b.c", "name": "ann", "password": "one"}"#,
        ] {
            let (name, password) = ("ann".to_owned(), "one".to_owned());
            let found = Found { line: None, name, password, beside: None };
            assert_eq!(read(one), Ok(vec![found]), "{one}");
        }
        // Nobody is overlooked because of a name that is a word elsewhere, nor because it is there twice.
        let names = |text: &str| read(text).unwrap().into_iter().map(|found| found.name).collect::<Vec<_>>();
        assert_eq!(names(r#"{"users": "one", "secret": "two"}"#), ["secret", "users"]);
        assert_eq!(names(r#"{"users": {"password": "one", "bob": "two"}}"#), ["bob", "password"]);
        assert_eq!(names(r#"{"ann": "one", "ann": "two"}"#), ["ann", "ann"]);
    }

    #[test]
    fn what_stands_beside_a_password_and_only_a_hash_has_is_named() {
        let beside = |text: &str| read(text).unwrap().remove(0).beside;
        for (text, title) in [
            (r#"{"ann": {"password": "one", "salt": "x"}}"#, "salt"),
            (r#"[{"user": "ann", "password": "one", "algorithm": "crypt"}]"#, "algorithm"),
            (r#"{"ann": {"password": "one", "iterations": 1000}}"#, "iterations"),
            (r#"{"ann": {"password": "one", "hashed": true}}"#, "hashed"),
            (r#"{"hash": "sha256", "users": {"ann": "one"}}"#, "hash"),
            (r#"{"rounds": 5, "users": [{"user": "ann", "password": "one"}]}"#, "rounds"),
        ] {
            assert_eq!(beside(text).as_deref(), Some(title), "{text}");
        }
        for text in [
            r#"{"ann": {"password": "one", "salt": null, "algorithm": "plain", "hashed": false, "salted": ""}}"#,
            r#"{"version": 3, "users": {"ann": "one"}}"#,
            r#"{"ann": {"password": "one", "age": 3, "city": "Salem"}}"#,
        ] {
            assert_eq!(beside(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_account_is_named() {
        let neither = "not a password, nor an account with one (both are texts between quotation marks)";
        for (text, why) in [
            ("7", NEITHER.to_owned()),
            ("{\"ann\":\n\"one\"", format!("{NEITHER} (line 2, column 5)")),
            ("{\"bad\n", format!("{NEITHER} (at the end of line 1)")),
            ("{\"ann\":\n", format!("{NEITHER} (at the end of line 1)")),
            (r#"{"ann": 1}"#, format!("ann: {neither}")),
            (r#"{"ann": ["one"]}"#, format!("ann: {neither}")),
            (r#"["ann"]"#, format!("entry 1: {neither}")),
            (r#"{"ann": {}}"#, "ann: no password in it, as a text".to_owned()),
            (r#"{"ann": {"password": 1}}"#, "ann: no password in it, as a text".to_owned()),
            (r#"[{"password": "one"}]"#, "entry 1: no user name in it".to_owned()),
            (r#"{"ann": {"password_hash": "x"}}"#, format!("ann: {HASHED}")),
            (
                r#"{"ann": {"password": "one", "passwd": "two"}}"#,
                "ann: 'password' and 'passwd' differ, and may both be the password (leave one)".to_owned(),
            ),
            (
                r#"[{"user": "ann", "password": "one"}, {"user": "bob", "password": "two", "password": "three"}]"#,
                "entry 2: 'password' and 'password' differ, and may both be the password (leave one)"
                    .to_owned(),
            ),
            (
                r#"[{"user": "ann", "login": "bob", "password": "one"}]"#,
                "entry 1: 'user' and 'login' differ, and may both be the user name (leave one)".to_owned(),
            ),
            (
                r#"{"users": {"ann": "one"}, "bob": "two"}"#,
                "bob: stands beside users (remove it, or move it there)".to_owned(),
            ),
            (
                r#"{"a@b.c": {"username": "ann", "password": "one"}}"#,
                "a@b.c: says that its user is called otherwise (keep one of the names)".to_owned(),
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), why, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).unwrap_err().starts_with(NEITHER));
    }
}
