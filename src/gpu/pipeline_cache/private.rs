//! Files that only this user can have written, in folders that only this user can write.
//!
//! On Unix the owner and the permissions of the folder and of the open file are checked. Checking a path would be a
//! race. Other systems keep the folders of users apart.

use crate::replace_file::replace_private;
use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// An error if the folder does not exist, or if others may write into it.
pub(super) fn expect_folder(folder: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(folder)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    system::expect_own(&metadata)
}

/// The bytes of a file; an error if there are more than `most_bytes`.
pub(super) fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    system::without_detours(options.read(true));
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    expect_file(&metadata)?;
    let mut bytes = Vec::new();
    file.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn expect_file(metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no regular file"));
    }
    system::expect_own(metadata)
}

/// Writes a file that only this user may read, and creates its folder if needed.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = DirBuilder::new();
        system::make_private(builder.recursive(true));
        builder.create(folder)?;
        expect_folder(folder)?;
    }
    replace_private(path, bytes)
}

#[cfg(unix)]
mod system {
    use rustix::fs::OFlags;
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    /// The write permissions of others than the owner. On Android each app has its own groups, and the system lets one
    /// of them write into the cache folder.
    const WRITABLE_BY_OTHERS: u32 = if cfg!(target_os = "android") { 0o002 } else { 0o022 };

    pub(super) fn expect_own(metadata: &Metadata) -> io::Result<()> {
        let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
        if is_own && metadata.mode() & WRITABLE_BY_OTHERS == 0 {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "others may have written it"))
    }

    /// Opens no symbolic link, and does not wait for the writer of a pipe.
    pub(super) fn without_detours(options: &mut OpenOptions) {
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }

    pub(super) fn make_private(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;

    pub(super) fn expect_own(_: &Metadata) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn without_detours(_: &mut OpenOptions) {}

    pub(super) fn make_private(_: &mut DirBuilder) {}
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its owner may");
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("it is there").mode() & 0o777
    }

    #[test]
    fn what_is_written_is_for_the_user_alone_and_can_be_read() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("made/when/needed");
        assert_eq!(expect_folder(&folder).expect_err("there is none").kind(), io::ErrorKind::NotFound);
        let path = folder.join("file");
        write(&path, b"pipelines").expect("written");
        assert_eq!((mode(&root.path().join("made")), mode(&folder), mode(&path)), (0o700, 0o700, 0o600));
        expect_folder(&folder).expect("a private folder");
        assert_eq!(read(&path, 9).expect("the file"), b"pipelines");
        assert_eq!(read(&path, 8).expect_err("longer").kind(), io::ErrorKind::FileTooLarge);
        write(&path, b"others").expect("replaced");
        assert_eq!(read(&path, 9).expect("the file"), b"others");
    }

    #[test]
    fn what_others_may_write_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write(&path, b"pipelines").expect("written");
        for writable in [0o620, 0o602, 0o666] {
            set_mode(&path, writable);
            assert_eq!(read(&path, 100).expect_err("refused").kind(), io::ErrorKind::PermissionDenied, "{writable:o}");
        }
        set_mode(&path, 0o644);
        read(&path, 100).expect("others may read it");
        for writable in [0o720, 0o702, 0o777, 0o1777] {
            set_mode(folder.path(), writable);
            expect_folder(folder.path()).expect_err("refused");
            write(&folder.path().join("new"), b"pipelines").expect_err("refused");
        }
        set_mode(folder.path(), 0o755);
        expect_folder(folder.path()).expect("others may look into it");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing was written");
    }

    #[test]
    fn links_and_pipes_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link, pipe) = (folder.path().join("file"), folder.path().join("link"), folder.path().join("pipe"));
        write(&path, b"pipelines").expect("written");
        symlink(&path, &link).expect("a link");
        read(&link, 100).expect_err("a link");
        read(folder.path(), 100).expect_err("a folder");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            read(&pipe, 100).expect_err("a pipe that nobody writes into");
        }
    }

    #[test]
    fn what_others_own_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        write(&path, b"pipelines").expect("written");
        // Only root gives files to others; anyone else has nothing to test here.
        if chown(&path, Some(65534), None).is_err() {
            return;
        }
        assert_eq!(read(&path, 100).expect_err("refused").kind(), io::ErrorKind::PermissionDenied);
        chown(folder.path(), Some(65534), None).expect("root may");
        assert_eq!(expect_folder(folder.path()).expect_err("refused").kind(), io::ErrorKind::PermissionDenied);
    }
}
