//! Edits of the messages of a [`Peer`](super::Peer) before it sends them.

use std::fmt;
use std::sync::Arc;

use super::{Extension, Handshake, ext};

/// One alteration of one message.
///
/// The structural edits run in the order in which they are listed, on the message as a struct;
/// then the [raw](Edit::raw) ones, in their order, on its bytes. In a Certificate, extension
/// edits touch every entry unless confined by [`Edit::in_entry`].
#[derive(Clone, Debug)]
pub struct Edit(Kind);

type OnMessage = Arc<dyn Fn(&mut Handshake) + Send + Sync>;
type OnBytes = Arc<dyn Fn(&mut Vec<u8>) + Send + Sync>;

#[derive(Clone)]
enum Kind {
    Add(Extension),
    First(Extension),
    Last(Extension),
    Replace(Extension),
    Remove(u16),
    Duplicate(u16),
    InEntry(usize, Box<Edit>),
    Message(OnMessage),
    Raw(OnBytes),
}

impl Edit {
    /// Adds an extension after the others, even if there is one of its type; in a ClientHello
    /// before pre_shared_key, which must be last.
    pub fn add(typ: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Kind::Add(Extension::new(typ, body)))
    }

    /// Adds an extension in front of all others.
    pub fn first(typ: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Kind::First(Extension::new(typ, body)))
    }

    /// Adds an extension after all others, even after pre_shared_key.
    pub fn last(typ: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Kind::Last(Extension::new(typ, body)))
    }

    /// Replaces the body of the first extension of this type; adds one if there is none.
    pub fn replace(typ: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Kind::Replace(Extension::new(typ, body)))
    }

    /// Removes all extensions of this type.
    pub fn remove(typ: u16) -> Self {
        Self(Kind::Remove(typ))
    }

    /// Repeats the first extension of this type directly after itself.
    pub fn duplicate(typ: u16) -> Self {
        Self(Kind::Duplicate(typ))
    }

    /// Any change of the message as a struct.
    pub fn message(edit: impl Fn(&mut Handshake) + Send + Sync + 'static) -> Self {
        Self(Kind::Message(Arc::new(edit)))
    }

    /// Any change of the bytes of the message: type, three length bytes, body. Lengths are not
    /// corrected afterwards (see [`fix_length`]). An empty message is not sent; bytes of further
    /// messages may be appended.
    pub fn raw(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self(Kind::Raw(Arc::new(edit)))
    }

    /// Leaves the message out.
    pub fn omit() -> Self {
        Self::raw(Vec::clear)
    }

    /// Confines an extension edit to one entry of a Certificate, the leaf being 0.
    pub fn in_entry(self, index: usize) -> Self {
        Self(Kind::InEntry(index, Box::new(self)))
    }

    fn on_block(&self, block: &mut Vec<Extension>) {
        match &self.0 {
            Kind::Add(extension) => ext::add(block, extension.clone()),
            Kind::First(extension) => block.insert(0, extension.clone()),
            Kind::Last(extension) => block.push(extension.clone()),
            Kind::Replace(extension) => ext::set(block, extension.clone()),
            Kind::Remove(typ) => block.retain(|e| e.typ != *typ),
            Kind::Duplicate(typ) => {
                let found = block.iter().enumerate().find(|(_, e)| e.typ == *typ);
                if let Some((at, copy)) = found.map(|(at, e)| (at, e.clone())) {
                    block.insert(at, copy);
                }
            }
            Kind::InEntry(..) | Kind::Message(_) | Kind::Raw(_) => {}
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(e) => write!(f, "Add({e:?})"),
            Self::First(e) => write!(f, "First({e:?})"),
            Self::Last(e) => write!(f, "Last({e:?})"),
            Self::Replace(e) => write!(f, "Replace({e:?})"),
            Self::Remove(typ) => write!(f, "Remove({typ})"),
            Self::Duplicate(typ) => write!(f, "Duplicate({typ})"),
            Self::InEntry(index, edit) => write!(f, "InEntry({index}, {edit:?})"),
            Self::Message(_) => f.write_str("Message(..)"),
            Self::Raw(_) => f.write_str("Raw(..)"),
        }
    }
}

pub(super) fn on_message(edits: &[Edit], message: &mut Handshake) {
    for edit in edits {
        match &edit.0 {
            Kind::Message(change) => change(message),
            Kind::InEntry(index, edit) => {
                if let Some(block) = message.blocks_mut().into_iter().nth(*index) {
                    edit.on_block(block);
                }
            }
            _ => message.blocks_mut().into_iter().for_each(|block| edit.on_block(block)),
        }
    }
}

pub(super) fn on_bytes(edits: &[Edit], bytes: &mut Vec<u8>) {
    for edit in edits {
        if let Kind::Raw(change) = &edit.0 {
            change(bytes);
        }
    }
}

/// Makes the three length bytes of a single message right again, for raw edits that change its
/// size.
pub fn fix_length(message: &mut [u8]) {
    if let Some((header, body)) = message.split_first_chunk_mut::<4>() {
        let [.., a, b, c] = body.len().to_be_bytes();
        let [_, length @ ..] = header;
        *length = [a, b, c];
    }
}

/// The messages that can be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The first, or only, ClientHello.
    ClientHello,
    /// The ClientHello that answers a HelloRetryRequest. It starts as the first one was sent
    /// (with its structural edits, without its raw ones), with the changes of RFC 8446
    /// section 4.1.2.
    SecondClientHello,
    /// ServerHello.
    ServerHello,
    /// HelloRetryRequest.
    HelloRetryRequest,
    /// EncryptedExtensions.
    EncryptedExtensions,
    /// CertificateRequest.
    CertificateRequest,
    /// Our Certificate, of either role, before it is compressed.
    Certificate,
    /// Our CompressedCertificate, which has no extensions of its own.
    CompressedCertificate,
    /// Our CertificateVerify.
    CertificateVerify,
    /// Our Finished.
    Finished,
    /// Every NewSessionTicket.
    NewSessionTicket,
}

impl Slot {
    /// The client's messages with extensions.
    pub const OF_CLIENT: [Self; 3] =
        [Self::ClientHello, Self::SecondClientHello, Self::Certificate];

    /// The server's messages with extensions.
    pub const OF_SERVER: [Self; 6] = [
        Self::ServerHello,
        Self::HelloRetryRequest,
        Self::EncryptedExtensions,
        Self::CertificateRequest,
        Self::Certificate,
        Self::NewSessionTicket,
    ];
}

/// The edits of one connection, per message.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // See the `Slot` of the same name.
pub struct Plan {
    pub client_hello: Vec<Edit>,
    pub second_client_hello: Vec<Edit>,
    pub server_hello: Vec<Edit>,
    pub hello_retry_request: Vec<Edit>,
    pub encrypted_extensions: Vec<Edit>,
    pub certificate_request: Vec<Edit>,
    pub certificate: Vec<Edit>,
    pub compressed_certificate: Vec<Edit>,
    pub certificate_verify: Vec<Edit>,
    pub finished: Vec<Edit>,
    pub new_session_ticket: Vec<Edit>,
}

impl Plan {
    /// A plan with one edit, for tests over a table of messages.
    pub fn one(slot: Slot, edit: Edit) -> Self {
        Self::default().with(slot, edit)
    }

    /// Adds an edit.
    pub fn with(mut self, slot: Slot, edit: Edit) -> Self {
        self.edits_mut(slot).push(edit);
        self
    }

    /// The edits of one message.
    pub fn edits_mut(&mut self, slot: Slot) -> &mut Vec<Edit> {
        match slot {
            Slot::ClientHello => &mut self.client_hello,
            Slot::SecondClientHello => &mut self.second_client_hello,
            Slot::ServerHello => &mut self.server_hello,
            Slot::HelloRetryRequest => &mut self.hello_retry_request,
            Slot::EncryptedExtensions => &mut self.encrypted_extensions,
            Slot::CertificateRequest => &mut self.certificate_request,
            Slot::Certificate => &mut self.certificate,
            Slot::CompressedCertificate => &mut self.compressed_certificate,
            Slot::CertificateVerify => &mut self.certificate_verify,
            Slot::Finished => &mut self.finished,
            Slot::NewSessionTicket => &mut self.new_session_ticket,
        }
    }

    pub(super) fn edits(&self, slot: Slot) -> &[Edit] {
        match slot {
            Slot::ClientHello => &self.client_hello,
            Slot::SecondClientHello => &self.second_client_hello,
            Slot::ServerHello => &self.server_hello,
            Slot::HelloRetryRequest => &self.hello_retry_request,
            Slot::EncryptedExtensions => &self.encrypted_extensions,
            Slot::CertificateRequest => &self.certificate_request,
            Slot::Certificate => &self.certificate,
            Slot::CompressedCertificate => &self.compressed_certificate,
            Slot::CertificateVerify => &self.certificate_verify,
            Slot::Finished => &self.finished,
            Slot::NewSessionTicket => &self.new_session_ticket,
        }
    }
}
