//! Accounts in a table: a line for each, its fields separated by commas, semicolons or tabs, between quotation marks if
//! there is one in them. Or `name:password`, as web servers keep them.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::found::{Found, Part};
use super::hashes::{HASHED, is_hash};

/// Where in a line the name and the password are.
#[derive(Debug, Clone)]
struct Columns {
    name: usize,
    password: usize,
    /// What may tell that it is a hash: where, what, and its title.
    tellers: Vec<(usize, Part, String)>,
    all: usize,
}

/// What a table without titles has.
const BARE: Columns = Columns { name: 0, password: 1, tellers: Vec::new(), all: 2 };

/// What stands between the fields of a line.
#[derive(Debug, Clone, Copy)]
enum Between {
    /// This, where a field may stand between quotation marks.
    Separator(u8),
    /// A colon, and each field is as it stands.
    Colon,
}

/// All accounts, in their order.
///
/// # Errors
/// The number of a line that is no account, and why.
pub fn read(text: &str) -> Result<Vec<Found>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().zip(1..).filter(|(text, _)| !text.trim().is_empty());
    let between = lines.clone().next().map_or(Between::Colon, |(first, _)| between(first));
    let mut columns = None;
    let mut all = Vec::new();
    for (text, line) in lines {
        let in_line = |why: String| format!("line {line}: {why}");
        // No name and no password has the end of a line in it, so each line is a record, and has the number that an
        // editor shows.
        let record = record(text, between).map_err(in_line)?;
        let is_first = columns.is_none();
        let titled = if is_first { titles(&record, between).map_err(in_line)? } else { None };
        let is_account = titled.is_none();
        let there = columns.get_or_insert(titled.unwrap_or(BARE));
        if is_account {
            let found = account(&record, there, between).map_err(in_line)?;
            all.push(Found { line: Some(line), ..found });
        }
    }
    Ok(all)
}

fn between(first: &str) -> Between {
    // No name has a colon in it, but a password may have what separates the fields of other tables.
    if first.find([':', ',', ';', '\t']).is_some_and(|at| first[at..].starts_with(':')) {
        return Between::Colon;
    }
    let count = |separator: &u8| first.bytes().filter(|byte| byte == separator).count();
    let separators = [b',', b';', b'\t'].into_iter().filter(|separator| count(separator) > 0);
    separators.max_by_key(count).map_or(Between::Colon, Between::Separator)
}

/// The fields of a line.
fn record(line: &str, between: Between) -> Result<StringRecord, String> {
    let Between::Separator(separator) = between else {
        let fields: StringRecord = line.split(':').map(str::trim).collect();
        let neither = "neither JSON, nor a name and a password with a comma or a colon between them";
        return if fields.len() > 1 { Ok(fields) } else { Err(neither.to_owned()) };
    };
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator)
        .trim(Trim::All)
        .buffer_capacity(line.len())
        .from_reader(line.as_bytes());
    reader.records().next().and_then(Result::ok).ok_or_else(|| "no fields in it".to_owned())
}

/// Where the first line says that things are; `None` if it is an account itself.
fn titles(record: &StringRecord, between: Between) -> Result<Option<Columns>, String> {
    let parts: Vec<_> = record.iter().map(Part::of).collect();
    let column = |part: Part| parts.iter().position(|found| *found == Some(part));
    let name = [Part::Login, Part::Name, Part::Mail].into_iter().find_map(column);
    // A title that is alone could be a name or a password. Whoever means that can say so; to guess would make accounts
    // of titles in another language, with passwords that all can guess.
    let alone = |title: usize, missing: &str| {
        let title = record.get(title).unwrap_or_default();
        Err(format!(
            "the column '{title}' is known, but none is titled {missing} (title the columns username and password; if \
             this line is an account, put a line with these titles before it)"
        ))
    };
    // That is a password more often than a title of a table without a known title beside it.
    let is_secret = |at: usize| record.get(at).is_some_and(|title| title.eq_ignore_ascii_case("secret"));
    let is_bare = record.len() == BARE.all;
    match (name, column(Part::Password)) {
        (Some(name), Some(password)) => {
            Ok(Some(Columns { name, password, tellers: tellers(record), all: record.len() }))
        }
        (Some(_), None) if column(Part::Hash).is_some() => {
            let title = column(Part::Hash).and_then(|at| record.get(at)).unwrap_or_default();
            Err(format!(
                "the column '{title}' has hashes of passwords, not passwords (leave the accounts out: their users choose \
                 passwords in the room; or give them some with simp-room users add)"
            ))
        }
        (Some(name), None) if is_bare => alone(name, "password"),
        (None, Some(password)) if is_bare && !is_secret(password) => alone(password, "username"),
        _ if is_bare || matches!(between, Between::Colon) => Ok(None),
        _ => {
            Err("it must say which column is the username and which the password, as others have more"
                .to_owned())
        }
    }
}

fn tellers(titles: &StringRecord) -> Vec<(usize, Part, String)> {
    let parts =
        titles.iter().enumerate().filter_map(|(at, title)| Some((at, Part::of(title)?, title.to_owned())));
    parts.filter(|(_, part, _)| matches!(part, Part::Hash | Part::Method)).collect()
}

/// The account in a line, wherever that is.
fn account(record: &StringRecord, columns: &Columns, between: Between) -> Result<Found, String> {
    let (has, all) = (record.len(), columns.all);
    let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
    if has == all {
        let beside = columns.tellers.iter().find(|(at, part, _)| part.tells_of_a_hash(&field(*at)));
        let beside = beside.map(|(_, _, title)| title.clone());
        let (name, password) = (field(columns.name), field(columns.password));
        return Ok(Found { line: None, name, password, beside });
    }
    // Werkzeug and others put colons into hashes.
    let rest = record.iter().skip(1).collect::<Vec<_>>().join(":");
    let remedy = match between {
        Between::Colon if is_hash(&rest) => return Err(format!("{}: {HASHED}", field(columns.name))),
        _ if has < all => "each line has as many as the first",
        Between::Separator(_) => "put one with the separator in it between quotation marks",
        Between::Colon => {
            "leave only name:password; if a password has a colon, write name,password in all lines"
        }
    };
    let fields = if has == 1 { "field" } else { "fields" };
    Err(format!("{has} {fields} instead of {all} ({remedy})"))
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
            ("username:password\nann:one\nbob:two\n", 2),
            ("mail,password\nann,one\nbob,two\n", 2),
            ("email\tpasswd\nann\tone\nbob\ttwo\n", 2),
            ("Benutzer,Passwort\nann,one\nbob,two\n", 2),
            ("email,name,password\na@b.c,ann,one\nb@b.c,bob,two\n", 2),
        ] {
            let found = read(text).unwrap();
            let found: Vec<_> = found.iter().map(|found| (found.place(), found.password.as_str())).collect();
            let place = |line, name| format!("line {line}: {name}");
            assert_eq!(found, [(place(first, "ann"), "one"), (place(first + 1, "bob"), "two")], "{text}");
        }
        let odd = read("user,password\n\n\"Ann Lee\",\"pass,word \"\"x\"\"\"\n").unwrap();
        let (name, password) = ("Ann Lee".to_owned(), "pass,word \"x\"".to_owned());
        let expected = Found { line: Some(3), name, password, beside: None };
        assert_eq!(odd, [expected]);
        assert_eq!(read("ann:secret").unwrap()[0].password, "secret");
        assert_eq!(read("ann:a,b").unwrap()[0].password, "a,b");
        assert_eq!(read("ann,a:b").unwrap()[0].password, "a:b");
        assert_eq!(read("user,password\nmail,password\n").unwrap()[0].name, "mail");
        assert_eq!(read("").unwrap(), []);
        let beside =
            read("user,password,salt,algo\nann,one,x,md5\nbob,two,,md5\ncarl,three,,plain\n").unwrap();
        let beside: Vec<_> = beside.iter().map(|found| found.beside.as_deref()).collect();
        assert_eq!(beside, [Some("salt"), Some("algo"), None]);
    }

    #[test]
    fn a_line_that_is_no_account_is_named() {
        for (text, why) in [
            (
                "user,password\nann,one\nbob\n",
                "line 3: 1 field instead of 2 (each line has as many as the first)",
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
            (
                "Kunde,password\nann,one\n",
                "line 1: the column 'password' is known, but none is titled username (title the columns username and \
                 password; if this line is an account, put a line with these titles before it)",
            ),
            (
                "mail;clave\nann;one\n",
                "line 1: the column 'mail' is known, but none is titled password (title the columns username and \
                 password; if this line is an account, put a line with these titles before it)",
            ),
            (
                "ann:one\nroot:x:0:0:root:/root:/bin/sh\n",
                "line 2: 7 fields instead of 2 (leave only name:password; if a password has a colon, write \
                 name,password in all lines)",
            ),
            (
                "alice:pass1:Alice A.:alice@x\n",
                "line 1: 4 fields instead of 2 (leave only name:password; if a password has a colon, write \
                 name,password in all lines)",
            ),
            ("ann:scrypt:32768:8:1$abcdefgh$abcdefghijk\n", &format!("line 1: ann: {HASHED}")),
            (
                "user,password_hash\nann,x\n",
                "line 1: the column 'password_hash' has hashes of passwords, not passwords (leave the accounts out: their users \
                 choose passwords in the room; or give them some with simp-room users add)",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), why, "{text}");
        }
    }
}
