//! The device's Ed25519 key.
//!
//! It stands in a file of its own beside the database, readable by its owner alone. Not in the database: that is what
//! people copy when they back up a device or send it to whoever helps them, and a copy of the records must not be able
//! to speak as the device. Encryption of both at rest, under the platform's key store, is a layer that is still to come.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use ed25519_dalek::SigningKey;
use rand_core::Rng;

use crate::error::Error;

/// Reads the key of a device that is enrolled. Another key would be another device, so none is made.
pub(crate) fn read(file: &Path) -> Result<SigningKey, Error> {
    found(file)?.ok_or_else(|| Error::NoKey { file: file.to_owned() })
}

/// Reads the key, or makes one on first use. It is durable before it is used.
pub(crate) fn read_or_make(file: &Path, rng: &mut dyn Rng) -> Result<SigningKey, Error> {
    match found(file)? {
        Some(key) => Ok(key),
        None => make(file, rng).map_err(|cause| Error::Io { path: file.to_owned(), cause }),
    }
}

fn found(file: &Path) -> Result<Option<SigningKey>, Error> {
    match fs::read(file) {
        Ok(bytes) => {
            let seed: [u8; 32] = bytes.try_into().map_err(|_| Error::BadKey { file: file.to_owned() })?;
            Ok(Some(SigningKey::from_bytes(&seed)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::Io { path: file.to_owned(), cause }),
    }
}

fn make(file: &Path, rng: &mut dyn Rng) -> std::io::Result<SigningKey> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    // Written aside and renamed, so that a crash leaves no half a key.
    let aside = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut writing = options.open(&aside)?;
    writing.write_all(&seed)?;
    writing.sync_all()?;
    fs::rename(&aside, file)?;
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(SigningKey::from_bytes(&seed))
}
