//! The file key: 32 random bytes outside the database that seal the authority's private key.
//!
//! `DATA/keys/authority.key`, mode 0600 in a folder 0700, written once and never replaced. Sealing is
//! ChaCha20-Poly1305 (RFC 8439) with a random nonce; the purpose is authenticated with it.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const LENGTH: usize = 32;

/// Why the file key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FileKeyError {
    /// The database has an authority, the file is gone.
    #[error(
        "{0} is missing while the database holds an authority sealed with it: put the file back from its backup. \
         Without it this collector cannot sign; moving the database away starts anew, and every machine must enrol again"
    )]
    Missing(PathBuf),
    /// Others may read it.
    #[error("{path} may be read or changed by others (mode {mode:04o}): run « chmod 600 {path} » and start again")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not what this program wrote.
    #[error("{0} does not hold a key of 32 bytes: put the file back from its backup")]
    Malformed(PathBuf),
    /// The file system.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// No random bytes.
    #[error("the system gave no random bytes")]
    NoRandom,
}

/// The file key. Its bytes are never shown.
pub struct FileKey {
    path: PathBuf,
    key: LessSafeKey,
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileKey").field("path", &self.path).finish_non_exhaustive()
    }
}

impl FileKey {
    /// Reads the key of a data folder; [`FileKeyError::Missing`] if there is none.
    pub fn load(data: &Path) -> Result<Self, FileKeyError> {
        let path = path_in(data);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(FileKeyError::Missing(path)),
            Err(error) => return Err(FileKeyError::Io { path, error }),
        };
        refuse_exposed(&path)?;
        if bytes.len() != LENGTH {
            return Err(FileKeyError::Malformed(path));
        }
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| FileKeyError::Malformed(path.clone()))?;
        Ok(Self { path, key: LessSafeKey::new(key) })
    }

    /// Reads the key of a data folder, or makes it.
    pub fn load_or_create(data: &Path) -> Result<Self, FileKeyError> {
        let path = path_in(data);
        if !path.exists() {
            create(&path)?;
        }
        Self::load(data)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Nonce, then the sealed bytes.
    pub fn seal(&self, purpose: &[u8], secret: &[u8]) -> Result<Vec<u8>, FileKeyError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = secret.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut sealed)
            .map_err(|_| FileKeyError::NoRandom)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Self::seal`] sealed for this purpose; `None` if it was altered, or sealed by another key or for another purpose.
    pub fn open(&self, purpose: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.key.open_in_place(nonce, Aad::from(purpose), &mut bytes).ok()?;
        Some(plain.to_vec())
    }
}

fn path_in(data: &Path) -> PathBuf {
    data.join("keys").join("authority.key")
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N], FileKeyError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| FileKeyError::NoRandom)?;
    Ok(bytes)
}

/// Writes the key under another name and links it: it appears whole or not at all, and never replaces one that exists.
fn create(path: &Path) -> Result<(), FileKeyError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| FileKeyError::Io { path, error }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    private_folder(folder).map_err(io(folder))?;
    let suffix = data_encoding::HEXLOWER.encode(&random::<8>()?);
    let draft = folder.join(format!("authority.key.{suffix}"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(&random::<LENGTH>().map_err(std::io::Error::other)?)?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other.and(removed).and_then(|()| fs::File::open(folder)?.sync_all()).map_err(io(path)),
    }
}

/// Makes a folder and its parents; those that it makes are for this user alone (0700).
pub fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), FileKeyError> {
    use std::os::unix::fs::PermissionsExt;
    let meta = fs::metadata(path).map_err(|error| FileKeyError::Io { path: path.to_owned(), error })?;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileKeyError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path) -> Result<(), FileKeyError> {
    Ok(())
}
