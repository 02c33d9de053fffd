//! `keys`: creates a key pair for a client, and prints how to register it.

use super::{Exit, Failure, print};
use crate::{
    base::{ids::Ids, io_error},
    config::DEFAULT_URL,
    domain::oauth::{SigningKey, is_client_id},
};
use clap::{Args, Subcommand};
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

#[derive(Debug, Subcommand)]
pub(super) enum KeyOptions {
    /// Create an RSA key pair for a client in two files, and print how to register it.
    Generate(Generate),
}

#[derive(Args, Debug)]
pub(super) struct Generate {
    /// Base name of the files: NAME.key.pem is the private key, NAME.pub.pem the public key.
    #[arg(long, value_name = "NAME", default_value = "client")]
    out: PathBuf,

    /// The size of the key.
    #[arg(long, value_name = "BITS", default_value = "2048", value_parser = ["2048", "3072", "4096"])]
    bits: String,

    /// The client that the key is for. [default: generated]
    #[arg(long, value_name = "ID", value_parser = client_id)]
    client_id: Option<String>,
}

pub(super) fn keys(options: &KeyOptions) -> Result<Exit, Failure> {
    let KeyOptions::Generate(options) = options;
    let failed = |problem: String| Failure::new(Exit::Runtime, problem);
    let bits = options.bits.parse().unwrap_or(2048);
    let key = SigningKey::generate(bits).map_err(|error| failed(error.to_string()))?;
    let private_pem = key.private_pem().map_err(|error| failed(error.to_string()))?;
    let (private, public) = (with_ending(&options.out, ".key.pem"), with_ending(&options.out, ".pub.pem"));
    // Both files are created before either is written, so that no incomplete pair is left behind.
    let mut private_file = create(&private, 0o600)?;
    let mut public_file = create(&public, 0o644).inspect_err(|_| drop(std::fs::remove_file(&private)))?;
    let written = private_file
        .write_all(private_pem.as_bytes())
        .and_then(|()| public_file.write_all(key.public_pem().as_bytes()));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&private).and_then(|()| std::fs::remove_file(&public));
        return Err(failed(format!("cannot write the keys: {}", io_error::reason(&error))));
    }
    let id = options.client_id.clone().unwrap_or_else(|| Ids::from_entropy().secret("client_", 32));
    let (private, public) = (private.display(), public.display());
    let pem = key.public_pem().replace('\n', "\\n");
    let text = format!(
        "client_id    {id}\n\
         private key  {private} (keep it to yourself)\n\
         public key   {public}\n\
         \n\
         Start a server with this client:\n  \
           docendorse-mock serve --client-key {id}={public}\n\
         \n\
         Or register it with a running server:\n  \
           curl {DEFAULT_URL}/__admin/clients -d '{{\"client_id\":\"{id}\",\"public_key\":\"{pem}\"}}'\n\
         \n\
         Then get a token:\n  \
           docendorse-mock token --client-id {id} --key {private}\n"
    );
    print(text.as_bytes()).map(|()| Exit::Fine)
}

fn with_ending(name: &Path, ending: &str) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Creates a new file. An existing file is not touched.
fn create(path: &Path, mode: u32) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path).map_err(|error| {
        let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
        let (exit, fix) = if exists {
            (Exit::File, "; existing files are not overwritten, so choose another --out")
        } else {
            (Exit::Runtime, "")
        };
        let reason = io_error::reason_of_write(&error);
        Failure::new(exit, format!("{}: cannot be written: {reason}{fix}", path.display()))
    })
}

fn client_id(text: &str) -> Result<String, String> {
    if is_client_id(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not a client_id; write \"client_\" followed by 32 lower-case hexadecimal digits"))
    }
}
