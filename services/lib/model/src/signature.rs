//! Who vouches for a model: ed25519 signatures over its manifest (RFC 8032).
//!
//! A manifest names its graphs, labels and inputs, and the digest is the SHA-256 of its bytes, so
//! a signature over the digest covers all of the model. Keys are files that `openssl genpkey
//! -algorithm ed25519` and `openssl pkey -pubout` write; hydra never holds a private one.

use hydra_proto::ModelDigest;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes of one signature.
pub const SIGNATURE_BYTES: usize = 64;
/// What is signed begins with this, so that a key's signature over anything else is none here.
const PURPOSE: &[u8] = b"hydra model\n";
/// An ed25519 public key as `SubjectPublicKeyInfo` (RFC 8410): this, then 32 bytes.
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a file that holds a key in PEM.
    #[error("{} holds no {what} in PEM", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The kind of key that was looked for.
        what: &'static str,
        /// Why not.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// A key of another kind.
    #[error("{} holds a key that is not ed25519", .0.display())]
    Kind(PathBuf),
}

fn signed_text(model: &ModelDigest) -> Vec<u8> {
    [PURPOSE, model.as_bytes()].concat()
}

/// The public keys whose owners may vouch; cheap to clone. Without any, no signature is asked for.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Arc<[[u8; 32]]>);

impl TrustedKeys {
    /// Reads public keys, a PEM file each.
    ///
    /// # Errors
    /// [`KeyError`] names the file.
    pub fn read(files: &[PathBuf]) -> Result<Self, KeyError> {
        files.iter().map(|file| public_key(file)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether no signature is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of `signatures`, [`SIGNATURE_BYTES`] each, is that of a trusted key.
    pub fn vouch(&self, model: &ModelDigest, signatures: &[u8]) -> bool {
        let text = signed_text(model);
        self.0.iter().any(|key| {
            let key = UnparsedPublicKey::new(&ED25519, key);
            signatures.chunks_exact(SIGNATURE_BYTES).any(|one| key.verify(&text, one).is_ok())
        })
    }
}

fn public_key(path: &Path) -> Result<[u8; 32], KeyError> {
    let found = SubjectPublicKeyInfoDer::from_pem_file(path).map_err(|source| {
        KeyError::Unreadable { path: path.to_owned(), what: "public key", source }
    })?;
    let key = found.strip_prefix(&PUBLIC_PREFIX).and_then(|key| key.try_into().ok());
    key.ok_or_else(|| KeyError::Kind(path.to_owned()))
}

/// A private key; signs and is forgotten.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a private key in PEM (PKCS #8).
    ///
    /// # Errors
    /// [`KeyError`] names the file.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let found = PrivatePkcs8KeyDer::from_pem_file(path).map_err(|source| {
            KeyError::Unreadable { path: path.to_owned(), what: "private key", source }
        })?;
        // OpenSSL writes the first version of PKCS #8, without the public key
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(found.secret_pkcs8_der());
        pair.map(Self).map_err(|_refused| KeyError::Kind(path.to_owned()))
    }

    /// The signature over a model.
    pub fn sign(&self, model: &ModelDigest) -> [u8; SIGNATURE_BYTES] {
        let made = self.0.sign(&signed_text(model));
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(made.as_ref());
        signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn openssl(arguments: &[&str]) {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// A private key and its public half, made by OpenSSL.
    fn keys(dir: &Path, name: &str, kind: &[&str]) -> [PathBuf; 2] {
        let files = [dir.join(name), dir.join(format!("{name}.pub"))];
        let [private, public] = [&files[0], &files[1]].map(|path| path.to_str().unwrap());
        openssl(&[&["genpkey", "-out", private, "-algorithm"], kind].concat());
        openssl(&["pkey", "-in", private, "-pubout", "-out", public]);
        files
    }

    #[test]
    fn only_the_owner_of_a_trusted_key_vouches_and_for_that_model_only() {
        let dir = tempfile::tempdir().unwrap();
        let [alice, alice_public] = keys(dir.path(), "alice", &["ed25519"]);
        let [bob, bob_public] = keys(dir.path(), "bob", &["ed25519"]);
        let (model, other) = (ModelDigest::from_bytes([7; 32]), ModelDigest::from_bytes([8; 32]));
        let by_alice = SigningKey::read(&alice).unwrap().sign(&model);
        let by_bob = SigningKey::read(&bob).unwrap().sign(&model);
        let trusted = TrustedKeys::read(&[alice_public]).unwrap();
        assert!(trusted.vouch(&model, &by_alice));
        assert!(!trusted.vouch(&other, &by_alice));
        assert!(!trusted.vouch(&model, &by_bob), "signed by another key");
        assert!(trusted.vouch(&model, &[by_bob, by_alice].concat()), "one of several is enough");
        assert!(!trusted.vouch(&model, &[]) && !trusted.vouch(&model, &by_alice[..63]));
        let mut bent = by_alice;
        bent[0] ^= 1;
        assert!(!trusted.vouch(&model, &bent));
        // the same key's signature over the bare digest is not ours
        let bare = SigningKey::read(&alice).unwrap().0.sign(model.as_bytes());
        assert!(!trusted.vouch(&model, bare.as_ref()));
        assert!(!trusted.is_empty() && TrustedKeys::read(&[bob_public]).is_ok());
    }

    #[test]
    fn keys_of_other_kinds_and_files_without_a_key_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let curve = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let [private, public] = keys(dir.path(), "curve", &curve);
        let refused = TrustedKeys::read(&[public]).unwrap_err().to_string();
        assert!(refused.contains("curve.pub") && refused.contains("not ed25519"), "{refused}");
        assert!(matches!(SigningKey::read(&private), Err(KeyError::Kind(_))));
        let [private, public] = keys(dir.path(), "alice", &["ed25519"]);
        assert!(matches!(TrustedKeys::read(&[private]), Err(KeyError::Unreadable { .. })));
        assert!(matches!(SigningKey::read(&public), Err(KeyError::Unreadable { .. })));
        let nowhere = dir.path().join("nowhere");
        assert!(matches!(TrustedKeys::read(&[nowhere]), Err(KeyError::Unreadable { .. })));
    }
}
