//! Generated requests and authenticators: round trips, changes of one bit, other connections, and
//! any bytes.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rustls_ext_wire::authenticator::{
    Authenticator, AuthenticatorError, Endpoint, Proof, Request, ValidateError, is_allowed_scheme,
};

use crate::build::{BadSignature, authenticator, certificate, entry, sign, validate};
use crate::common::TestConnection;

fn side() -> impl Strategy<Value = Endpoint> {
    prop_oneof![Just(Endpoint::Client), Just(Endpoint::Server)]
}

#[derive(Clone, Debug)]
struct Case {
    by: Endpoint,
    context: Vec<u8>,
    schemes: Vec<u16>,
    extensions: Vec<(u16, Vec<u8>)>,
    chain: Vec<Vec<u8>>,
}

prop_compose! {
    fn case()(
        by in side(),
        context in vec(any::<u8>(), 16..40),
        schemes in vec(prop_oneof![Just(0x0804), Just(0x0401), any::<u16>()], 0..4),
        extensions in btree_map(prop_oneof![Just(5_u16), Just(18), 100..0xffff_u16],
            vec(any::<u8>(), 0..9), 0..4),
        chain in vec(vec(any::<u8>(), 1..40), 1..4),
    ) -> Case {
        let schemes = [schemes, vec![0x0403]].concat();
        Case { by, context, schemes, extensions: extensions.into_iter().collect(), chain }
    }
}

impl Case {
    /// The request of the case, as it was written and parsed again.
    fn request(
        &self,
        then: impl FnOnce(Request<'_>) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        let others: Vec<_> =
            self.extensions.iter().map(|(number, body)| (*number, &body[..])).collect();
        let mut buffer = [0; 512];
        let written =
            Request::write(self.by, &self.context, &self.schemes, &others, &mut buffer).unwrap();
        let parsed = Request::parse(self.by, written.bytes()).unwrap();
        prop_assert_eq!(parsed, written);
        prop_assert_eq!(parsed.context(), &self.context[..]);
        let usable = self.schemes.iter().copied().filter(|scheme| is_allowed_scheme(*scheme));
        prop_assert!(parsed.schemes().eq(usable));
        prop_assert!(parsed.extensions().skip(1).eq(others));
        then(parsed)
    }

    fn authenticator(&self, request: &Request<'_>, connection: &TestConnection) -> Vec<u8> {
        let chain: Vec<_> = self.chain.iter().map(Vec::as_slice).collect();
        let scheme = request.schemes().next().unwrap();
        let sign = |message: &[u8]| Ok::<_, BadSignature>(sign(message));
        let mut buffer = [0; 512];
        request.authenticate(connection, &chain, scheme, sign, &mut buffer).unwrap().to_vec()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..Default::default() })]

    #[test]
    fn a_written_authenticator_validates(case in case(), first: u8) {
        case.request(|request| {
            let connection = TestConnection::new(first);
            let full = case.authenticator(&request, &connection);
            let entries: Vec<_> = case.chain.iter().map(|der| entry(der, &[])).collect();
            let certificate = certificate(&case.context, &entries);
            let scheme = request.schemes().next().unwrap();
            let sender = case.by.peer();
            let expected = authenticator(&connection, sender, request.bytes(), &certificate, scheme);
            prop_assert_eq!(&full, &expected);
            let context = Authenticator::parse(&full).unwrap().context();
            prop_assert_eq!(context, Some(&case.context[..]));
            let proof = validate(&request, &connection, &full);
            let Ok(Proof::Possession { certificates, scheme: used }) = proof else {
                panic!("{proof:?}")
            };
            prop_assert!(certificates.map(|(der, _)| der).eq(case.chain.iter()));
            prop_assert_eq!(used, scheme);
            Ok(())
        })?;
    }

    #[test]
    fn ea_9_no_bit_of_an_authenticator_can_be_changed(case in case()) {
        case.request(|request| {
            let connection = TestConnection::new(0);
            let mut empty = [0; 36];
            let empty = request.decline(&connection, &mut empty).unwrap();
            // Every bit of the empty one, and a bit of each byte of the full one.
            for bit in 0..empty.len() * 8 {
                let mut changed = empty.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(validate(&request, &connection, &changed).is_err(), "bit {}", bit);
            }
            let full = case.authenticator(&request, &connection);
            for place in 0..full.len() {
                let mut changed = full.clone();
                changed[place] ^= 1 << (place % 8);
                let result = validate(&request, &connection, &changed);
                let is_fault = matches!(result, Err(ValidateError::Authenticator(_)));
                prop_assert!(is_fault, "byte {}: {:?}", place, result);
            }
            Ok(())
        })?;
    }

    #[test]
    fn ea_9_no_bit_of_the_basis_can_be_changed(case in case(), bit: prop::sample::Index) {
        case.request(|request| {
            let connection = TestConnection::new(0);
            let full = case.authenticator(&request, &connection);
            let mut empty = [0; 36];
            let empty = request.decline(&connection, &mut empty).unwrap();
            // Each exporter value of the sender.
            for value in [0, 1] {
                let mut other = connection.clone();
                let exported = match case.by {
                    Endpoint::Server => &mut other.client,
                    Endpoint::Client => &mut other.server,
                };
                let bytes = [&mut exported.handshake_context, &mut exported.finished_key];
                let bit = bit.index(256);
                bytes.into_iter().nth(value).unwrap()[bit / 8] ^= 1 << (bit % 8);
                let error = || Err(ValidateError::Authenticator(AuthenticatorError::Mac));
                prop_assert_eq!(validate(&request, &other, &full), error());
                prop_assert_eq!(validate(&request, &other, empty), error());
            }
            // The request: it is another one, or none.
            let mut changed = request.bytes().to_vec();
            let bit = bit.index(changed.len() * 8);
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = Request::parse(case.by, &changed) {
                let error = if other.context() == request.context() {
                    AuthenticatorError::Mac
                } else {
                    AuthenticatorError::Context
                };
                let result = validate(&other, &connection, &full);
                prop_assert_eq!(result, Err(ValidateError::Authenticator(error)));
                let error = || Err(ValidateError::Authenticator(AuthenticatorError::Mac));
                prop_assert_eq!(validate(&other, &connection, empty), error());
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(
        bytes in vec(prop_oneof![0..4_u8, any::<u8>()], 0..90),
        kind in prop_oneof![Just(11_u8), Just(13), Just(17), Just(20)],
        by in side(),
    ) {
        // As they are, and behind a header that fits.
        let framed = [&[kind, 0, 0, bytes.len() as u8], &bytes[..]].concat();
        for bytes in [&bytes, &framed] {
            if let Ok(request) = Request::parse(by, bytes) {
                prop_assert_eq!(request.bytes(), &bytes[..]);
                prop_assert!(request.extension(13).is_some());
            }
            let mut buffer = [0; 64];
            let request = Request::write(by, &[7; 16], &[0x0403], &[], &mut buffer).unwrap();
            prop_assert!(validate(&request, &TestConnection::new(0), bytes).is_err());
        }
    }

    #[test]
    fn damaged_requests_and_authenticators_do_not_panic(
        case in case(),
        at: prop::sample::Index,
        removed in 0..4_usize,
        added in vec(any::<u8>(), 0..4),
    ) {
        case.request(|request| {
            let connection = TestConnection::new(0);
            let full = case.authenticator(&request, &connection);
            for good in [request.bytes(), &full] {
                let at = at.index(good.len());
                let end = (at + removed).min(good.len());
                let damaged = [&good[..at], &added, &good[end..]].concat();
                if damaged != good {
                    let _ = Request::parse(case.by, &damaged);
                    prop_assert!(validate(&request, &connection, &damaged).is_err());
                }
            }
            Ok(())
        })?;
    }
}
