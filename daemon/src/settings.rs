//! simpd.toml as settings, each with the place where it is said. What they mean is in `config`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use simp_control::error::system;
use simp_service::plain_file;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::syntax;

/// Most bytes of a file: all chats wait while it is read again.
const FILE_MAX: u64 = 1 << 20;

/// Why the settings make no sense.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No address at all.
    #[error("no address given (for example: simpd 127.0.0.1)")]
    NoAddress,
    /// Where it is said, what is wrong, and what it may be.
    #[error("{0}")]
    Wrong(String),
}

/// What somebody said, and where: `FILE: line 3: user`, or `--user`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T = String> {
    /// Where.
    pub place: String,
    /// What.
    pub value: T,
}

impl<T> Said<T> {
    /// What is wrong with it.
    pub fn wrong(&self, what: impl Display) -> ConfigError {
        ConfigError::Wrong(format!("{}: {what}", self.place))
    }
}

impl Said {
    /// The same, with what was said before it.
    pub fn is_no(&self, what: impl Display) -> ConfigError {
        let said = format!("{} '{}'", self.place, self.value);
        ConfigError::Wrong(format!("{}: {what}", said.trim_start()))
    }
}

/// A value as TOML has it.
#[derive(Debug)]
pub enum Value {
    /// Between quotation marks.
    Text(String),
    /// A number, in decimal.
    Number(String),
    /// A list.
    List(Vec<Value>),
    /// A table, with the place of each value.
    Table(Vec<(String, Said<Value>)>),
    /// Anything else, as it is written.
    Other(String),
}

/// What a file says. Each setting is taken once; what is left then is unknown.
#[derive(Debug, Default)]
pub struct Settings {
    left: BTreeMap<String, Said<Value>>,
    known: Vec<&'static str>,
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is no TOML.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = plain_file::read_to_string(path, FILE_MAX).map_err(|error| unreadable(path, &error))?;
        let source = Source::new(path, &text);
        let table = DeTable::parse(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let wrong = syntax::wrong(source.whole_line(at), error.message());
            ConfigError::Wrong(format!("{}: {wrong}", source.line(at)))
        })?;
        let left = source.table("", table.get_ref()).into_iter().collect();
        Ok(Self { left, known: Vec::new() })
    }

    fn take(&mut self, name: &'static str) -> Option<Said<Value>> {
        self.known.push(name);
        self.left.remove(name)
    }

    /// A setting that is a text.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&mut self, name: &'static str) -> Result<Option<Said>, ConfigError> {
        let Some(said) = self.take(name) else { return Ok(None) };
        match said.value {
            Value::Text(value) => Ok(Some(Said { place: said.place, value })),
            _ => Err(said.wrong("expected a text between quotation marks")),
        }
    }

    /// A setting that is a number. What has no quotation marks and is none is left to whoever knows which it may be.
    ///
    /// # Errors
    /// It is something else.
    pub fn number(&mut self, name: &'static str) -> Result<Option<Said>, ConfigError> {
        let Some(said) = self.take(name) else { return Ok(None) };
        match said.value {
            Value::Number(value) | Value::Other(value) => Ok(Some(Said { place: said.place, value })),
            Value::Text(_) => Err(said.wrong("expected a number, without quotation marks")),
            Value::List(_) | Value::Table(_) => Err(said.wrong("expected a number")),
        }
    }

    /// A setting that is a length of time: a number of seconds, or a text.
    ///
    /// # Errors
    /// It is something else.
    pub fn length(&mut self, name: &'static str) -> Result<Option<Said>, ConfigError> {
        let Some(said) = self.take(name) else { return Ok(None) };
        match said.value {
            Value::Number(value) | Value::Text(value) => Ok(Some(Said { place: said.place, value })),
            _ => Err(said.wrong("expected a number of seconds, or a length of time such as \"2h\"")),
        }
    }

    /// A setting that is a list of texts; empty if it is not there.
    ///
    /// # Errors
    /// It is something else.
    pub fn texts(&mut self, name: &'static str) -> Result<Vec<Said>, ConfigError> {
        let Some(said) = self.take(name) else { return Ok(Vec::new()) };
        let wrong = || said.wrong("expected a list of texts, such as [\"unread\", \"undelivered\"]");
        let Value::List(list) = &said.value else { return Err(wrong()) };
        let texts = list.iter().map(|value| match value {
            Value::Text(value) => Ok(Said { place: said.place.clone(), value: value.clone() }),
            _ => Err(wrong()),
        });
        texts.collect()
    }

    /// A setting that is a table; empty if it is not there.
    ///
    /// # Errors
    /// It is something else.
    pub fn table(&mut self, name: &'static str) -> Result<Vec<(String, Said<Value>)>, ConfigError> {
        let Some(said) = self.take(name) else { return Ok(Vec::new()) };
        match said.value {
            Value::Table(table) => Ok(table),
            _ => Err(said.wrong(format!("expected a table: a line [{name}], and what is in it below"))),
        }
    }

    /// Makes sure that nothing is left that nobody has asked for.
    ///
    /// # Errors
    /// The first such setting.
    pub fn finish(self) -> Result<(), ConfigError> {
        match self.left.into_values().next() {
            Some(said) => Err(said.wrong(format!("unknown setting (known: {})", self.known.join(", ")))),
            None => Ok(()),
        }
    }
}

/// A link on the way to a file that leads to nothing.
pub fn dangling(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| path.is_symlink() && !path.exists())
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError::Wrong(match dangling(path) {
        Some(link) => {
            let target = link.read_link().unwrap_or_default();
            let (link, target) = (link.display(), target.display());
            format!("{link}: a link to {target}, which is not there (make it, or remove the link)")
        }
        None if path.as_os_str().is_empty() => "--config: no file given".to_owned(),
        // A device, such as /dev/null, or a pipe, which could not be read again on SIGHUP.
        None if error.kind() == io::ErrorKind::InvalidInput => {
            format!("{}: {error} (name one with --config; it may be empty)", path.display())
        }
        None if error.kind() == io::ErrorKind::FileTooLarge => {
            format!("{}: {} (name a configuration with --config)", path.display(), system(error))
        }
        None => format!("{}: {}", path.display(), system(error)),
    })
}

/// A file that is read.
struct Source<'a> {
    path: PathBuf,
    text: &'a str,
    /// Where its lines end: each setting asks for its line, and there may be very many.
    ends: Vec<usize>,
}

impl<'a> Source<'a> {
    fn new(path: &Path, text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Self { path: path.to_owned(), text, ends }
    }

    /// The line of this byte.
    fn line(&self, at: usize) -> String {
        let line = self.ends.partition_point(|end| *end < at) + 1;
        format!("{}: line {line}", self.path.display())
    }

    /// All of that line.
    fn whole_line(&self, at: usize) -> &str {
        let (before, after) = self.text.split_at_checked(at).unwrap_or((self.text, ""));
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let end = after.find('\n').map_or(self.text.len(), |end| at + end);
        self.text.get(begin..end).unwrap_or_default()
    }

    /// The entries of a table, whose places begin with this after the line.
    fn table(&self, of: &str, table: &DeTable<'_>) -> Vec<(String, Said<Value>)> {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            let line = self.line(key.span().start);
            // Keys of a table within are peers' addresses, which could be anything.
            let place =
                if of.is_empty() { format!("{line}: {name}") } else { format!("{line}: [{of}] '{name}'") };
            (name.to_string(), Said { place, value: self.value(name, value) })
        };
        table.iter().map(entry).collect()
    }

    fn value(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Value {
        let as_written = || self.text.get(value.span()).unwrap_or_default().to_owned();
        match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Value::Other(as_written()), |number| Value::Number(number.to_string())),
            DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Array(list) => Value::List(list.iter().map(|value| self.value(name, value)).collect()),
            DeValue::Table(table) => Value::Table(self.table(name, table)),
            DeValue::Boolean(_) | DeValue::Datetime(_) => Value::Other(as_written()),
        }
    }
}
