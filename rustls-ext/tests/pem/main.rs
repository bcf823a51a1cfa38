//! PEM files (RFC 7468): a file is read completely, or the error names the line.
//!
//! The files in `data/` are like those of operators; their certificates are valid from
//! November 2026 to November 2036.

#[path = "../common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::{Pki, pem, provider};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls_ext::{FileProblem, Files, PemProblem, RevocationList, with_causes};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join("file.pem");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// How many certificates are read from a file with this text.
    fn certificates(&self, text: impl AsRef<[u8]>) -> Result<usize, String> {
        let read = Files::new().certificates(self.write(text));
        read.map(|read| read.len()).map_err(|err| without_path(&with_causes(&err)))
    }

    fn crls(&self, text: impl AsRef<[u8]>) -> Result<usize, String> {
        let read = Files::new().crls(self.write(text));
        read.map(|read| read.len()).map_err(|err| without_path(&with_causes(&err)))
    }

    fn key(&self, text: impl AsRef<[u8]>) -> Result<PrivateKeyDer<'static>, String> {
        let read = Files::new().private_key(self.write(text));
        read.map_err(|err| without_path(&with_causes(&err)))
    }
}

fn without_path(error: &str) -> String {
    error.split_once("file.pem: ").unwrap().1.to_owned()
}

fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/pem/data", name].iter().collect()
}

/// Whether a client's certificate verifies against the anchors of a file, in the year 2030.
fn verifies(anchors: &str, client: &str) -> bool {
    let mut files = Files::new();
    let roots: RootCertStore = files.roots(data(anchors)).unwrap();
    let chain = files.certificates(data(client)).unwrap();
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let in_2030 = UnixTime::since_unix_epoch(Duration::from_secs(1_900_000_000));
    builder.build().unwrap().verify_client_cert(&chain[0], &[], in_2030).is_ok()
}

#[test]
fn anchors_behind_glued_boundaries_and_byte_order_marks_count() {
    for file in ["glued.pem", "bom.pem"] {
        assert_eq!(Files::new().roots(data(file)).unwrap().len(), 2, "{file}");
        assert!(verifies(file, "client-a.pem"), "{file}");
        assert!(verifies(file, "client-b.pem"), "{file}");
    }
    assert_eq!(Files::new().roots(data("bom-only.pem")).unwrap().len(), 1);
    assert!(verifies("bom-only.pem", "client-a.pem"));
    assert!(!verifies("root.pem", "client-a.pem"));
}

#[test]
fn one_structure_in_der_is_read_where_pem_is_expected() {
    let (folder, pki) = (Folder::new(), Pki::new());
    assert_eq!(Files::new().roots(data("ca.der")).unwrap().len(), 1);
    assert_eq!(folder.certificates(&pki.agents.der), Ok(1));
    assert_eq!(folder.crls(pki.agents.revoke(&[])), Ok(1));
    assert_eq!(folder.key(&pki.agent.key).unwrap(), pki.agent.key());

    // Two of them, or something else
    let two = [pki.agents.der.as_ref(), pki.staff.der.as_ref()].concat();
    let advice = ": for PKCS #12 (.p12, .pfx), `openssl pkcs12 -nodes -in FILE -out NEW` converts \
                  it; for PKCS #7 (.p7b), `openssl pkcs7 -inform der -print_certs -in FILE -out \
                  NEW`";
    let not_one = |what| Err(format!("in DER, but not exactly one {what}{advice}"));
    assert_eq!(folder.certificates(two), not_one("certificate"));
    assert_eq!(folder.certificates(&pki.agent.key), not_one("certificate"));
    assert_eq!(folder.certificates(&pki.agents.der[..300]), not_one("certificate"));
    assert_eq!(folder.key(&pki.agents.der).map(drop), not_one("private key").map(drop));
    let list = pki.agents.revoke(&[]);
    assert_eq!(folder.crls([&list[..], b"\n"].concat()), not_one("certificate revocation list"));

    // Text that begins with a zero is text.
    assert_eq!(folder.crls(format!("0 lists\n{}", pem("X509 CRL", &list))), Ok(1));
}

/// Changes to a file of two sections by people and programs, after which both are still read.
fn readable(first: &str, second: &str) -> Vec<String> {
    let both = format!("{first}{second}");
    let indented = |by: &str| both.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let text = "Certificate:\n    Data:\n        Version: 3 (0x2)\n    X509v3 Key Usage: critical\n\
                \n  xn--end.example, xn--begin-4xa\n";
    let bag = "Bag Attributes\n    localKeyID: 54 69 6D\nsubject=CN = a\n\nissuer=CN = b\n";
    vec![
        both.clone(),
        both.trim_end().to_owned(),
        both.replace('\n', "\r\n"),
        both.replace('\n', "\r"),
        both.replace('\n', "\n\n"),
        both.replace('\n', " \t\n"),
        both.replace('\n', " "),
        both.replace('\n', ""),
        indented("  "),
        indented("\t"),
        format!("\u{feff}{both}"),
        format!("{first}\u{feff}{second}"),
        format!("{}{second}", first.trim_end()),
        format!("{}\u{feff}{second}", first.trim_end()),
        format!("{}\n\n \n{second}\n", first.trim_end()),
        format!("{text}{first}{text}{second}{text}"),
        format!("{bag}{first}{bag}{second}"),
        both.replace("-----BEGIN", "# the next one\n-----BEGIN"),
    ]
}

#[test]
fn both_sections_are_read_however_they_are_laid_out() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let certificates = [&pki.agents.der, &pki.staff.der].map(|der| pem("CERTIFICATE", der));
    for text in readable(&certificates[0], &certificates[1]) {
        let read = Files::new().certificates(folder.write(&text)).unwrap();
        assert_eq!(read, [pki.agents.der.clone(), pki.staff.der.clone()], "{text}");
    }
    let lists = [pki.agents.revoke(&[]), pki.staff.revoke(&[7])];
    let [first, second] = [&lists[0], &lists[1]].map(|der| pem("X509 CRL", der));
    for text in readable(&first, &second) {
        let read = Files::new().crls(folder.write(&text)).unwrap();
        let read: Vec<_> = read.iter().map(RevocationList::der).collect();
        assert_eq!(read, lists.iter().collect::<Vec<_>>(), "{text}");
    }
    let key = pem("PRIVATE KEY", &pki.agent.key);
    for text in readable(&certificates[0], &key) {
        assert_eq!(folder.key(&text).unwrap(), pki.agent.key(), "{text}");
        assert_eq!(folder.certificates(&text), Ok(1), "{text}");
    }
    for label in ["X509 CERTIFICATE", "X.509 CERTIFICATE"] {
        assert_eq!(folder.certificates(pem(label, &pki.agents.der)), Ok(1));
    }
    assert_eq!(folder.crls(pem("CRL", &lists[0])), Ok(1));
}

/// All changes of one byte of a boundary.
#[test]
fn damage_to_a_boundary_never_hides_a_certificate() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let text: Vec<u8> = [&pki.agents.der, &pki.staff.der]
        .map(|der| pem("CERTIFICATE", der))
        .concat()
        .replace("\r\n", "\n")
        .into();
    let mut refused = 0;
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        for place in at..at + if line.starts_with(b"-") { line.len() } else { 0 } {
            let (before, rest) = text.split_at(place);
            let changes = ["", "-", " ", "_", "x", "\n", "\u{2013}", "#"]
                .map(|new| [before, new.as_bytes(), &rest[1..]].concat());
            let added = ["-", " ", "x", "\n"].map(|new| [before, new.as_bytes(), rest].concat());
            let lower = [before, &rest[..1].to_ascii_lowercase(), &rest[1..]].concat();
            for damaged in changes.into_iter().chain(added).chain([lower]) {
                match folder.certificates(&damaged) {
                    Ok(read) => assert_eq!(read, 2, "{}", String::from_utf8_lossy(&damaged)),
                    Err(error) => {
                        assert!(error.starts_with("line "), "{error}");
                        refused += 1;
                    }
                }
            }
        }
        at += line.len();
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let good = pem("CERTIFICATE", &pki.agents.der).replace("\r\n", "\n");
    let lines = good.lines().count();
    let looks = "this looks like a PEM boundary, but is not one: write `-----BEGIN LABEL-----` or \
                 `-----END LABEL-----`, with five hyphens on either side";
    let beside = "there is text beside a PEM boundary: put the boundary on a line of its own";
    let known =
        |label| format!("the label {label:?} is not known: correct it, or remove the section");
    let list = pem("X509 CRL", &pki.agents.revoke(&[]));
    for (text, line, said) in [
        (good.replace("-----BEGIN", "----BEGIN"), 1, looks.to_owned()),
        (good.replace("BEGIN", "Begin"), 1, looks.to_owned()),
        (good.replace("-----BEGIN C", "\u{2014}\u{2014}BEGIN C"), 1, looks.to_owned()),
        (good.replace("-----BEGIN", "---- BEGIN"), 1, looks.to_owned()),
        (good.replace("-----END CERTIFICATE-----", "-----END CERTIFICATE"), lines, looks.into()),
        (good.replace("-----BEGIN", "# -----BEGIN"), 1, beside.to_owned()),
        (good.replace("-----BEGIN", "> -----BEGIN"), 1, beside.to_owned()),
        (format!("{}!\n", good.trim_end()), lines, beside.to_owned()),
        (
            good.replace("-----BEGIN CERTIFICATE-----\n", "\n"),
            lines,
            "a section \"CERTIFICATE\" has an end here, but no beginning: put its first line, \
             `-----BEGIN CERTIFICATE-----`, before it"
                .into(),
        ),
        (
            good.replace("-----END CERTIFICATE-----", "") + &good,
            1,
            "the section \"CERTIFICATE\" that begins here has no end: put its last line, \
             `-----END CERTIFICATE-----`, after it"
                .into(),
        ),
        (
            good[..100].into(),
            1,
            "the section \"CERTIFICATE\" that begins here has no end: put its last line, \
             `-----END CERTIFICATE-----`, after it"
                .into(),
        ),
        (
            good.replace("END CERTIFICATE", "END X509 CRL"),
            lines,
            "the section \"CERTIFICATE\" that begins on line 1 ends with the label \"X509 CRL\": \
             use the same label"
                .into(),
        ),
        (
            good.replacen("MII", "M!I", 1),
            2,
            "the section is not base64: copy or export it once more".into(),
        ),
        (
            good.replacen("MII", "Comment: x\n\nMII", 1),
            2,
            "there is a header field in the section, which RFC 7468 does not allow: remove it"
                .into(),
        ),
        (
            good.replacen(&good.lines().nth(2).unwrap().to_owned(), "", 1),
            1,
            "the section is not exactly one certificate, or is truncated: copy or export it once \
             more"
                .into(),
        ),
        (
            pem("CERTIFICATE", &pki.agent.key),
            1,
            "the section is not exactly one certificate, or is truncated: copy or export it once \
             more"
                .into(),
        ),
        (good.replace("CERTIFICATE", "CERTIFCATE"), 1, known("CERTIFCATE")),
        (good.replace("CERTIFICATE", "CERTIFICATE "), 1, known("CERTIFICATE ")),
        (good.replace("CERTIFICATE", ""), 1, known("")),
        (
            good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
            1,
            "the section \"TRUSTED CERTIFICATE\" cannot be used: `openssl x509 -in FILE -out NEW` \
             converts it, without its trust settings"
                .into(),
        ),
        (
            good.replace("CERTIFICATE", "PKCS7"),
            1,
            "the section \"PKCS7\" cannot be used: `openssl pkcs7 -print_certs -in FILE -out NEW` \
             extracts its content"
                .into(),
        ),
        (
            list,
            1,
            "a revocation list in a file of certificates has no effect: move it to a file of its \
             own, and configure that file as a revocation list"
                .into(),
        ),
    ] {
        assert_eq!(folder.certificates(&text), Err(format!("line {line}: {said}")), "{text}");
        // Behind a good one, too
        let expected = Err(format!("line {}: {said}", line + lines));
        let behind = folder.certificates(good.clone() + &text);
        // This error names a second line.
        if !said.contains("begins on line") {
            assert_eq!(behind, expected, "{text}");
        }
    }
    let error = Files::new().certificates(folder.write("-----BEGIN A-----")).unwrap_err();
    let FileProblem::NotPem(error) = error.problem else { panic!("{error}") };
    assert!(matches!((error.line, error.problem), (1, PemProblem::NoEnd(label)) if label == "A"));
}

#[test]
fn text_in_utf_16_is_called_so() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let text = pem("CERTIFICATE", &pki.agents.der);
    let said = Err("neither PEM nor DER; if it is text in UTF-16, save it as UTF-8".to_owned());
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<_>>();
    assert_eq!(folder.certificates(wide(u16::to_le_bytes)), said);
    assert_eq!(folder.certificates([b"\xfe\xff".to_vec(), wide(u16::to_be_bytes)].concat()), said);
    // Text in another encoding, beside a section, is text.
    assert_eq!(folder.certificates([b"subject=CN = M\xfcller\n", text.as_bytes()].concat()), Ok(1));
}

#[test]
fn sections_of_another_kind_are_passed_over() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let certificate = pem("CERTIFICATE", &pki.agent.chain[0]);
    let list = pem("X509 CRL", &pki.agents.revoke(&[]));
    // Its content does not matter if no key is expected.
    let locked = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                  DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let combined = format!("{parameters}{locked}{certificate}");
    assert_eq!(folder.certificates(&combined), Ok(1));
    assert_eq!(folder.crls(combined.clone() + &list), Ok(1));
    let others = "EC PARAMETERS, EC PRIVATE KEY, CERTIFICATE";
    assert_eq!(
        folder.crls(&combined),
        Err(format!("no certificate revocation list in it, only {others}"))
    );

    // As `openssl ecparam -genkey` writes it
    let sec1 = pem("EC PRIVATE KEY", &[0x30, 3, 2, 1, 1]);
    assert!(matches!(folder.key(format!("{parameters}{sec1}")).unwrap(), PrivateKeyDer::Sec1(_)));
    let pkcs1 = pem("RSA PRIVATE KEY", &[0x30, 3, 2, 1, 0]);
    assert!(matches!(folder.key(pkcs1 + &certificate).unwrap(), PrivateKeyDer::Pkcs1(_)));
}

#[test]
fn a_file_has_one_private_key_that_can_be_used() {
    let (folder, pki) = (Folder::new(), Pki::new());
    let key = pem("PRIVATE KEY", &pki.agent.key).replace("\r\n", "\n");
    let second = key.lines().count() + 1;
    let error = |text: &str| folder.key(text).map(drop).unwrap_err();
    assert_eq!(
        error(&(key.clone() + &key)),
        format!(
            "line {second}: a second private key: keep only the certificate's key in this file"
        )
    );
    let locked = "the key is encrypted; `openssl pkey` decrypts it";
    assert_eq!(error(&key.replace("PRIVATE", "ENCRYPTED PRIVATE")), locked);
    let header = "-----BEGIN EC PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n";
    assert_eq!(
        error(&key.replace("-----BEGIN PRIVATE KEY-----\n", header).replace("END", "END EC")),
        locked
    );
    // A text that only mentions it does not make the key an encrypted one.
    assert!(folder.key(format!("# once -----ENCRYPTED PRIVATE KEY\n{key}")).is_ok());
    assert_eq!(
        error(&key.replace("PRIVATE", "OPENSSH PRIVATE")),
        "line 1: the section \"OPENSSH PRIVATE KEY\" cannot be used: `ssh-keygen -p -m PKCS8 -f \
         FILE` converts the file"
    );
    assert_eq!(
        error(&pem("PRIVATE KEY", &pki.agents.der)),
        "line 1: the section is not exactly one private key, or is truncated: copy or export it \
         once more"
    );
    assert_eq!(
        error(&pem("CERTIFICATE", &pki.agents.der)),
        "no private key in it, only CERTIFICATE"
    );
}
