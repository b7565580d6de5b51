//! Replacing a file by a new one as a whole: a reader sees the old content or the new, never a part.
//!
//! The new file is written beside the old one under a temporary name and renamed. A file that is not finished is removed.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The maximum number of symbolic links that are followed, as on Linux.
const MAX_LINKS: usize = 40;

/// Writes a new file in place of the one that `path` names, with the permissions of the old one. A symbolic link stays, and the
/// file that it names is replaced. A device or a pipe is written to.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = target_of(path)?;
    if is_stream(path) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let permissions = std::fs::metadata(&target).ok().map(|metadata| metadata.permissions());
    // A file whose permissions are still to be set belongs to the owner alone until then.
    let mut temporary = temporary_beside(&target, permissions.is_some())?;
    temporary.write_all(bytes)?;
    if let Some(permissions) = permissions {
        temporary.as_file().set_permissions(permissions)?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(&target)?;
    Ok(())
}

/// The same for a file that only its owner may read, and that is no symbolic link afterwards. It is not synchronised: losing it
/// costs time only.
#[cfg(feature = "gpu")]
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = temporary_beside(path, true)?;
    temporary.write_all(bytes)?;
    temporary.persist(path)?;
    Ok(())
}

/// Creates a new file where [`replace`] would, and removes it: only an attempt accounts for owners, read-only disks and the like.
pub(crate) fn attempt(path: &Path) -> io::Result<()> {
    if is_stream(path) {
        return Ok(());
    }
    temporary_beside(&target_of(path)?, false).map(drop)
}

/// Whether `path` names a device or a pipe, through any links.
fn is_stream(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The file that `path` names, through symbolic links; it need not exist.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match std::fs::read_link(&target) {
            // An absolute path replaces all before it.
            Ok(link) => target = target.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("its symbolic links name each other"))
}

/// A file in the folder of `path`, because a rename works only within one file system. It is removed unless it is renamed.
fn temporary_beside(path: &Path, is_private: bool) -> io::Result<NamedTempFile> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no file name"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    if let Some(permissions) = (!is_private).then(usual_permissions).flatten() {
        builder.permissions(permissions);
    }
    // tempfile adds the path to its errors; callers name the path themselves.
    builder.tempfile_in(folder).map_err(|error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error))
}

/// Those of a file that is created as usual, before the umask applies; `None` where there is no such thing.
fn usual_permissions() -> Option<Permissions> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    #[cfg(not(unix))]
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("inside")).expect("folder");
        std::fs::write(at("inside/target"), b"old").expect("target");
        symlink("inside/target", at("first")).expect("link");
        symlink(at("first"), at("second")).expect("link");
        symlink("inside/new", at("dangling")).expect("link");
        for (link, target) in [("second", "inside/target"), ("dangling", "inside/new")] {
            attempt(&at(link)).expect("writable");
            replace(&at(link), b"new").expect("replaced");
            assert!(at(link).is_symlink(), "{link}");
            assert_eq!(std::fs::read(at(target)).expect("target"), b"new", "{link}");
        }
        assert_eq!(std::fs::read_dir(at("inside")).expect("folder").count(), 2);
        symlink("round", at("round")).expect("link");
        assert!(replace(&at("round"), b"new").is_err());
    }

    #[test]
    fn permissions_stay() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, b"old").expect("file");
        for mode in [0o600, 0o640, 0o444] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode");
            replace(&path, b"new").expect("replaced");
            assert_eq!(std::fs::metadata(&path).expect("file").permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn a_device_is_written_to_and_stays_one() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("null.json");
        symlink("/dev/null", &link).expect("a link");
        attempt(&link).expect("it takes anything");
        replace(&link, b"[]").expect("it takes anything");
        assert!(std::fs::metadata("/dev/null").expect("a device").file_type().is_char_device());
    }
}
