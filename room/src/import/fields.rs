//! The fields of a table: what stands between them, and between quotation marks, where a separator and the end of a line are
//! part of the field. What other programs would read in another way is refused: a field that is guessed at may be a password.

/// What a table has for one account: mostly a line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line that it begins in, the first being 1.
    pub line: u64,
    /// As they are, without spaces around them.
    pub fields: Vec<String>,
}

/// What is said of a quotation mark that nothing follows.
pub const OPEN: &str = "a quotation mark that is not closed (close it; one that is part of a field is written as two, in a field \
     between quotation marks)";

/// What is said of one in a field that does not stand between two.
const WITHIN: &str = "a quotation mark within a field (put all of the field between two, and write each that is part of it \
     as two)";

/// All records of a table, without the lines that are empty.
///
/// # Errors
/// The line of a quotation mark that is out of place.
pub fn records(text: &str, separator: char) -> Result<Vec<Record>, String> {
    let mut reader = Reader { rest: text, line: 1, separator };
    let mut all = Vec::new();
    while !reader.rest.is_empty() {
        let (first, after) = reader.rest.split_once('\n').unwrap_or((reader.rest, ""));
        if first.trim().is_empty() {
            reader.rest = after;
            reader.line += 1;
        } else {
            all.push(reader.record()?);
        }
    }
    Ok(all)
}

struct Reader<'a> {
    rest: &'a str,
    line: u64,
    separator: char,
}

impl Reader<'_> {
    fn record(&mut self) -> Result<Record, String> {
        let mut record = Record { line: self.line, fields: Vec::new() };
        loop {
            self.skip_spaces();
            record.fields.push(if self.rest.starts_with('"') { self.quoted()? } else { self.bare()? });
            if let Some(rest) = self.rest.strip_prefix(self.separator) {
                self.rest = rest;
                continue;
            }
            if let Some(rest) = self.rest.strip_prefix('\n') {
                self.rest = rest;
                self.line += 1;
            }
            return Ok(record);
        }
    }

    /// Up to what ends it.
    fn bare(&mut self) -> Result<String, String> {
        let end = self.rest.find([self.separator, '\n']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        if field.contains('"') { Err(self.in_line(WITHIN)) } else { Ok(field.trim().to_owned()) }
    }

    /// What stands between quotation marks.
    fn quoted(&mut self) -> Result<String, String> {
        let open = self.in_line(OPEN);
        let mut field = String::new();
        while let Some(rest) = self.rest.strip_prefix('"') {
            let (piece, after) = rest.split_once('"').ok_or(open.as_str())?;
            self.line += piece.matches('\n').count() as u64;
            field += piece;
            self.rest = after;
            // Two are one that is part of it.
            if after.starts_with('"') {
                field.push('"');
            }
        }
        self.skip_spaces();
        let is_end = self.rest.is_empty() || self.rest.starts_with([self.separator, '\n']);
        if is_end { Ok(field) } else { Err(self.in_line(WITHIN)) }
    }

    fn skip_spaces(&mut self) {
        let separator = self.separator;
        self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() && c != '\n' && c != separator);
    }

    fn in_line(&self, why: &str) -> String {
        format!("line {}: {why}", self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_quotation_marks_is_one_field_whatever_it_is() {
        for (text, fields) in [
            ("a,b", vec!["a", "b"]),
            (" a , b \r\n", vec!["a", "b"]),
            ("a,", vec!["a", ""]),
            (",", vec!["", ""]),
            (r#""a","b""#, vec!["a", "b"]),
            (r#" "a" , "b" "#, vec!["a", "b"]),
            (r#"" a","b,c ""#, vec![" a", "b,c "]),
            (r#""","""""#, vec!["", "\""]),
            (r#""say ""hi""","""""""#, vec!["say \"hi\"", "\"\""]),
            ("\"a\nb\r\nc\",d", vec!["a\nb\r\nc", "d"]),
        ] {
            let fields = fields.into_iter().map(str::to_owned).collect();
            assert_eq!(records(text, ','), Ok(vec![Record { line: 1, fields }]), "{text}");
        }
        let all = records("\n  \r\na\t\"b\n\nc\"\r\n\r\n\td\n", '\t').unwrap();
        let lines: Vec<_> = all.iter().map(|record| (record.line, record.fields.len())).collect();
        assert_eq!(lines, [(3, 2), (7, 2)]);
    }

    #[test]
    fn a_quotation_mark_that_is_out_of_place_is_named_with_its_line() {
        for (text, line, why) in [
            ("a,\"b\nc,d\ne,f\n", 1, OPEN),
            ("a,b\nc,\"", 2, OPEN),
            ("a,\"b\"\"\nc,d", 1, OPEN),
            ("a,b\"\n", 1, WITHIN),
            ("a,b\nc,d\"e\n", 2, WITHIN),
            ("a,\"b\"c\n", 1, WITHIN),
            ("a,\"b\nc,\"d\"\n", 2, WITHIN),
        ] {
            assert_eq!(records(text, ','), Err(format!("line {line}: {why}")), "{text}");
        }
    }
}
