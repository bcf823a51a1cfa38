//! Lists of authenticator requests in HTTP frames, and the numbers of the frames.

use proptest::prelude::*;
use rustls_ext_wire::authenticator::{Endpoint, Request, RequestError, WriteError};
use rustls_ext_wire::secondary::{HttpCodePointError, HttpCodePoints, Requests, RequestsError};

const CONTEXT: [u8; 16] = [7; 16];

/// A request of a server, of 31 bytes.
fn request() -> Vec<u8> {
    let mut buffer = [0; 64];
    Request::write(Endpoint::Server, &CONTEXT, &[0x0403], &[], &mut buffer).unwrap().bytes().into()
}

/// A request of a server with so many schemes.
fn long_request(schemes: usize) -> Vec<u8> {
    let mut buffer = vec![0; 2 * schemes + 64];
    let schemes = vec![0x0403; schemes];
    Request::write(Endpoint::Server, &CONTEXT, &schemes, &[], &mut buffer).unwrap().bytes().into()
}

fn contexts(payload: &[u8]) -> Result<usize, RequestsError> {
    let requests = Requests::parse(payload)?;
    let all: Vec<_> = requests.collect();
    assert!(all.iter().all(|request| request.by() == Endpoint::Server));
    Ok(all.len())
}

#[test]
fn scc_3_lengths_are_variable_length_integers_of_any_form() {
    let request = request();
    let length = u8::try_from(request.len()).unwrap();
    let forms: [&[u8]; 4] =
        [&[length], &[0x40, length], &[0x80, 0, 0, length], &[0xc0, 0, 0, 0, 0, 0, 0, length]];
    for form in forms {
        assert_eq!(contexts(&[form, &request].concat()), Ok(1), "{form:?}");
    }
    let all: Vec<u8> = forms.iter().flat_map(|form| [form, &request[..]].concat()).collect();
    assert_eq!(contexts(&all), Ok(4));
}

#[test]
fn scc_3_the_shortest_form_is_written() {
    for (schemes, form, first) in [(1, 1, 31), (17, 1, 63), (18, 2, 0x40), (8191, 4, 0x80)] {
        let bytes = long_request(schemes);
        let request = Request::parse(Endpoint::Server, &bytes).unwrap();
        let mut buffer = vec![0; 2 * bytes.len() + 20];
        let payload = Requests::write(&[request, request], &mut buffer).unwrap();
        assert_eq!(payload.len(), 2 * (form + bytes.len()), "{schemes}");
        assert_eq!(payload.first(), Some(&first), "{schemes}");
        let read: Vec<_> = Requests::parse(payload).unwrap().collect();
        assert_eq!(read, [request, request]);
        // With one byte less, it does not fit.
        let length = payload.len();
        let mut short = vec![0; length - 1];
        let error = Requests::write(&[request, request], &mut short).unwrap_err();
        assert_eq!(error, WriteError::NoRoom { needed: length });
    }
}

#[test]
fn scc_4_an_empty_list_is_refused() {
    let error = Requests::parse(&[]).unwrap_err();
    assert_eq!((error, error.rule()), (RequestsError::Empty, "SCC-4"));
    assert_eq!(error.to_string(), "a list of authenticator requests is empty (SCC-4)");
}

#[test]
fn scc_4_a_length_that_does_not_fit_is_refused() {
    let request = request();
    let payload = [&[31][..], &request].concat();
    for end in 1..payload.len() {
        assert_eq!(contexts(&payload[..end]), Err(RequestsError::Length), "{end}");
    }
    // A truncated integer, one that no memory has, and bytes behind the last request.
    for bad in [&[0x40][..], &[0x80, 0, 0], &[0xc0; 7], &[0xff; 8], &[0xff; 16]] {
        assert_eq!(contexts(bad), Err(RequestsError::Length), "{bad:?}");
        assert_eq!(contexts(&[&payload[..], bad].concat()), Err(RequestsError::Length));
    }
}

#[test]
fn scc_4_a_malformed_request_is_refused() {
    // An empty one, and one that is cut by its length.
    let malformed = |payload: &[u8]| match contexts(payload) {
        Err(RequestsError::Request(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(malformed(&[0]).rule(), "EA-2");
    assert_eq!(malformed(&[&[30][..], &request()[..30]].concat()).rule(), "EA-2");
    // The second one.
    let payload = [&[31][..], &request(), &[0]].concat();
    assert_eq!(malformed(&payload).rule(), "EA-2");
    let error = Requests::parse(&payload).unwrap_err();
    assert_eq!(error.rule(), "SCC-4");
    assert!(error.to_string().ends_with("(EA-2) (SCC-4)"), "{error}");
}

#[test]
fn scc_3_and_scc_4_requests_of_clients_are_refused() {
    let mut buffer = [0; 64];
    let request = Request::write(Endpoint::Client, &CONTEXT, &[0x0403], &[], &mut buffer).unwrap();
    let payload = [&[31][..], request.bytes()].concat();
    let error = RequestError::UnexpectedMessage { expected: 13, found: 17 };
    assert_eq!(contexts(&payload), Err(RequestsError::Request(error)));
}

#[test]
fn numbers_of_others_are_refused() {
    let default = HttpCodePoints::default();
    assert_eq!(HttpCodePoints::new(0xff10, 0xf0, 0xf1), Ok(default));
    for setting in [0, 1, 8, 0x10, 0x33, 0x21, 0x40] {
        let error = HttpCodePointError::SettingTaken { number: setting };
        assert_eq!(HttpCodePoints::new(setting, 0xf0, 0xf1), Err(error));
    }
    for frame in [0, 4, 9, 0xd, 0x10, 0x21, 0x40, 0x41, 0xfa] {
        let error = HttpCodePointError::FrameTaken { number: frame };
        assert_eq!(HttpCodePoints::new(0xff10, frame, 0xf1), Err(error));
        assert_eq!(HttpCodePoints::new(0xff10, 0xf0, frame), Err(error));
    }
    let error = HttpCodePointError::FrameTaken { number: 0xf0 };
    assert_eq!(HttpCodePoints::new(0xff10, 0xf0, 0xf0), Err(error));
    let other = HttpCodePoints::new(0x4242, 0x55, 0x56).unwrap();
    assert_eq!(
        (other.setting(), other.authenticator_requests(), other.certificate()),
        (0x4242, 0x55, 0x56)
    );
}

proptest! {
    #[test]
    fn scc_4_what_is_read_is_what_was_written(
        counts in prop::collection::vec(1_usize..300, 1..5),
        cut: prop::sample::Index,
        noise: Vec<u8>,
    ) {
        let all: Vec<_> = counts.into_iter().map(long_request).collect();
        let requests: Vec<_> =
            all.iter().map(|bytes| Request::parse(Endpoint::Server, bytes).unwrap()).collect();
        let mut buffer = vec![0; 4096];
        let payload = Requests::write(&requests, &mut buffer).unwrap();
        let read: Vec<_> = Requests::parse(payload).unwrap().collect();
        prop_assert_eq!(&read, &requests);
        // What is cut is refused, or has the first of them only.
        let end = cut.index(payload.len());
        if let Ok(read) = Requests::parse(&payload[..end]) {
            let read: Vec<_> = read.collect();
            prop_assert!(read.len() < requests.len() && requests.starts_with(&read));
        }
        let _ = Requests::parse(&noise);
    }
}
