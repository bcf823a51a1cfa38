//! Files: their items, their errors, and when they have changed.

mod common;

use std::path::PathBuf;

use common::{Pki, pem, provider};
use rustls_ext::{Anchors, FileProblem, Files, with_causes};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

#[test]
fn the_items_of_a_file_are_read() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let both = pem("CERTIFICATE", &pki.agents.der) + &pem("CERTIFICATE", &pki.staff.der);
    let mut files = Files::new();
    let roots = files.roots(folder.write("cas.pem", both)).unwrap();
    assert_eq!(roots.len(), 2);

    let certificate = folder.write("server.pem", pem("CERTIFICATE", &pki.server.chain[0]));
    let key = folder.write("server.key", pem("PRIVATE KEY", &pki.server.key));
    let key = files.certified_key(certificate, key, &provider()).unwrap();
    assert_eq!(key.cert, pki.server.chain);

    let list = pki.agents.revoke(&[]);
    let in_pem = files.crls(folder.write("crl.pem", pem("X509 CRL", &list))).unwrap();
    let in_der = files.crls(folder.write("crl.der", &list)).unwrap();
    assert_eq!((in_pem[0].der(), in_der[0].der()), (&list, &list));

    let names: Vec<_> = files.paths().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["cas.pem", "crl.der", "crl.pem", "server.key", "server.pem"]);
}

#[test]
fn an_error_about_a_file_has_its_name() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let certificate = folder.write("agent.pem", pem("CERTIFICATE", &pki.agent.chain[0]));
    let key = folder.write("server.key", pem("PRIVATE KEY", &pki.server.key));
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let mut files = Files::new();
    let mut said = Vec::new();
    let mut say = |error: rustls_ext::FileError| {
        let text = with_causes(&error);
        said.push(text.rsplit_once(['/', '\\']).map_or(text.clone(), |(_, rest)| rest.into()));
    };
    let missing = files.read(folder.0.path().join("missing.pem")).unwrap_err();
    assert!(matches!(missing.problem, FileProblem::Unreadable(_)));
    say(Anchors::from_pem_file(folder.write("empty.pem", "")).unwrap_err());
    say(files.certificates(folder.write("broken.pem", broken)).unwrap_err());
    say(files.certificates(folder.write("endless.pem", &broken[..30])).unwrap_err());
    say(files
        .anchors(folder.write("none.pem", pem("CERTIFICATE", &[0x30, 2, 0x30, 0])))
        .unwrap_err());
    say(files.private_key(&certificate).unwrap_err());
    let secret = folder.write("secret.key", pem("ENCRYPTED PRIVATE KEY", &[0; 3]));
    say(files.private_key(secret).unwrap_err());
    say(files.crls(&certificate).unwrap_err());
    let odd = folder.write("odd.key", pem("PRIVATE KEY", &[0x30, 3, 2, 1, 0]));
    say(files.certified_key(&certificate, odd, &provider()).unwrap_err());
    let error = files.certified_key(&certificate, key, &provider()).unwrap_err();
    assert!(
        matches!(&error.problem, FileProblem::AnotherKey { certificate } if certificate.ends_with("agent.pem"))
    );
    assert_eq!(
        said,
        [
            "empty.pem: no certificate in it",
            "broken.pem: line 2: the section is not base64: copy or export it once more",
            "endless.pem: line 1: the section \"CERTIFICATE\" that begins here has no end: put its \
             last line, `-----END CERTIFICATE-----`, after it",
            "none.pem: not a trust anchor: a certificate cannot be read: it is malformed",
            "agent.pem: no private key in it, only CERTIFICATE",
            "secret.key: the key is encrypted; `openssl pkey` decrypts it",
            "agent.pem: no certificate revocation list in it, only CERTIFICATE",
            "odd.key: not a usable key: unexpected error: failed to parse private key as RSA, ECDSA, \
             or EdDSA",
        ]
    );
}

#[test]
fn a_change_is_noticed_by_the_content_of_the_file() {
    let folder = Folder::new();
    let (one, two) = (folder.write("one", "1"), folder.0.path().join("two"));
    let mut files = Files::new();
    files.read(&one).unwrap();
    files.read(&two).unwrap_err();
    assert_eq!(files.look_again(), files);

    // written again with the same content
    folder.write("one", "1");
    assert_eq!(files.look_again(), files);
    folder.write("one", "2");
    assert_ne!(files.look_again(), files);

    // replaced by renaming; a file that appears; one that is removed
    std::fs::rename(folder.write("aside", "1"), &one).unwrap();
    assert_eq!(files.look_again(), files);
    folder.write("two", "");
    assert_ne!(files.look_again(), files);
    std::fs::remove_file(&two).unwrap();
    assert_eq!(files.look_again(), files);
    std::fs::remove_file(&one).unwrap();
    assert_ne!(files.look_again(), files);
}
