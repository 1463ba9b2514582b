//! Accounts in a table: a line for each, its fields separated by commas, semicolons or tabs, between quotation marks if
//! there is one in them. Or `name:password`, as web servers keep them.

use super::fields::{Record, records};
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

/// What is said of a line that has nothing between a name and a password.
const NEITHER: &str = "neither JSON, nor a name and a password with a comma or a colon between them";

/// What is said of a file whose lines belong together.
const NO_FORM: &str = "no known form: neither JSON, nor a table, nor lines of name:password";

/// What is said of a field that may or may not have them in it.
const QUOTED: &str = "quotation marks around what stands at a colon (remove them; if they are part of it, write \
     name,password in all lines, each field between quotation marks, and those that are part of it as two)";

/// What stands between the fields of a line.
#[derive(Debug, Clone, Copy)]
enum Between {
    /// This, where a field may stand between quotation marks.
    Separator(char),
    /// A colon, and each field is as it stands.
    Colon,
}

/// All accounts, in their order.
///
/// # Errors
/// The number of a line that is no account, and why.
pub fn read(text: &str) -> Result<Vec<Found>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().find(|line| !line.trim().is_empty());
    let between = first.map_or(Between::Colon, between);
    let all = match between {
        Between::Separator(separator) => records(text, separator)?,
        Between::Colon => pairs(text)?,
    };
    let Some(first) = all.first() else { return Ok(Vec::new()) };
    let in_line = |record: &Record, why: String| format!("line {}: {why}", record.line);
    let titled = titles(&first.fields, between).map_err(|why| in_line(first, why))?;
    let accounts = all.iter().skip(titled.iter().count());
    let columns = titled.unwrap_or(BARE);
    let found = accounts.map(|record| {
        let found = account(&record.fields, &columns, between).map_err(|why| in_line(record, why))?;
        Ok(Found { line: Some(record.line), ..found })
    });
    found.collect()
}

fn between(first: &str) -> Between {
    // No name has a colon in it, but a password may have what separates the fields of other tables.
    if first.find([':', ',', ';', '\t']).is_some_and(|at| first[at..].starts_with(':')) {
        return Between::Colon;
    }
    // What stands between quotation marks separates nothing.
    let bare: String = first.split('"').step_by(2).collect();
    let count = |separator: &char| bare.matches(*separator).count();
    let separators = [',', ';', '\t'].into_iter().filter(|separator| count(separator) > 0);
    separators.max_by_key(count).map_or(Between::Colon, Between::Separator)
}

/// The lines of a file that has `name:password` in each.
fn pairs(text: &str) -> Result<Vec<Record>, String> {
    let lines = text.lines().zip(1..).filter(|(text, _)| !text.trim().is_empty());
    let pair = |(text, line): (&str, u64)| {
        // YAML nests with these, and its names of groups would pass for those of users.
        if text.starts_with(|c: char| c.is_whitespace() || c == '-') {
            return Err(format!(
                "{NO_FORM} (line {line} is indented, as in YAML: write the accounts as JSON)"
            ));
        }
        let fields: Vec<String> = text.split(':').map(|field| field.trim().to_owned()).collect();
        let is_quoted = |field: &String| field.len() > 1 && field.starts_with('"') && field.ends_with('"');
        if fields.len() < 2 {
            return Err(format!("line {line}: {NEITHER}"));
        }
        if fields.iter().any(is_quoted) {
            return Err(format!("line {line}: {QUOTED}"));
        }
        Ok(Record { line, fields })
    };
    lines.map(pair).collect()
}

/// Where the first line says that things are; `None` if it is an account itself.
fn titles(record: &[String], between: Between) -> Result<Option<Columns>, String> {
    let parts: Vec<_> = record.iter().map(|title| Part::of(title)).collect();
    let column = |part: Part| parts.iter().position(|found| *found == Some(part));
    let title = |at: usize| record.get(at).map(String::as_str).unwrap_or_default();
    let name = [Part::Login, Part::Name, Part::Mail].into_iter().find_map(column);
    // A title that is alone could be a name or a password. Whoever means that can say so; to guess would make accounts
    // of titles in another language, with passwords that all can guess.
    let alone = |at: usize, missing: &str| {
        Err(format!(
            "the column '{}' is known, but none is titled {missing} (title the columns username and password; if \
             this line is an account, put a line with these titles before it)",
            title(at)
        ))
    };
    // That is a password more often than a title of a table without a known title beside it.
    let is_secret = |at: usize| title(at).eq_ignore_ascii_case("secret");
    let is_bare = record.len() == BARE.all;
    match (name, column(Part::Password)) {
        (Some(name), Some(password)) => {
            for (at, what) in [(name, "the user name"), (password, "the password")] {
                // Whichever we took, it might be the other.
                let is_same = |other: &usize| parts.get(*other) == parts.get(at);
                if let Some(other) = (at + 1..record.len()).find(is_same) {
                    let (one, other) = (title(at), title(other));
                    return Err(format!(
                        "the columns '{one}' and '{other}' may both be {what} (remove one, or its title)"
                    ));
                }
            }
            Ok(Some(Columns { name, password, tellers: tellers(record), all: record.len() }))
        }
        (Some(_), None) if column(Part::Hash).is_some() => Err(format!(
            "the column '{}' has hashes of passwords, not passwords (leave the accounts out: their users choose \
                 passwords in the room; or give them some with simp-room users add)",
            column(Part::Hash).map(title).unwrap_or_default()
        )),
        (Some(name), None) if is_bare => alone(name, "password"),
        (None, Some(password)) if is_bare && !is_secret(password) => alone(password, "username"),
        _ if is_bare || matches!(between, Between::Colon) => Ok(None),
        _ => {
            Err("it must say which column is the username and which the password, as others have more"
                .to_owned())
        }
    }
}

fn tellers(titles: &[String]) -> Vec<(usize, Part, String)> {
    let parts =
        titles.iter().enumerate().filter_map(|(at, title)| Some((at, Part::of(title)?, title.clone())));
    parts.filter(|(_, part, _)| matches!(part, Part::Hash | Part::Method)).collect()
}

/// The account in a line, wherever that is.
fn account(record: &[String], columns: &Columns, between: Between) -> Result<Found, String> {
    let (has, all) = (record.len(), columns.all);
    let field = |at: usize| record.get(at).cloned().unwrap_or_default();
    if has == all {
        let beside = columns.tellers.iter().find(|(at, part, _)| part.tells_of_a_hash(&field(*at)));
        let beside = beside.map(|(_, _, title)| title.clone());
        let (name, password) = (field(columns.name), field(columns.password));
        return Ok(Found { line: None, name, password, beside });
    }
    // Werkzeug and others put colons into hashes.
    let rest = record.get(1..).unwrap_or_default().join(":");
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
    use super::super::fields::OPEN;
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
        assert_eq!(read("ann,\";;;\"").unwrap()[0].password, ";;;");
        let noted = read("note,user,password\n\"two\nlines, \"\"so\"\"\",ann,one\n,bob,two\n").unwrap();
        let noted: Vec<_> = noted.iter().map(Found::place).collect();
        assert_eq!(noted, ["line 2: ann", "line 4: bob"]);
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
            ("username,password\nv1,\"unterminated\nv2,abc\nv3,def\n", &format!("line 2: {OPEN}")),
            (
                "username,password,passwd\nann,one,two\n",
                "line 1: the columns 'password' and 'passwd' may both be the password (remove one, or its title)",
            ),
            (
                "Login;Kennwort;User\nann;one;bob\n",
                "line 1: the columns 'Login' and 'User' may both be the user name (remove one, or its title)",
            ),
            (
                "username:password:password\nann:one:two\n",
                "line 1: the columns 'password' and 'password' may both be the password (remove one, or its title)",
            ),
            (
                "users:\n  u30: pass30\n",
                "no known form: neither JSON, nor a table, nor lines of name:password (line 2 is indented, as in \
                 YAML: write the accounts as JSON)",
            ),
            (
                "- username: ann\n  password: one\n",
                "no known form: neither JSON, nor a table, nor lines of name:password (line 1 is indented, as in \
                 YAML: write the accounts as JSON)",
            ),
            ("ann:one\nbob: \"two\"\n", &format!("line 2: {QUOTED}")),
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
