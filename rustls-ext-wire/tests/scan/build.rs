//! ClientHellos made to order.

/// What is in a hello, before it is encoded.
#[derive(Clone, Debug)]
pub struct Hello {
    pub version: [u8; 2],
    pub session_id: Vec<u8>,
    pub cipher_suites: Vec<u8>,
    pub compression_methods: Vec<u8>,
    /// `None` leaves out the list, as TLS 1.0 to 1.2 may.
    pub extensions: Option<Vec<(u16, Vec<u8>)>>,
}

impl Hello {
    /// With these extensions, and as little else as there can be.
    pub fn with(extensions: &[(u16, &[u8])]) -> Self {
        let owned = |(number, body): &(u16, &[u8])| (*number, body.to_vec());
        Self { extensions: Some(extensions.iter().map(owned).collect()), ..Self::shortest() }
    }

    /// The shortest hello that there can be.
    pub fn shortest() -> Self {
        Self {
            version: [3, 3],
            session_id: vec![],
            cipher_suites: vec![0x13, 0x01],
            compression_methods: vec![0],
            extensions: None,
        }
    }

    /// The message without its header.
    pub fn body(&self) -> Vec<u8> {
        let mut body = [&self.version[..], &[0xaa; 32]].concat();
        body.extend(behind_u8(&self.session_id));
        body.extend(behind_u16(&self.cipher_suites));
        body.extend(behind_u8(&self.compression_methods));
        if let Some(extensions) = &self.extensions {
            body.extend(behind_u16(&list(extensions)));
        }
        body
    }

    /// The message.
    pub fn message(&self) -> Vec<u8> {
        message(&self.body())
    }

    /// The message in one record.
    pub fn record(&self) -> Vec<u8> {
        record(&self.message())
    }
}

/// Extensions, one after the other.
pub fn list(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let one = |(number, body): &(u16, Vec<u8>)| {
        [number.to_be_bytes().to_vec(), behind_u16(body)].concat()
    };
    extensions.iter().flat_map(one).collect()
}

/// A ClientHello with this body.
pub fn message(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1], &length[1..], body].concat()
}

/// A record of a handshake with this fragment.
pub fn record(fragment: &[u8]) -> Vec<u8> {
    [&[22, 3, 1], &behind_u16(fragment)[..]].concat()
}

/// A message in records that have so many octets of it each; the last has the rest.
pub fn records(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut rest = message;
    let mut octets = Vec::new();
    for size in sizes {
        let (fragment, after) = rest.split_at((*size).min(rest.len()));
        if !fragment.is_empty() {
            octets.extend(record(fragment));
        }
        rest = after;
    }
    for fragment in rest.chunks(1 << 14) {
        octets.extend(record(fragment));
    }
    octets
}

pub fn behind_u8(octets: &[u8]) -> Vec<u8> {
    [&[u8::try_from(octets.len()).unwrap()], octets].concat()
}

pub fn behind_u16(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes(), octets].concat()
}

/// The body of `server_name` with one host name.
pub fn server_name(name: &[u8]) -> Vec<u8> {
    behind_u16(&[&[0], &behind_u16(name)[..]].concat())
}

/// The body of ALPN.
pub fn alpn(names: &[&[u8]]) -> Vec<u8> {
    behind_u16(&names.iter().flat_map(|name| behind_u8(name)).collect::<Vec<_>>())
}

/// The body of `supported_versions`.
pub fn versions(versions: &[u16]) -> Vec<u8> {
    behind_u8(&versions.iter().flat_map(|version| version.to_be_bytes()).collect::<Vec<_>>())
}

/// The body of `certificate_authorities`.
pub fn authorities(names: &[&[u8]]) -> Vec<u8> {
    behind_u16(&names.iter().flat_map(|name| behind_u16(name)).collect::<Vec<_>>())
}

/// The body of `pre_shared_key`: identities, and the lengths of binders.
pub fn pre_shared_key(identities: &[&[u8]], binders: &[u8]) -> Vec<u8> {
    let identity = |identity: &&[u8]| [behind_u16(identity), vec![0; 4]].concat();
    let identities: Vec<u8> = identities.iter().flat_map(identity).collect();
    let binder = |length: &u8| behind_u8(&vec![0xbb; usize::from(*length)]);
    let binders: Vec<u8> = binders.iter().flat_map(binder).collect();
    [behind_u16(&identities), behind_u16(&binders)].concat()
}

/// The body of `encrypted_client_hello` in an outer hello.
pub fn ech_outer(encapsulated: &[u8], payload: &[u8]) -> Vec<u8> {
    [vec![0, 0, 1, 0, 1, 7], behind_u16(encapsulated), behind_u16(payload)].concat()
}
