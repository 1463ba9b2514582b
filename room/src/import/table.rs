//! Accounts in a table: a line for each, its fields separated by commas, semicolons or tabs, between quotation marks if
//! there is one in them. Or `name:password`, as web servers keep them.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::found::{Found, Part};
use super::hashes::HASHED;

/// Where in a line the name and the password are.
#[derive(Debug, Clone, Copy)]
struct Columns {
    name: usize,
    password: usize,
    all: usize,
}

/// All accounts, in their order.
///
/// # Errors
/// The number of a line that is no account, and why.
pub fn read(text: &str) -> Result<Vec<Found>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator: &u8| first.bytes().filter(|byte| byte == separator).count();
    match [b',', b';', b'\t'].into_iter().filter(|separator| count(separator) > 0).max_by_key(count) {
        Some(separator) => fields(text, separator),
        None => pairs(text),
    }
}

/// A table with this between its fields.
fn fields(text: &str, separator: u8) -> Result<Vec<Found>, String> {
    let mut columns = None;
    let mut all = Vec::new();
    for (text, line) in text.lines().zip(1..).filter(|(text, _)| !text.trim().is_empty()) {
        // No name and no password has the end of a line in it, so each line is a record, and has the number that an
        // editor shows.
        let record = record(text, separator).map_err(|why| format!("line {line}: {why}"))?;
        let Some(columns) = columns else {
            columns = Some(match titles(&record).map_err(|why| format!("line {line}: {why}"))? {
                Some(titled) => titled,
                None => {
                    let bare = Columns { name: 0, password: 1, all: 2 };
                    all.push(account(&record, line, bare)?);
                    bare
                }
            });
            continue;
        };
        all.push(account(&record, line, columns)?);
    }
    Ok(all)
}

/// The fields of a line.
fn record(line: &str, separator: u8) -> Result<StringRecord, &'static str> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator)
        .trim(Trim::All)
        .buffer_capacity(line.len())
        .from_reader(line.as_bytes());
    reader.records().next().and_then(Result::ok).ok_or("no fields in it")
}

/// Where the first line says that things are; `None` if it is an account itself.
fn titles(record: &StringRecord) -> Result<Option<Columns>, String> {
    let parts: Vec<_> = record.iter().map(Part::of).collect();
    let column = |part: Part| parts.iter().position(|found| *found == Some(part));
    let name = column(Part::Login).or(column(Part::Name));
    match (name, column(Part::Password)) {
        (Some(name), Some(password)) => Ok(Some(Columns { name, password, all: record.len() })),
        (Some(_), None) if column(Part::Hash).is_some() => Err(HASHED.to_owned()),
        _ if record.len() == 2 => Ok(None),
        _ => {
            Err("it must say which column is the username and which the password, as others have more"
                .to_owned())
        }
    }
}

fn account(record: &StringRecord, line: u64, columns: Columns) -> Result<Found, String> {
    match (record.get(columns.name), record.get(columns.password)) {
        (Some(name), Some(password)) if record.len() == columns.all => {
            Ok(Found { line: Some(line), name: name.to_owned(), password: password.to_owned() })
        }
        _ => Err(format!(
            "line {line}: {} fields instead of {} (put one with the separator in it between quotation marks)",
            record.len(),
            columns.all
        )),
    }
}

/// `name:password` in each line; a password may have further colons.
fn pairs(text: &str) -> Result<Vec<Found>, String> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let pair = |(text, line): (&str, u64)| {
        let (name, password) = text.split_once(':').ok_or_else(|| {
            format!(
                "line {line}: neither JSON, nor a name and a password with a comma or a colon between them"
            )
        })?;
        Ok(Found { line: Some(line), name: name.trim().to_owned(), password: password.trim().to_owned() })
    };
    lines.map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_in_every_table_that_people_write() {
        for (text, first) in [
            ("ann,one\nbob,two\n", 1),
            ("username,password\r\nann,one\r\nbob,two\r\n", 2),
            ("Password,E-Mail,User Name\none,a@b.c,ann\ntwo,,bob", 2),
            ("\u{feff}login;passwd\nann;one\nbob;two\n", 2),
            ("id\tname\tusername\tpassword\n1\tAnn Lee\tann\tone\n2\tBob\tbob\ttwo\n", 2),
            ("\"user\", \"password\"\n\"ann\",\"one\"\n\"bob\",\"two\"\n", 2),
            ("name , password\nann , one\nbob , two\n", 2),
            ("ann:one\nbob:two\n", 1),
        ] {
            let found = read(text).unwrap();
            let found: Vec<_> = found.iter().map(|found| (found.place(), found.password.as_str())).collect();
            let place = |line, name| format!("line {line}: {name}");
            assert_eq!(found, [(place(first, "ann"), "one"), (place(first + 1, "bob"), "two")], "{text}");
        }
        let odd = read("user,password\n\n\"Ann Lee\",\"pass,word \"\"x\"\"\"\n").unwrap();
        let expected =
            Found { line: Some(3), name: "Ann Lee".to_owned(), password: "pass,word \"x\"".to_owned() };
        assert_eq!(odd, [expected]);
        assert_eq!(read("ann:a:b").unwrap()[0].password, "a:b");
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn a_line_that_is_no_account_is_named() {
        for (text, why) in [
            (
                "user,password\nann,one\nbob\n",
                "line 3: 1 fields instead of 2 (put one with the separator in it between quotation marks)",
            ),
            (
                "ann,pass,word\n",
                "line 1: it must say which column is the username and which the password, as others have more",
            ),
            (
                "ann,one\nbob,t,wo\n",
                "line 2: 3 fields instead of 2 (put one with the separator in it between quotation marks)",
            ),
            ("ann\n", "line 1: neither JSON, nor a name and a password with a comma or a colon between them"),
            ("user,password_hash\nann,x\n", &format!("line 1: {HASHED}")),
        ] {
            assert_eq!(read(text).unwrap_err(), why, "{text}");
        }
    }
}
