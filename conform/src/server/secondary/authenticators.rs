//! Authenticators that break one rule: each ends the connection (SCC-9).

use super::{Case, Need, Next, ONE, Web, about, made, parse, stuck};
use crate::case::CaseResult;
use crate::grade::Grade;
use crate::http2::{Code, Frame};
use crate::secondary::{ECDSA_P256, Exported, POINTS, certificate, finish, forge, must_end, sign};
use crate::server::Lab;
use raw_peer::{Certificate, ChainAndKey, Error, Extension, Handshake, HandshakeType};

/// A request of the server, and all that an answer is made of.
struct Asked {
    request: Vec<u8>,
    context: Vec<u8>,
    exported: Exported,
    identity: ChainAndKey,
    stranger: ChainAndKey,
}

impl Asked {
    fn certificate(&self) -> Certificate {
        certificate(&self.context, &self.identity)
    }

    /// An authenticator with this Certificate, and all else right.
    fn with(&self, certificate: Certificate) -> Result<Vec<u8>, Error> {
        self.signed(certificate, ECDSA_P256, &self.identity.key)
    }

    fn signed(&self, certificate: Certificate, scheme: u16, key: &[u8]) -> Result<Vec<u8>, Error> {
        forge(&self.exported, &self.request, certificate, scheme, |message| sign(key, message))
    }

    /// A right authenticator.
    fn right(&self) -> Result<Vec<u8>, Error> {
        self.with(self.certificate())
    }

    /// A right authenticator on a connection with these exported values.
    fn over(&self, exported: &Exported) -> Result<Vec<u8>, Error> {
        let key = &self.identity.key;
        forge(exported, &self.request, self.certificate(), ECDSA_P256, |message| sign(key, message))
    }

    /// An extension in the client's own certificate.
    fn extended(&self, number: u16) -> Result<Vec<u8>, Error> {
        let mut certificate = self.certificate();
        if let Some(leaf) = certificate.entries.first_mut() {
            leaf.extensions.push(Extension::new(number, []));
        }
        self.with(certificate)
    }
}

/// Makes the payloads of frames.
type Make = fn(&Asked) -> Result<Vec<Vec<u8>>, Error>;

/// Name, rule, the fault, and the payloads.
const BROKEN: [(&str, &str, &str, Make); 18] = [
    ("trailing-byte", "EA-2", "a byte behind an authenticator", |asked| {
        Ok(vec![[asked.right()?, vec![0]].concat()])
    }),
    ("truncated", "EA-2", "an authenticator without its last byte", |asked| {
        let mut bytes = asked.right()?;
        bytes.pop();
        Ok(vec![bytes])
    }),
    ("no-bytes", "EA-2", "a frame without an authenticator", |_| Ok(vec![Vec::new()])),
    ("finished-first", "EA-2", "another message in place of Certificate", |asked| {
        let other = Handshake::Other(HandshakeType::CERTIFICATE_VERIFY, Vec::new());
        Ok(vec![[raw_peer::encode(&other)?, asked.right()?].concat()])
    }),
    ("another-context", "EA-6", "a context that the request does not have", |asked| {
        let other: Vec<u8> = asked.context.iter().map(|byte| !byte).collect();
        Ok(vec![asked.with(certificate(&other, &asked.identity))?])
    }),
    ("extension", "EA-6", "an extension that the request does not have", |asked| {
        Ok(vec![asked.extended(0xff5c)?])
    }),
    ("forbidden-extension", "EA-6", "signature_algorithms in Certificate", |asked| {
        Ok(vec![asked.extended(13)?])
    }),
    ("unrequested-scheme", "EA-7", "a scheme that was not requested", |asked| {
        let request = raw_peer::decode(&asked.request)?;
        let listed = request.blocks().concat();
        let listed = raw_peer::ext::find(&listed, 13).unwrap_or_default().get(2..);
        let listed = listed.unwrap_or_default();
        let is_free = |scheme: &u16| listed.chunks(2).all(|it| it != scheme.to_be_bytes());
        let scheme = [0x081c, 0x0708, 0x0203].into_iter().find(is_free).unwrap_or(0x7f7f);
        Ok(vec![asked.signed(asked.certificate(), scheme, &asked.identity.key)?])
    }),
    ("pkcs1-scheme", "EA-7", "a scheme that TLS 1.3 does not allow", |asked| {
        Ok(vec![asked.signed(asked.certificate(), 0x0401, &asked.identity.key)?])
    }),
    ("stolen-certificate", "EA-8", "a signature by another key", |asked| {
        Ok(vec![asked.signed(asked.certificate(), ECDSA_P256, &asked.stranger.key)?])
    }),
    ("changed-signature", "EA-8", "a changed signature", |asked| {
        let key = &asked.identity.key;
        let changed = |message: &[u8]| {
            let mut signature = sign(key, message)?;
            if let Some(last) = signature.last_mut() {
                *last ^= 1;
            }
            Ok(signature)
        };
        let (exported, certificate) = (&asked.exported, asked.certificate());
        Ok(vec![forge(exported, &asked.request, certificate, ECDSA_P256, changed)?])
    }),
    ("changed-mac", "EA-9", "a changed MAC", |asked| {
        let mut bytes = asked.right()?;
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        Ok(vec![bytes])
    }),
    ("changed-empty", "EA-10", "a changed empty authenticator", |asked| {
        let empty = certificate(&asked.context, &ChainAndKey::default());
        let empty = raw_peer::encode(&Handshake::Certificate(empty))?;
        let whole = finish(&asked.exported, &asked.request, empty.clone())?;
        let mut finished = whole.get(empty.len()..).unwrap_or_default().to_vec();
        if let Some(last) = finished.last_mut() {
            *last ^= 1;
        }
        Ok(vec![finished])
    }),
    ("empty-certificate", "EA-10", "a Certificate without entries", |asked| {
        let empty = certificate(&asked.context, &ChainAndKey::default());
        let empty = raw_peer::encode(&Handshake::Certificate(empty))?;
        Ok(vec![finish(&asked.exported, &asked.request, empty)?])
    }),
    ("other-direction", "EA-13", "an authenticator of the other direction", |asked| {
        Ok(vec![asked.over(&asked.exported.clone().reversed())?])
    }),
    ("other-request", "EA-13", "an authenticator over other bytes of the request", |asked| {
        let mut other = asked.request.clone();
        other.push(0);
        let key = &asked.identity.key;
        let by_key = |message: &[u8]| sign(key, message);
        Ok(vec![forge(&asked.exported, &other, asked.certificate(), ECDSA_P256, by_key)?])
    }),
    ("several", "SCC-7", "two authenticators in one frame", |asked| {
        let one = asked.right()?;
        Ok(vec![[one.clone(), one].concat()])
    }),
    ("split", "SCC-7", "one authenticator in two frames", |asked| {
        let one = asked.right()?;
        let (first, second) = one.split_at(one.len() / 2);
        Ok(vec![first.to_vec(), second.to_vec()])
    }),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, rule, fault, make) in BROKEN {
        let about = about(name, rule, &format!("refuses {fault}"));
        cases.push(Case::new(about, [Need::SecondaryRequests], move |lab: &mut Lab| {
            lab.web(ONE, |web| refuses(web, make))
        }));
    }
    cases.push(Case::new(
        about("other-connection", "EA-13", "refuses an authenticator of another connection"),
        [Need::SecondaryRequests],
        |lab| {
            let other = lab.web(ONE, |web| Ok(web.exported.clone()))?;
            lab.web(ONE, |web| {
                let (stream, asked) = ask(web)?;
                send(web, [asked.over(&other).map_err(stuck)?]);
                Ok(must_end(&web.session.reaction(Some(stream)), Code::PROTOCOL_ERROR))
            })
        },
    ));
    cases.push(Case::new(
        about("duplicate", "EA-11", "refuses the same authenticator again"),
        [Need::SecondaryRequests],
        |lab| {
            lab.web(ONE, |web| {
                let (stream, asked) = ask(web)?;
                let right = web.certificate(&asked.request)?;
                web.session.send(&right);
                web.status(stream)?;
                web.session.send(&right);
                Ok(must_end(&web.session.reaction(None), Code::PROTOCOL_ERROR))
            })
        },
    ));
    cases.push(Case::new(
        about("replayed", "EA-11", "refuses an authenticator for an earlier request"),
        [Need::SecondaryRequests],
        |lab| {
            lab.web(ONE, |web| {
                let (stream, first) = ask(web)?;
                send(web, [made(&web.exported, &first.request, None)?]);
                web.status(stream)?;
                let stream = web.get();
                if let Next::Response(_) = web.asked_or_status(stream)? {
                    let why = "the server does not request again after an empty authenticator";
                    return Err(Grade::Skipped(why.into()));
                }
                send(web, [first.right().map_err(stuck)?]);
                Ok(must_end(&web.session.reaction(Some(stream)), Code::PROTOCOL_ERROR))
            })
        },
    ));
    cases
}

/// Requests the page, and waits for the request for a certificate.
fn ask(web: &mut Web) -> Result<(u32, Asked), Grade> {
    let stream = web.get();
    let request = web.asked(Some(stream))?;
    let context = parse(&request)?.context().to_vec();
    let (exported, identity) = (web.exported.clone(), web.identity.clone());
    let stranger = web.stranger.clone();
    Ok((stream, Asked { request, context, exported, identity, stranger }))
}

fn send(web: &mut Web, payloads: impl IntoIterator<Item = Vec<u8>>) {
    for payload in payloads {
        web.session.send(&Frame::new(POINTS.certificate(), 0, payload));
    }
}

fn refuses(web: &mut Web, make: Make) -> CaseResult {
    let (stream, asked) = ask(web)?;
    send(web, make(&asked).map_err(stuck)?);
    Ok(must_end(&web.session.reaction(Some(stream)), Code::PROTOCOL_ERROR))
}
