//! A private certificate authority, by OpenSSL.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// An authority and a certificate that it gave to the server `localhost`. Gone when dropped.
pub struct Authority {
    dir: TempDir,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Draws keys and signs.
    ///
    /// # Panics
    /// When OpenSSL is not installed.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("hydra-tls").tempdir().expect("a folder");
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 2";
        openssl(
            dir.path(),
            &format!(
                "req -x509 {curve} -keyout ca.key -out ca.pem -subj /CN=test -addext \
                 basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
            ),
        );
        openssl(
            dir.path(),
            &format!("req -new {curve} -keyout key.pem -out server.csr -subj /CN=localhost")
                .replace(" -days 2", ""),
        );
        let extensions = "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n\
                          basicConstraints=critical,CA:FALSE\n";
        fs::write(dir.path().join("extensions"), extensions).expect("a file");
        openssl(
            dir.path(),
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -sha256 -days 2 \
             -extfile extensions -out cert.pem",
        );
        Self { dir }
    }

    /// The authority's own certificate, which clients trust.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    /// The server's private key.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }
}

fn openssl(dir: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split_whitespace()).current_dir(dir).output();
    let done = done.expect("OpenSSL is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
