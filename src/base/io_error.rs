//! Error messages for files and sockets.
//!
//! The system's own text, such as `No such file or directory (os error 2)`, differs between platforms and suggests no
//! fix.

use std::io::{Error, ErrorKind};

/// The reason for an error, as the end of a message such as `settings.toml: cannot be read: …`.
#[must_use]
pub fn reason(error: &Error) -> String {
    if cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24)) {
        return "too many files are open; raise the limit (ulimit -n)".to_owned();
    }
    let words = match error.kind() {
        // Created by this program with its own message.
        ErrorKind::Other if error.get_ref().is_some() => return error.to_string(),
        ErrorKind::NotFound => "it does not exist; check the path",
        ErrorKind::PermissionDenied => "permission denied; check its owner and mode, and those of its folder",
        ErrorKind::AlreadyExists => "it already exists",
        ErrorKind::IsADirectory => "it is a folder; name a file",
        ErrorKind::NotADirectory => "a part of its path is a file, not a folder",
        ErrorKind::DirectoryNotEmpty => "the folder is not empty",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; choose another folder",
        ErrorKind::StorageFull => "no space is left on the device",
        ErrorKind::QuotaExceeded => "the disk quota is exceeded",
        ErrorKind::FileTooLarge => "it is larger than the file system allows",
        ErrorKind::InvalidFilename => "its name is too long, or not valid on this file system",
        ErrorKind::InvalidInput => "its name has a character that is not allowed in a path",
        ErrorKind::InvalidData => "it is not UTF-8; save it as UTF-8",
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => "another program is using it",
        ErrorKind::BrokenPipe | ErrorKind::WriteZero => "the reader has closed it",
        ErrorKind::UnexpectedEof => "it ends too early",
        ErrorKind::AddrInUse => "the address is already in use",
        ErrorKind::AddrNotAvailable => "this machine does not have that address",
        ErrorKind::ConnectionRefused => "nothing listens there",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "the other end closed the connection",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            "the network cannot reach it"
        }
        ErrorKind::TimedOut => "it timed out",
        ErrorKind::Unsupported => "this system does not support it",
        ErrorKind::OutOfMemory => "out of memory",
        _ => {
            let code = error.raw_os_error().map_or_else(String::new, |code| format!(" (system error {code})"));
            return format!("the system reported an error{code}");
        }
    };
    words.to_owned()
}

/// Like [`reason`], for a file that is to be created or replaced.
#[must_use]
pub fn reason_of_write(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "its folder does not exist; create it first".to_owned(),
        _ => reason(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_quotes_the_operating_system() {
        // Codes that are the same on every Unix, and two unassigned ones.
        for code in (1..=35).chain([4_000, 99_999]) {
            let error = Error::from_raw_os_error(code);
            let (told, theirs) = (reason(&error), error.to_string());
            let theirs = theirs.split(" (os error").next().unwrap_or_default();
            assert!(!told.contains("os error") && !told.contains(theirs), "{code}: {told}");
            assert!(!told.is_empty() && !told.ends_with('.'), "{code}: {told}");
        }
    }

    #[test]
    fn messages_of_this_program_are_kept() {
        assert_eq!(reason(&Error::other("it is not a regular file any more")), "it is not a regular file any more");
        let foreign = Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8");
        assert_eq!(reason(&foreign), "it is not UTF-8; save it as UTF-8");
    }
}
