//! What an authority may sign: the keyUsage of its certificate (RFC 5280 section 4.2.1.3).
//!
//! This reads only as much of a certificate as it needs. It is done for each authority of each chain, and a parser
//! that reads everything takes twenty times the instructions.

/// The signatures that a certificate's key usage allows: all if the extension is absent, and none if
/// it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signs {
    pub(super) certificates: bool,
    pub(super) lists: bool,
}

impl Signs {
    pub(super) const ALL: Self = Self { certificates: true, lists: true };
    pub(super) const NONE: Self = Self { certificates: false, lists: false };

    /// Reads a certificate that webpki has accepted.
    pub(super) fn of(certificate: &[u8]) -> Self {
        read(certificate).unwrap_or(Self::NONE)
    }
}

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const SEQUENCE: u8 = 0x30;
/// The extensions in a certificate (RFC 5280 section 4.1).
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.15
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// Bits count from the first one, which is the most significant.
const KEY_CERT_SIGN: u8 = 0x80 >> 5;
const CRL_SIGN: u8 = 0x80 >> 6;

fn read(certificate: &[u8]) -> Option<Signs> {
    let (certificate, []) = element(certificate, SEQUENCE)? else { return None };
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    let mut found = None;
    while let Some((tag, content, rest)) = any(fields) {
        if tag == EXTENSIONS {
            let (mut extensions, []) = element(content, SEQUENCE)? else { return None };
            while !extensions.is_empty() {
                let (extension, rest) = element(extensions, SEQUENCE)?;
                extensions = rest;
                let (kind, value) = element(extension, OBJECT_IDENTIFIER)?;
                if kind == KEY_USAGE && found.replace(signs(value)?).is_some() {
                    return None; // twice
                }
            }
        }
        fields = rest;
    }
    if fields.is_empty() { Some(found.unwrap_or(Signs::ALL)) } else { None }
}

/// Reads the rest of the extension, after its type.
fn signs(value: &[u8]) -> Option<Signs> {
    let value = element(value, BOOLEAN).map_or(value, |(_critical, rest)| rest);
    let (value, []) = element(value, OCTET_STRING)? else { return None };
    let ([unused @ 0..8, bits @ ..], []) = element(value, BIT_STRING)? else { return None };
    let first = match bits {
        [only] => only >> unused << unused,
        [first, _] => *first,
        _ => return None,
    };
    let has = |bit| first & bit != 0;
    Some(Signs { certificates: has(KEY_CERT_SIGN), lists: has(CRL_SIGN) })
}

/// The content of the first element, which must have this tag, and the bytes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(der)?;
    (found == tag).then_some((content, rest))
}

/// The first element: its tag, its content, and the bytes after it. `None` if there is none, or if its tag or its
/// length does not have one of the forms that certificates use.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (u32::from(first), rest),
        0x81 => rest.split_first_chunk().map(|(&[low], rest)| (u32::from(low), rest))?,
        0x82 => {
            let (&[high, low], rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes([0, 0, high, low]), rest)
        }
        0x83 => {
            let (&[high, middle, low], rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes([0, high, middle, low]), rest)
        }
        _ => return None,
    };
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (content, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use test_pki::rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    fn certificate(usages: &[KeyUsagePurpose], names: usize) -> Vec<u8> {
        let names: Vec<_> = (0..names).map(|number| format!("{number}.example")).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = usages.to_vec();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    /// The same, by a parser that reads everything.
    fn expected(der: &[u8]) -> Signs {
        let (_, certificate) = X509Certificate::from_der(der).unwrap();
        match certificate.key_usage().unwrap() {
            None => Signs::ALL,
            Some(usage) => {
                let usage = usage.value;
                Signs { certificates: usage.key_cert_sign(), lists: usage.crl_sign() }
            }
        }
    }

    #[test]
    fn each_usage_is_read_as_another_parser_reads_it() {
        use KeyUsagePurpose::{
            ContentCommitment, CrlSign, DataEncipherment, DecipherOnly, DigitalSignature,
            EncipherOnly, KeyAgreement, KeyCertSign, KeyEncipherment,
        };
        let all = [
            DigitalSignature,
            ContentCommitment,
            KeyEncipherment,
            DataEncipherment,
            KeyAgreement,
            KeyCertSign,
            CrlSign,
            EncipherOnly,
            DecipherOnly,
        ];
        for bits in 0..1_u32 << all.len() {
            let usages: Vec<_> = (all.iter().enumerate())
                .filter(|(number, _)| bits >> number & 1 == 1)
                .map(|(_, usage)| *usage)
                .collect();
            let der = certificate(&usages, 0);
            let signs = Signs::of(&der);
            assert_eq!(signs, expected(&der), "{usages:?}");
            let has = |usage| usages.is_empty() || usages.contains(&usage);
            assert_eq!((signs.certificates, signs.lists), (has(KeyCertSign), has(CrlSign)));
        }
    }

    #[test]
    fn long_certificates_are_read() {
        for names in [1, 5, 10, 1_000, 10_000] {
            let der = certificate(&[KeyUsagePurpose::CrlSign], names);
            assert_eq!(Signs::of(&der), Signs { certificates: false, lists: true }, "{names}");
        }
    }

    #[test]
    fn what_cannot_be_read_signs_nothing() {
        let der = certificate(&[KeyUsagePurpose::KeyCertSign], 3);
        for length in 0..der.len() {
            assert_eq!(Signs::of(&der[..length]), Signs::NONE, "{length}");
        }
        assert_eq!(Signs::of(&[&der[..], &[0]].concat()), Signs::NONE);
    }

    #[test]
    fn an_extension_that_is_odd_signs_nothing() {
        let extension = |value: &[u8]| {
            let kind = [&[OBJECT_IDENTIFIER, 3], KEY_USAGE].concat();
            wrap(SEQUENCE, &[&kind[..], value].concat())
        };
        let of = |extensions: &[Vec<u8>]| {
            let extensions = wrap(EXTENSIONS, &wrap(SEQUENCE, &extensions.concat()));
            let number = [2, 1, 7];
            let content = wrap(SEQUENCE, &[&number[..], &extensions].concat());
            Signs::of(&wrap(SEQUENCE, &content))
        };
        let usage = |bits: &[u8]| extension(&wrap(OCTET_STRING, &wrap(BIT_STRING, bits)));
        let both = usage(&[1, 0b0000_0110]);
        assert_eq!(of(&[]), Signs::ALL);
        assert_eq!(of(&[both.clone()]), Signs::ALL);
        assert_eq!(of(&[usage(&[7, 0x80, 0x80])]), Signs::NONE, "nine bits, of which none matters");
        assert_eq!(of(&[both.clone(), both]), Signs::NONE, "twice");
        // Bits that are unused by their number do not count.
        assert_eq!(of(&[usage(&[2, 0b0000_0110])]), Signs { certificates: true, lists: false });
        for bits in [&[][..], &[0], &[8, 0xff], &[0, 0xff, 0xff, 0xff]] {
            assert_eq!(of(&[usage(bits)]), Signs::NONE, "{bits:?}");
        }
        let bare = extension(&wrap(BIT_STRING, &[1, 6]));
        assert_eq!(of(&[bare]), Signs::NONE);
        let critical = |value: &[u8]| extension(&[&[BOOLEAN, 1, 0xff], value].concat());
        let value = wrap(OCTET_STRING, &wrap(BIT_STRING, &[1, 2]));
        let lists = Signs { certificates: false, lists: true };
        assert_eq!(of(&[critical(&value)]), lists);
        assert_eq!(of(&[critical(&[&value[..], &[5, 0]].concat())]), Signs::NONE);
    }

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }
}
