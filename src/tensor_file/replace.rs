//! Replacing a file by a new one as a whole: whoever reads sees the old or the new.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Symbolic links that are followed from one to the next, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Writes a new file beside the one that `path` names and puts it in its place, with the permissions that it had.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = target_of(path)?;
    if is_stream(path) {
        // A device or a pipe is no file that could be replaced.
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let permissions = std::fs::metadata(&target).ok().map(|metadata| metadata.permissions());
    let temporary = temporary_beside(&target)?;
    let file = create(&temporary, permissions.is_some())?;
    let replaced = fill(file, bytes, permissions).and_then(|()| std::fs::rename(&temporary, &target));
    if replaced.is_err() {
        // The first failure is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    replaced
}

/// Makes a new file where [`replace`] would, and removes it: only an attempt knows all of owners, read-only disks and their like.
pub(super) fn attempt(path: &Path) -> io::Result<()> {
    if is_stream(path) {
        return Ok(());
    }
    let temporary = temporary_beside(&target_of(path)?)?;
    create(&temporary, false)?;
    std::fs::remove_file(&temporary)
}

/// Creates a file. One whose permissions are still to be set is the owner's alone until then.
fn create(path: &Path, is_private: bool) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = is_private;
    options.open(path)
}

fn fill(mut file: File, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    file.write_all(bytes)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.sync_all()
}

/// Whether `path` names a device or a pipe, through whatever links.
fn is_stream(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// The file that `path` names, through symbolic links; it need not be there.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&target) {
            // A path from the root replaces all before it.
            Ok(link) => target = target.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("its symbolic links name each other"))
}

/// A name in the folder of `path` that no other writer has: a rename works only within one file system.
fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no file name"))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.{}.tmp", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(temporary))
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
