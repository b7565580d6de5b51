//! The usual folder for compiled pipelines, by the conventions of the platform.

use std::ffi::OsString;
use std::path::PathBuf;

/// The folder in which programs of this user usually keep compiled pipelines, for
/// [`SessionOptions::cache_folder`](crate::SessionOptions::cache_folder). It need not exist.
///
/// | platform | folder |
/// |---|---|
/// | Windows | `%LOCALAPPDATA%\\tfjs-wgpu` |
/// | macOS, iOS | `$HOME/Library/Caches/tfjs-wgpu` |
/// | Android | `None`: an app passes a folder of its own data, because the system may empty the cache folder |
/// | others | `$XDG_CACHE_HOME/tfjs-wgpu`, or `$HOME/.cache/tfjs-wgpu` |
///
/// `None` also if the variable of the platform is not set to an absolute path.
///
/// ```no_run
/// use tfjs_wgpu::{SessionOptions, user_cache_folder};
///
/// let options = SessionOptions::default().cache_folder(user_cache_folder());
/// ```
pub fn user_cache_folder() -> Option<PathBuf> {
    choose(|name| std::env::var_os(name))
}

fn choose(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The XDG specification says that relative paths are ignored. The other variables never hold one.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let caches = if cfg!(target_os = "android") {
        None
    } else if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_vendor = "apple") {
        absolute("HOME").map(|home| home.join("Library/Caches"))
    } else {
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("tfjs-wgpu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_follows_the_conventions_of_the_platform() {
        let set = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        assert_eq!(choose(set(&[])), None);
        if cfg!(target_os = "linux") {
            assert_eq!(choose(set(&[("HOME", "/home/me")])), Some("/home/me/.cache/tfjs-wgpu".into()));
            let both = set(&[("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/me")]);
            assert_eq!(choose(both), Some("/cache/tfjs-wgpu".into()));
            let relative = set(&[("XDG_CACHE_HOME", "cache"), ("HOME", "/home/me")]);
            assert_eq!(choose(relative), Some("/home/me/.cache/tfjs-wgpu".into()));
        }
    }
}
