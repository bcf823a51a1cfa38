//! Builds ClientHellos for the tests.

/// The content of a ClientHello, before it is encoded.
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
    /// A ClientHello with these extensions that is otherwise as short as possible.
    pub fn with(extensions: &[(u16, &[u8])]) -> Self {
        let owned = |(number, body): &(u16, &[u8])| (*number, body.to_vec());
        Self { extensions: Some(extensions.iter().map(owned).collect()), ..Self::shortest() }
    }

    /// The shortest possible ClientHello.
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
        body.extend(with_u8_length(&self.session_id));
        body.extend(with_u16_length(&self.cipher_suites));
        body.extend(with_u8_length(&self.compression_methods));
        if let Some(extensions) = &self.extensions {
            body.extend(with_u16_length(&list(extensions)));
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

/// The encoded extensions, without the length of the list.
pub fn list(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let one = |(number, body): &(u16, Vec<u8>)| {
        [number.to_be_bytes().to_vec(), with_u16_length(body)].concat()
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
    [&[22, 3, 1], &with_u16_length(fragment)[..]].concat()
}

/// A message in records with fragments of these sizes; further records have the rest.
pub fn records(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut rest = message;
    let mut bytes = Vec::new();
    for size in sizes {
        let (fragment, after) = rest.split_at((*size).min(rest.len()));
        if !fragment.is_empty() {
            bytes.extend(record(fragment));
        }
        rest = after;
    }
    for fragment in rest.chunks(1 << 14) {
        bytes.extend(record(fragment));
    }
    bytes
}

/// The bytes after their length in one byte.
pub fn with_u8_length(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// The bytes after their length in two bytes.
pub fn with_u16_length(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// The body of `server_name` with one host name.
pub fn server_name(name: &[u8]) -> Vec<u8> {
    with_u16_length(&[&[0], &with_u16_length(name)[..]].concat())
}

/// The body of ALPN.
pub fn alpn(names: &[&[u8]]) -> Vec<u8> {
    with_u16_length(&names.iter().flat_map(|name| with_u8_length(name)).collect::<Vec<_>>())
}

/// The body of `supported_versions`.
pub fn versions(versions: &[u16]) -> Vec<u8> {
    with_u8_length(&versions.iter().flat_map(|version| version.to_be_bytes()).collect::<Vec<_>>())
}

/// The body of `certificate_authorities`.
pub fn authorities(names: &[&[u8]]) -> Vec<u8> {
    with_u16_length(&names.iter().flat_map(|name| with_u16_length(name)).collect::<Vec<_>>())
}

/// The body of `pre_shared_key`: identities, and the lengths of binders.
pub fn pre_shared_key(identities: &[&[u8]], binders: &[u8]) -> Vec<u8> {
    let identity = |identity: &&[u8]| [with_u16_length(identity), vec![0; 4]].concat();
    let identities: Vec<u8> = identities.iter().flat_map(identity).collect();
    let binder = |length: &u8| with_u8_length(&vec![0xbb; usize::from(*length)]);
    let binders: Vec<u8> = binders.iter().flat_map(binder).collect();
    [with_u16_length(&identities), with_u16_length(&binders)].concat()
}

/// The body of `encrypted_client_hello` in an outer ClientHello.
pub fn ech_outer(encapsulated: &[u8], payload: &[u8]) -> Vec<u8> {
    [vec![0, 0, 1, 0, 1, 7], with_u16_length(encapsulated), with_u16_length(payload)].concat()
}
