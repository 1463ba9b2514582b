//! Keys in a file: on each line whose it is, and the key.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use simp_control::error::{Outcome, fail, system};
use simp_control::{FailureKind, KeyId, TrustedKey};
use simp_service::plain_file;

use crate::args::ImportArgs;
use crate::key_line::read_key_line;

/// Most bytes of a file.
const FILE_MAX: u64 = 1 << 20;

/// Most keys of a file: they are trusted by one request, all or none, which must fit a frame.
const KEYS_MAX: usize = 5_000;

/// All keys of a file, or of standard input.
///
/// # Errors
/// `failed` if it cannot be read; `usage` with the line that makes no sense.
pub(super) fn read(args: &ImportArgs) -> Outcome<Vec<TrustedKey>> {
    let (name, text) = match args.file.as_deref() {
        None | Some("-") => ("standard input", from_stdin()),
        Some("") => return Err(fail(FailureKind::Usage, "keys import: no file given")),
        Some(file) => (file, plain_file::read_to_string(file.as_ref(), FILE_MAX)),
    };
    let text = text.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::FileTooLarge => too_long(),
            io::ErrorKind::InvalidInput => {
                format!("{} (to read from a pipe: simpctl keys import -)", system(&error))
            }
            _ => system(&error),
        };
        fail(FailureKind::Failed, format!("{name}: {why}"))
    })?;
    keys(&text).map_err(|why| fail(FailureKind::Usage, format!("{name}: {why}")))
}

fn from_stdin() -> io::Result<String> {
    let mut text = String::new();
    match io::stdin().lock().take(FILE_MAX + 1).read_to_string(&mut text)? as u64 {
        0..=FILE_MAX => Ok(text),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

fn too_long() -> String {
    format!("more than {} MiB (import it in parts)", FILE_MAX >> 20)
}

/// The keys of a text, or what is wrong with which line.
fn keys(text: &str) -> Result<Vec<TrustedKey>, String> {
    let mut known: BTreeMap<String, (KeyId, usize)> = BTreeMap::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (owner, key) = read_key_line(line).map_err(|why| format!("line {number}: {why}"))?;
        match known.insert(owner.clone(), (key, number)) {
            Some((before, at)) if before != key => {
                return Err(format!("line {number}: {owner} has another key on line {at}"));
            }
            _ if known.len() > KEYS_MAX => {
                return Err(format!("line {number}: at most {KEYS_MAX} keys at once (import it in parts)"));
            }
            _ => {}
        }
    }
    Ok(known.into_iter().map(|(who, (key, _))| TrustedKey { who, key }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> KeyId {
        KeyId::new([n; 32])
    }

    #[test]
    fn comments_empty_lines_and_repetitions_mean_nothing() {
        let text = format!(
            "# ours\n\n  127.0.0.2\t {one}  \r\n#127.0.0.3 {one}\n127.0.0.2:7777 {one}\n",
            one = key(1)
        );
        assert_eq!(keys(&text), Ok(vec![TrustedKey { who: "127.0.0.2:7777".to_owned(), key: key(1) }]));
        assert_eq!(keys(""), Ok(vec![]));
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        let (one, two) = (key(1), key(2));
        for (text, why) in [
            (
                format!("bob {one}\n{one}"),
                "line 2: expected whose key it is, and the key (10.0.0.2:7777 SHA256:...)",
            ),
            (
                "bob SHA256:abc".to_owned(),
                "line 1: SHA256:abc: a key is SHA256: and 43 characters (see: simpctl key)",
            ),
            (format!("0.0.0.0 {one}"), "line 1: 0.0.0.0:7777: not the address of one host"),
            (format!("bob {one}\n#\n\nbob {two}"), "line 4: bob has another key on line 1"),
        ] {
            assert_eq!(keys(&text), Err(why.to_owned()));
        }
        let many: String = (0..=5_000).map(|n| format!("u{n} {one}\n")).collect();
        assert_eq!(keys(&many), Err("line 5001: at most 5000 keys at once (import it in parts)".to_owned()));
    }
}
