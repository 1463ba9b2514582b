//! The archive is made.

use std::io::{self, Read, Write};

use tar::{Builder, EntryType, Header};

use crate::about::{About, Sum, Summing};
use crate::{ABOUT, KEY, LOG};

/// An archive that is being made: first the key, then the log, then what seals it.
pub struct Writing<W: Write> {
    tar: Builder<W>,
    at_s: u64,
}

impl<W: Write> Writing<W> {
    /// Begins one, whose files are of this time, in seconds since 1970.
    pub fn begin(to: W, at_s: u64) -> Self {
        Self { tar: Builder::new(to), at_s }
    }

    /// Adds the private key.
    ///
    /// # Errors
    /// Those of writing.
    pub fn key(&mut self, key: &[u8]) -> io::Result<Sum> {
        self.add(KEY, key.len() as u64, key)
    }

    /// Adds the log, which has so many bytes; of any further ones nothing is read.
    ///
    /// # Errors
    /// Those of reading and of writing; [`io::ErrorKind::UnexpectedEof`] if it has fewer.
    pub fn log(&mut self, bytes: u64, from: impl Read) -> io::Result<Sum> {
        self.add(LOG, bytes, from)
    }

    /// Says what it is of: with that it is complete, and nothing of it is left to be written.
    ///
    /// # Errors
    /// Those of writing.
    pub fn seal(mut self, about: &About) -> io::Result<W> {
        let mut text = serde_json::to_vec_pretty(about)?;
        text.push(b'\n');
        self.add(ABOUT, text.len() as u64, text.as_slice())?;
        let mut written = self.tar.into_inner()?;
        written.flush()?;
        Ok(written)
    }

    fn add(&mut self, name: &str, bytes: u64, from: impl Read) -> io::Result<Sum> {
        let mut header = Header::new_gnu();
        header.set_path(name)?;
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(self.at_s);
        header.set_cksum();
        let mut from = Summed { from: from.take(bytes), sum: Summing::begin() };
        self.tar.append(&header, &mut from)?;
        let sum = from.sum.end();
        if sum.bytes < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(sum) }
    }
}

struct Summed<R> {
    from: R,
    sum: Summing,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.sum.add(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
