//! Our key: an Ed25519 key in a file that only we can read, as PKCS#8 in PEM (RFC 8410), as other programs write it too.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use nix::unistd::Uid;
use ring::digest::{self, SHA256};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use simp_proto::secure::KeyId;
use simp_service::{disk::trouble, plain_file};

/// SubjectPublicKeyInfo before the 32 bytes of an Ed25519 key (RFC 8410 4).
pub(crate) const PUBLIC_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// PKCS#8 before the 32 bytes of a private one (RFC 8410 7). The form without the public key: not all programs read the other.
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Bytes of a private key.
const SEED_LEN: usize = 32;

/// Most bytes that are read of a file: a key has 119 or a few more.
const FILE_MAX: u64 = 16 << 10;

/// Another process that starts at the same time may take away what we write. Then we look again, so often.
const ATTEMPTS: usize = 3;

/// What the key of stateless resets is derived from, together with ours.
const RESET_LABEL: &[u8] = b"simp-secure stateless reset";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or made.
    #[error("{0}: {trouble}", trouble = trouble(.1, "XDG_STATE_HOME", "it must be ours to read and write"))]
    Io(PathBuf, io::Error),
    /// It is another user's.
    #[error("{0}: this key belongs to another user (chown it, or move it away for a new key)")]
    NotOurs(PathBuf),
    /// Others can read or change it.
    #[error("{path}: others may read or change this key (chmod 600 {path})", path = .0.display())]
    NotPrivate(PathBuf),
    /// What is in it is no key.
    #[error("{0}: not an Ed25519 key in PEM (bring it back from a backup, or move it away for a new key)")]
    NotAKey(PathBuf),
    /// The system has no random numbers.
    #[error("{0}: no key can be made: the system has no random numbers")]
    NoRandom(PathBuf),
}

/// An Ed25519 key.
pub struct Identity {
    pkcs8: PrivatePkcs8KeyDer<'static>,
    public: Vec<u8>,
}

/// By the name of its key alone.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identity").field(&self.id()).finish()
    }
}

impl Identity {
    /// The key in this file, which is made with a new one if it is missing: whole, or not at all. Beside it, `NAME.new` is
    /// ours while it is being made.
    ///
    /// # Errors
    /// [`IdentityError`] names the file, and says what to do.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let failed = |error| IdentityError::Io(path.to_owned(), error);
        for _ in 0..ATTEMPTS {
            match fs::metadata(path) {
                Ok(_) => return Self::read(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
            let mut pkcs8 = [0; PRIVATE_PREFIX.len() + SEED_LEN];
            let (prefix, seed) = pkcs8.split_at_mut(PRIVATE_PREFIX.len());
            prefix.copy_from_slice(&PRIVATE_PREFIX);
            SystemRandom::new().fill(seed).map_err(|_| IdentityError::NoRandom(path.to_owned()))?;
            match make(path, &pem(&pkcs8)) {
                Ok(()) => return Self::read(path),
                // Somebody else was faster, with the same name for the new file or with the file itself.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Self::read(path)
    }

    fn read(path: &Path) -> Result<Self, IdentityError> {
        let failed = |error| IdentityError::Io(path.to_owned(), error);
        let meta = fs::metadata(path).map_err(failed)?;
        if meta.uid() != Uid::effective().as_raw() {
            return Err(IdentityError::NotOurs(path.to_owned()));
        }
        // Whatever else it is, it is no key, and that is said below.
        if meta.is_file() && meta.mode() & 0o077 != 0 {
            return Err(IdentityError::NotPrivate(path.to_owned()));
        }
        let bytes = plain_file::read(path, FILE_MAX).map_err(failed)?;
        Self::from_pem(&bytes).ok_or_else(|| IdentityError::NotAKey(path.to_owned()))
    }

    /// `None` if it is not an Ed25519 key.
    fn from_pem(bytes: &[u8]) -> Option<Self> {
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(bytes).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.secret_pkcs8_der()).ok()?;
        let public = [&PUBLIC_PREFIX[..], pair.public_key().as_ref()].concat();
        Some(Self { pkcs8, public })
    }

    /// What the key is known by.
    pub fn id(&self) -> KeyId {
        key_id(&self.public)
    }

    /// The private key, for TLS.
    pub(crate) fn pkcs8(&self) -> &PrivatePkcs8KeyDer<'static> {
        &self.pkcs8
    }

    /// The public key as SubjectPublicKeyInfo.
    pub(crate) fn public(&self) -> &[u8] {
        &self.public
    }

    /// What stateless resets are made with. The same after a restart, so that the peers of the daemon before hear at once that
    /// it is gone.
    pub(crate) fn reset_key(&self) -> hmac::Key {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.pkcs8.secret_pkcs8_der());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, RESET_LABEL).as_ref())
    }
}

/// What a public key as SubjectPublicKeyInfo is known by.
pub(crate) fn key_id(public: &[u8]) -> KeyId {
    let digest = digest::digest(&SHA256, public);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    KeyId::new(bytes)
}

fn pem(pkcs8: &[u8]) -> String {
    // 48 bytes are 64 digits: one line.
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", Base64::encode_string(pkcs8))
}

/// Makes a file that is there with all that is in it, or not at all. One that is there is never written over: it may be
/// what peers know us by.
fn make(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // One that was left when a start was cut short is no key of anybody.
    let mut file = plain_file::renew(&new)?;
    let made = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // Not renamed: that would replace a file that somebody else has made since.
    let made = made.and_then(|()| fs::hard_link(&new, path));
    let _ = fs::remove_file(&new);
    made?;
    // It outlives a loss of power only then. Some file systems cannot do that, and then there is nothing better.
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
