//! The accounts, with and without the room.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::guest::Guest;
use super::member::Member;
use super::{ALONE, Lobby};
use crate::harness::{World, run};

#[test]
fn accounts_are_added_listed_changed_and_removed_while_the_room_runs() {
    let lobby = Lobby::start(&[]);
    let users = |args: &[&str], input: &str| lobby.does_with(&[&["users"], args].concat(), input);
    assert_eq!(users(&["list"], "").ok(), "");
    assert_eq!(users(&["add", "bob"], "secret\n").ok(), "bob added\n");
    assert_eq!(users(&["add", "Ann Lee"], "letmein").ok(), "Ann Lee added\n");
    let line =
        "simp-room: BOB: the account already exists (to change its password: simp-room users passwd BOB)";
    users(&["add", "BOB"], "other\n").fails(1, line);
    let list = users(&["list"], "").ok();
    let names: Vec<&str> = list.lines().map(|line| line.split(" since ").next().unwrap().trim()).collect();
    assert_eq!(names, ["Ann Lee", "bob"]);
    let list = users(&["list", "--json"], "").ok();
    let list: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(list[1]["name"], "bob");
    assert!(list[1]["since"].as_str().unwrap().starts_with("20"), "{list:?}");

    assert_eq!(users(&["passwd", "bob"], "another\n").ok(), "password changed for bob\n");
    let mut bob = Guest::comes(&lobby, 2, "bob");
    bob.hears(&["Welcome to lobby, bob. Your password?"]);
    bob.asks("secret", "Wrong. Your password?");
    bob.asks("another", ALONE);
    bob.says("EX");
    bob.is_left_with("goodbye");
    drop(bob);
    assert_eq!(users(&["remove", "bob"], "").ok(), "bob removed\n");
    let mut bob = Guest::comes(&lobby, 2, "bob");
    bob.hears(&["Welcome to lobby, bob. You are new here: choose a password."]);
}

#[test]
fn a_name_or_password_that_is_none_is_refused() {
    let lobby = Lobby::closed("");
    let none = "simp-room: no password (give it as a line of standard input)";
    let odd = "not a name for a room (letters, digits, spaces and _ - . @ + ' ?)";
    let users = |args: &[&str], input: &str| lobby.does_with(&[&["users"], args].concat(), input);
    users(&["add", "bob"], "").fails(2, none);
    users(&["add", "bob"], "\n").fails(2, none);
    for (name, shown) in [("[bob]", "\"[bob]\""), (" bob", "\" bob\"")] {
        users(&["add", name], "secret\n").fails(2, &format!("simp-room: {shown}: {odd}"));
    }
    for (name, shown) in [("you", "\"you\""), ("nobody", "nobody"), ("Nobody", "Nobody")] {
        let line = format!("simp-room: {shown}: a word of the room, not a user's name (choose another)");
        users(&["add", name], "secret\n").fails(2, &line);
    }
    for (address, shown) in [("127.0.0.1", "127.0.0.1"), ("::1", "\"::1\"")] {
        let line = format!(
            "simp-room: {shown}: an address, not a user's name (choose letters, digits, spaces and _ - . @ + ' ?)"
        );
        users(&["add", address], "secret\n").fails(2, &line);
    }
    for address in ["127.0.0.1", "[::1]:7777"] {
        let line = format!(
            "simp-room: --name '{address}': an address, not a room's name, which has 1 to 32 letters, digits, _ and -; the \
             address of its simpd goes after run -d (see simp-room users list --help)"
        );
        users(&["list", "--name", address], "").fails(2, &line);
    }
    users(&["add", "gr\u{fc}n"], "secret\n")
        .fails(2, "simp-room: gr\u{fc}n: a user name must be printable ASCII; '\u{fc}' (U+00FC) is not");
    users(&["add", "Lobby"], "secret\n").fails(2, "simp-room: Lobby: that is the name of the room");
    users(&["add", "bob"], "abc\n").fails(2, "simp-room: a password has at least 4 characters");
    let command = "simp-room: the password reads as a command in the room (choose another)";
    users(&["add", "bob"], "PM secret\n").fails(2, command);
    let odd = "simp-room: a password must be ASCII, as a text is (choose another)";
    users(&["add", "bob"], "za\u{17c}\u{f3}\u{142}\u{107}\n").fails(2, odd);
    users(&["add", "--name", "den", "bob"], "secret\n").ok();
    let line = "simp-room: ann: no such account (see: simp-room users list --name den)";
    users(&["passwd", "--name", "den", "ann"], "secret\n").fails(7, line);
    // None of those that failed has made a room.
    let line = "simp-room: there is no room lobby (create it: simp-room run --name lobby)";
    users(&["list"], "").fails(7, line);
    assert!(!lobby.world.path("state/simp-room/lobby").exists());
}

#[test]
fn accounts_of_a_room_that_is_not_there_are_not_looked_for_in_a_new_one() {
    let lobby = Lobby::closed("");
    let line = "simp-room: there is no room attic (create it: simp-room run --name attic)";
    for args in [&["list"][..], &["remove", "bob"], &["passwd", "bob"]] {
        let args = [&["users", args[0], "--name", "attic"], &args[1..]].concat();
        lobby.does_with(&args, "secret").fails(7, line);
        lobby.does_with(&args, "secret").fails(7, line);
    }
}

#[test]
fn accounts_are_imported_from_the_files_that_such_chats_keep() {
    let lobby = Lobby::start(&[]);
    lobby.does_with(&["users", "add", "bob"], "secret").ok();
    let file = lobby.world.path("users.json");
    std::fs::write(&file, r#"{"ann": "letmein", "bob": "other", "carl": "pass word"}"#).unwrap();
    let import = || lobby.does(&["users", "import", file.to_str().unwrap()]);
    assert_eq!(import().ok(), "2 added; already there: bob\n");
    assert_eq!(import().ok(), "0 added; already there: ann, bob, carl\n");

    let mut ann = Member::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.says(&lobby.world, "letmein");
    ann.hears(&[ALONE]);
    let mut carl = Guest::comes(&lobby, 4, "carl");
    carl.hears(&["Welcome to lobby, carl. Your password?"]);
    carl.asks("pass word", "You are in lobby. Here: ann. (HELP lists the commands.)");
    let mut bob = Guest::comes(&lobby, 3, "bob");
    bob.hears(&["Welcome to lobby, bob. Your password?"]);
    bob.asks("other", "Wrong. Your password?");
}

#[test]
fn accounts_are_imported_from_lists_and_tables_too() {
    let lobby = Lobby::start(&[]);
    let file = lobby.world.path("users");
    for (name, text) in [
        ("ann", r#"{"users": {"ann": {"password": "let me in"}}}"#),
        ("bob", r#"[{"username": "bob", "password": "let me in"}]"#),
        ("carl", "\"User Name\";Password;E-Mail\ncarl;\"let me in\";c@example.org\n"),
        ("dave", "dave:let me in\n"),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(lobby.does(&["users", "import", file.to_str().unwrap()]).ok(), "1 added\n");
        let mut guest = Guest::comes(&lobby, 2, name);
        guest.hears(&[&format!("Welcome to lobby, {name}. Your password?")]);
        guest.asks("let me in", ALONE);
        guest.says("EX");
        guest.is_left_with("goodbye");
    }
}

#[test]
fn a_file_that_makes_no_sense_is_refused_as_a_whole() {
    let lobby = Lobby::closed("");
    let file = lobby.world.path("users.json");
    let import = || lobby.does(&["users", "import", file.to_str().unwrap()]);
    import().fails(1, &format!("simp-room: {}: no such file or directory", file.display()));
    let hash = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
    let hashed = "looks like a hash of the password, not the password (leave the account out: its user chooses a \
                  password in the room; or give it one with simp-room users add; if all in the file are passwords: \
                  --these-are-passwords)";
    let locked = "no password, but the mark of an account without one (leave the account out: its user chooses a password \
                  in the room; or give it one with simp-room users add)";
    for (text, why) in [
        ("", "no accounts in it"),
        ("[]", "no accounts in it"),
        (
            r#"{"ann": "secret""#,
            "neither a JSON object nor a list of names and passwords (line 1, column 16)",
        ),
        (
            r#"{"ann": 1}"#,
            "ann: not a password, nor an account with one (both are texts between quotation marks)",
        ),
        (
            "just words\n",
            "line 1: neither JSON, nor a name and a password with a comma or a colon between them",
        ),
        (&format!(r#"{{"bob": "secret", "ann": "{hash}"}}"#), &format!("ann: {hashed}")),
        (&format!(r#"[{{"username": "ann", "password": "{hash}"}}]"#), &format!("ann: {hashed}")),
        (&format!("user,password\nbob,secret\nann,{hash}\n"), &format!("line 3: ann: {hashed}")),
        ("ann:$2y$10$abcdefghijklmnopqrstuv\n", &format!("line 1: ann: {hashed}")),
        ("bob:secret\nann:rl.3StKT.4T8M\n", &format!("line 2: ann: {hashed}")),
        ("bob:abgN5Wg5F1jT2\nann:rlXz3StKTo4T2\n", &format!("line 1: bob: {hashed}")),
        (
            r#"{"ann": {"password": "secret", "salt": "ab"}}"#,
            &format!("ann: with 'salt' beside it, it {hashed}"),
        ),
        ("ann:secret\nroot:!\n", &format!("line 2: root: {locked}")),
        (
            "user,password_hash\nann,secret\n",
            "line 1: the column 'password_hash' has hashes of passwords, not passwords (leave the accounts out: their users \
             choose passwords in the room; or give them some with simp-room users add)",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        import().fails(1, &format!("simp-room: {}: {why}", file.display()));
    }
    std::fs::write(&file, r#"{"ann": "secret", "[bob]": "secret"}"#).unwrap();
    let line = format!(
        "simp-room: {}: \"[bob]\": not a name for a room (letters, digits, spaces and _ - . @ + ' ?)",
        file.display()
    );
    import().fails(2, &line);
    let ascii = "a password must be ASCII, as a text is (choose another)";
    for (text, why) in [
        (r#"{"ann": "secret", "bob": ""}"#, "bob: its password is empty (give it another)"),
        (r#"{"ann": "WHO"}"#, "ann: the password reads as a command in the room (choose another)"),
        (
            &format!(r#"{{"ann": "{}"}}"#, "x ".repeat(493)),
            "ann: a password has at most 985 characters (choose another)",
        ),
        (r#"{"ann": "one\ntwo"}"#, "ann: a password has no end of a line in it (choose another)"),
        (r#"{"ann": "p\u0000ss"}"#, &format!("ann: {ascii}")),
        ("ann,secret word\nbob,p\u{e4}ssword\n", &format!("line 2: bob: {ascii}")),
        (
            "Kunde,password\nann,open sesame\n",
            "line 1: the column 'password' is known, but none is titled username (title the columns username and \
             password; if this line is an account, put a line with these titles before it)",
        ),
        (
            "ann:open sesame\nroot:x:0:0:root:/root:/bin/sh\n",
            "line 2: 7 fields instead of 2 (leave only name:password; if a password has a colon, write name,password \
             in all lines)",
        ),
        (r#"{"ann": "secret", "ANN": "secret"}"#, "ann: occurs twice, apart from upper and lower case"),
    ] {
        std::fs::write(&file, text).unwrap();
        import().fails(1, &format!("simp-room: {}: {why}", file.display()));
    }
    assert_eq!(lobby.does(&["users", "list"]).status, Some(7));
}

#[test]
fn a_name_in_a_file_that_is_none_is_named_with_the_file_and_the_line() {
    let lobby = Lobby::closed("");
    let file = lobby.world.path("users");
    let odd = "not a name for a room (letters, digits, spaces and _ - . @ + ' ?)";
    let address = "an address, not a user's name (choose letters, digits, spaces and _ - . @ + ' ?)";
    for (text, why) in [
        ("ann,one\nlobby,two\n", "line 2: lobby: that is the name of the room".to_owned()),
        (
            r#"{"nobody": "pw12"}"#,
            "nobody: a word of the room, not a user's name (choose another)".to_owned(),
        ),
        (r#"{"lobby": "two"}"#, "lobby: that is the name of the room".to_owned()),
        (
            "b\u{e4}r,one\n",
            "line 1: b\u{e4}r: a user name must be printable ASCII; '\u{e4}' (U+00E4) is not".to_owned(),
        ),
        ("name,password\n\n1.2.3.4,one\n", format!("line 3: 1.2.3.4: {address}")),
        ("ann,one\n\"\"\"v21\"\"\",two\n", format!("line 2: \"\\\"v21\\\"\": {odd}")),
        ("ann,one\n\"b\nob\",two\n", "line 2: \"b\\nob\": ".to_owned()),
    ] {
        std::fs::write(&file, text).unwrap();
        let failed = lobby.does(&["users", "import", file.to_str().unwrap()]);
        let begin = format!("simp-room: {}: {why}", file.display());
        assert_eq!(failed.status, Some(2), "{failed:?}");
        assert!(failed.stderr.starts_with(&begin) && failed.stderr.lines().count() == 1, "{failed:?}");
    }
    assert_eq!(lobby.does(&["users", "list"]).status, Some(7));
}

#[test]
fn a_table_that_can_be_read_in_two_ways_is_refused_as_a_whole() {
    let lobby = Lobby::closed("");
    let file = lobby.world.path("users");
    let open = "a quotation mark that is not closed (close it; one that is part of a field is written as two, in a \
                field between quotation marks)";
    let within = "a quotation mark within a field (put all of the field between two, and write each that is part of \
                  it as two)";
    let no_form = "no known form: neither JSON, nor a table, nor lines of name:password (line 2 is indented, as in \
                   YAML: write the accounts as JSON)";
    let both = |one, other, what| {
        format!("line 1: the columns '{one}' and '{other}' may both be {what} (remove one, or its title)")
    };
    for (text, why) in [
        ("username,password\nv1,\"unterminated\nv2,abc\nv3,def", format!("line 2: {open}")),
        ("username;password\nv1;abc\"\nv2;def\n", format!("line 2: {within}")),
        ("username,password,password\nann,one,two\n", both("password", "password", "the password")),
        ("username,password,passwd\nann,one,two\n", both("password", "passwd", "the password")),
        ("user\tpw\tlogin\nann\tone\tbob\n", both("user", "login", "the user name")),
        ("users:\n  u30: pass30\n", no_form.to_owned()),
        (
            "username,password\nann,\"one\ntwo\"\n",
            "line 2: ann: a password has no end of a line in it (choose another)".to_owned(),
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let line = format!("simp-room: {}: {why}", file.display());
        lobby.does(&["users", "import", file.to_str().unwrap()]).fails(1, &line);
    }
    assert_eq!(lobby.does(&["users", "list"]).status, Some(7));
}

#[test]
fn accounts_are_imported_from_standard_input_so_that_they_need_not_lie_on_a_disk() {
    let lobby = Lobby::closed("");
    let import = |text: &str| lobby.does_with(&["users", "import", "-"], text);
    assert_eq!(import("note,user,password\n\"two\nlines\",ann,one\n,bob,two\n").ok(), "2 added\n");
    assert_eq!(import(r#"{"ann": "one", "carl": "three"}"#).ok(), "1 added; already there: ann\n");
    import("").fails(1, "simp-room: standard input: no accounts in it");
    let line = "simp-room: standard input: line 2: lobby: that is the name of the room";
    import("dave,four\nlobby,five\n").fails(2, line);
    let many = "dave,four\n".repeat((64 << 20) / 10 + 1);
    import(&many).fails(1, "simp-room: standard input: more than 64 MiB (import it in parts)");
}

#[test]
fn an_operator_who_knows_better_says_that_passwords_are_none_that_were_hashed() {
    let lobby = Lobby::start(&[]);
    let file = lobby.world.path("users.json");
    std::fs::write(
        &file,
        r#"{"ann": {"password": "5d2e19393cc5ef67", "salt": "no"}, "bob": {"password": "abgN5Wg5F1jT2"}}"#,
    )
    .unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(lobby.does(&["users", "import", file]).status, Some(1));
    assert_eq!(lobby.does(&["users", "import", "--these-are-passwords", file]).ok(), "2 added\n");
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.hears(&["Welcome to lobby, ann. Your password?"]);
    ann.asks("5d2e19393cc5ef67", ALONE);
}

#[test]
fn passwords_are_kept_as_hashes_in_a_file_for_its_owner_only() {
    let lobby = Lobby::closed("");
    lobby.does_with(&["users", "add", "bob"], "a very secret one").ok();
    let folder = lobby.world.path("state/simp-room/lobby");
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(17).any(|bytes| bytes == b"a very secret one"), "{}", path.display());
    }
    let path = folder.join("room.db");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_is_something_else_is_named_and_left_alone() {
    let lobby = Lobby::closed("");
    lobby.does_with(&["users", "add", "bob"], "a very secret one").ok();
    let path = lobby.world.path("state/simp-room/lobby/room.db");
    let other = path.with_file_name("other.db");
    let db = rusqlite::Connection::open(&other).unwrap();
    db.execute_batch("CREATE TABLE prices (id INTEGER)").unwrap();
    drop(db);
    for bytes in [vec![b'x'; 4_096], std::fs::read(&other).unwrap()] {
        for entry in path.parent().unwrap().read_dir().unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        std::fs::write(&path, &bytes).unwrap();
        let line = format!("simp-room: {}: not a simp-room database (move it away)", path.display());
        lobby.does(&["users", "list"]).fails(1, &line);
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_room_that_is_open_asks_for_no_password_whoever_comes() {
    let lobby = Lobby::start(&["--open"]);
    lobby.does_with(&["users", "add", "bob"], "secret").ok();
    let mut bob = Guest::comes(&lobby, 2, "bob");
    bob.hears(&[ALONE]);
    Guest::comes(&lobby, 3, "ann").hears(&["You are in lobby. Here: bob. (HELP lists the commands.)"]);
    assert!(lobby.does(&["status"]).ok().contains("\npasswords    no\n"));
}

#[test]
fn accounts_that_are_added_at_once_to_a_new_room_are_all_there() {
    let world = World::new();
    let names = ["ann", "bob", "carol", "dave"];
    let users = |args: &[&str]| {
        let mut command = world.command("simp-room");
        command.arg("users").args(args);
        command
    };
    let adds = names.map(|name| (name, users(&["add", "--name", "new", name])));
    std::thread::scope(|scope| {
        for (name, add) in adds {
            scope.spawn(move || assert_eq!(run(add, "open sesame\n").ok(), format!("{name} added\n")));
        }
    });
    let list = run(users(&["list", "--name", "new"]), "").ok();
    assert_eq!(list.lines().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(), names);
}
