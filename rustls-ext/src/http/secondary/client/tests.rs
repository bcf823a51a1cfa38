//! The client's side without a connection: frames go in by function calls.

use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{Error, SignatureScheme};
use test_pki::Authority;

use super::*;
use crate::authenticator::{Proof, RequestError};
use crate::wire::authenticator::ContextError;

/// The values of a connection, which both sides have.
fn exporters() -> Exporters {
    let suite = cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().unwrap();
    Exporters::from_exporter(suite, Endpoint::Client, |value, label| {
        value.iter_mut().zip(label.iter().cycle()).for_each(|(to, from)| *to = *from);
        Ok::<_, Error>(())
    })
    .unwrap()
}

/// A client and what is around it.
struct World {
    exchange: ClientExchange,
    outbox: Outbox,
    work: Arc<Mutex<Vec<Work>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Shows its key wherever it fits, and records the answers.
struct Chooser(Arc<CertifiedKey>, Arc<Mutex<Vec<Answer>>>);

impl ChooseCertificate for Chooser {
    fn choose(&self, request: &Request) -> Option<Arc<CertifiedKey>> {
        request.accepts(&self.0).is_ok().then(|| self.0.clone())
    }

    fn answering(&self, _: &Request, answer: &Answer) {
        self.1.lock().unwrap().push(answer.clone());
    }
}

fn world_with(limits: ClientLimits) -> World {
    let authority = Authority::new("clients").unwrap();
    let key = authority.client("agent").unwrap().certified_key().unwrap();
    let roots = Arc::new(authority.roots().unwrap());
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap();
    let (outbox, work, answers) = (Outbox::new(), Arc::default(), Arc::default());
    let todo: Arc<Mutex<Vec<Work>>> = Arc::clone(&work);
    let run = move |work| todo.lock().unwrap().push(work);
    let chooser = Chooser(key, Arc::clone(&answers));
    let exchange = ClientExchange::new(exporters(), chooser, outbox.clone(), limits, run);
    World { exchange, outbox, work, answers, verifier }
}

/// A client to which the server has announced its setting.
fn world() -> World {
    let world = world_with(ClientLimits::default());
    world.exchange.setting(Some(1)).unwrap();
    world
}

impl World {
    fn request(&self) -> Request {
        Request::for_verifier(&*self.verifier, &default_provider()).unwrap()
    }

    fn receive(&self, requests: &[&Request]) -> Result<(), ConnectionError> {
        let payload = payload(requests.iter().map(|request| request.bytes()));
        let frame = Frame::AuthenticatorRequests;
        self.exchange.head(frame, true, payload.len() as u64)?;
        self.exchange.frame(frame, payload)
    }

    /// Does all the work there is, and returns how many pieces there were.
    fn work(&self) -> usize {
        let work = std::mem::take(&mut *self.work.lock().unwrap());
        work.into_iter().map(|work| work()).count()
    }

    /// The proof in the only answer that waits to be sent.
    fn only_proof(&self, request: &Request) -> Proof {
        let sent = self.outbox.take();
        assert_eq!(sent.len(), 1);
        self.proof(request, &sent[0])
    }

    fn proof(&self, request: &Request, (frame, payload): &(Frame, Vec<u8>)) -> Proof {
        assert_eq!(*frame, Frame::Certificate);
        let proof = request.validate(&exporters(), payload, |message, certificate, signature| {
            self.verifier.verify_tls13_signature(message, certificate, signature)
        });
        proof.unwrap()
    }

    /// Why the client has declined, in order; `None` where it has shown its certificate.
    fn declined(&self) -> Vec<Option<Declined>> {
        let answers = self.answers.lock().unwrap();
        let why = |answer: &Answer| match answer {
            Answer::Shown(_) => None,
            Answer::Declined(why) => Some(why.clone()),
        };
        answers.iter().map(why).collect()
    }
}

fn payload<'a>(requests: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let prefixed = |request: &[u8]| {
        let length = 0x4000 | u16::try_from(request.len()).unwrap();
        [&length.to_be_bytes(), request].concat()
    };
    requests.flat_map(prefixed).collect()
}

#[test]
fn a_request_is_answered_with_a_proof_that_verifies() {
    let world = world();
    let request = world.request();
    world.receive(&[&request]).unwrap();
    assert!(world.outbox.take().is_empty());
    assert_eq!(world.work(), 1);
    let Proof::Possession(possession) = world.only_proof(&request) else { panic!("declined") };
    possession.verify_client(&*world.verifier, UnixTime::now()).unwrap();
    assert_eq!(world.declined(), [None]);
}

#[test]
fn scc_1_a_client_announces_how_many_requests_may_be_outstanding() {
    assert_eq!(world().exchange.announces(), 2);
    let limits = ClientLimits { outstanding: 0, ..ClientLimits::default() };
    assert_eq!(world_with(limits).exchange.announces(), 0);
}

#[test]
fn scc_1_no_frame_before_the_server_s_setting() {
    for heard in [None, Some(None), Some(Some(0))] {
        let world = world_with(ClientLimits::default());
        if let Some(value) = heard {
            world.exchange.setting(value).unwrap();
        }
        for frame in [Frame::AuthenticatorRequests, Frame::Certificate] {
            let refused = world.exchange.head(frame, true, 10);
            assert_eq!(refused, Err(ConnectionError::NotAnnounced(frame)));
        }
        // The setting may arrive in any SETTINGS.
        world.exchange.setting(Some(1)).unwrap();
        world.exchange.head(Frame::AuthenticatorRequests, true, 10).unwrap();
    }
}

#[test]
fn scc_2_a_server_s_setting_is_0_or_1_and_does_not_return_to_0() {
    let world = world();
    world.exchange.setting(Some(1)).unwrap();
    assert_eq!(world.exchange.setting(Some(0)), Err(ConnectionError::SettingWithdrawn));
    for value in [2, u64::MAX] {
        let refused = world.exchange.setting(Some(value));
        assert_eq!(refused, Err(ConnectionError::BadSetting { value }));
    }
}

#[test]
fn scc_4_a_malformed_list_of_requests_ends_the_connection() {
    let world = world();
    let frame = Frame::AuthenticatorRequests;
    let of_client =
        Request::new(Endpoint::Client, &[SignatureScheme::ED25519], &[], &default_provider());
    let wrong_type = RequestError::UnexpectedMessage { expected: 13, found: 17 };
    for (payload, error) in [
        (vec![], RequestsError::Empty),
        (vec![5, 13, 0], RequestsError::Length),
        (payload([of_client.unwrap().bytes()].into_iter()), RequestsError::Request(wrong_type)),
    ] {
        assert_eq!(world.exchange.frame(frame, payload), Err(ConnectionError::Requests(error)));
    }
    assert_eq!(world.work(), 0);
}

#[test]
fn scc_5_scc_8_frames_are_on_the_control_stream_only() {
    for frame in [Frame::AuthenticatorRequests, Frame::Certificate] {
        let refused = world().exchange.head(frame, false, 10);
        assert_eq!(refused, Err(ConnectionError::OnStream(frame)));
    }
}

#[test]
fn scc_6_all_requests_of_a_frame_count_before_the_first_is_answered() {
    let world = world();
    let requests: Vec<_> = (0..3).map(|_| world.request()).collect();
    let refused = world.receive(&[&requests[0], &requests[1], &requests[2]]);
    assert_eq!(refused, Err(ConnectionError::TooManyOutstanding { most: 2 }));
    assert_eq!(world.work(), 0);
}

#[test]
fn scc_6_a_request_is_outstanding_until_its_answer_is_sent() {
    let world = world();
    let requests: Vec<_> = (0..4).map(|_| world.request()).collect();
    world.receive(&[&requests[0], &requests[1]]).unwrap();
    world.work();
    world.receive(&[&requests[2]]).unwrap();
    world.receive(&[&requests[3]]).unwrap();
    let refused = world.receive(&[&world.request()]);
    assert_eq!(refused, Err(ConnectionError::TooManyOutstanding { most: 2 }));
}

#[test]
fn scc_7_answers_are_in_order_in_one_frame_each() {
    let world = world();
    let requests = [world.request(), world.request()];
    world.receive(&[&requests[0]]).unwrap();
    world.receive(&[&requests[1]]).unwrap();
    // One piece of work at a time.
    assert_eq!(world.work(), 1);
    let sent = world.outbox.take();
    assert_eq!(sent.len(), 2);
    for (request, frame) in requests.iter().zip(&sent) {
        assert!(matches!(world.proof(request, frame), Proof::Possession(_)));
    }
}

#[test]
fn scc_8_servers_send_no_certificate() {
    let world = world();
    let refused = Err(ConnectionError::UnexpectedCertificate);
    assert_eq!(world.exchange.head(Frame::Certificate, true, 10), refused);
    assert_eq!(world.exchange.frame(Frame::Certificate, vec![1]), refused);
}

#[test]
fn ea_3_a_context_for_the_second_time_ends_the_connection() {
    let world = world();
    let request = world.request();
    world.receive(&[&request]).unwrap();
    world.work();
    let refused = Err(ConnectionError::Context(ContextError::Repeated));
    assert_eq!(world.receive(&[&request]), refused);
    // In one frame, too.
    let request = world.request();
    assert_eq!(world.receive(&[&request, &request]), refused);
}

#[test]
fn ea_10_a_client_without_a_fitting_certificate_declines() {
    let world = world();
    let schemes = [SignatureScheme::ED25519];
    let request = Request::new(Endpoint::Server, &schemes, &[], &default_provider()).unwrap();
    world.receive(&[&request]).unwrap();
    world.work();
    assert_eq!(world.only_proof(&request), Proof::Declined);
    assert_eq!(world.declined(), [Some(Declined::NotChosen)]);
}

#[test]
fn scc_12_after_8_requests_the_client_declines_and_after_64_it_ends_the_connection() {
    let world = world();
    for number in 1..=64 {
        let request = world.request();
        world.receive(&[&request]).unwrap();
        world.work();
        let is_declined = world.only_proof(&request) == Proof::Declined;
        assert_eq!(is_declined, number > 8, "{number}");
    }
    let expected = [vec![None; 8], vec![Some(Declined::TooManyRequests { most: 8 }); 56]].concat();
    assert_eq!(world.declined(), expected);
    let error = world.receive(&[&world.request()]).unwrap_err();
    assert_eq!(error, ConnectionError::TooManyRequests { most: 64 });
    assert_eq!(error.http2_code(), 0xb);
}

#[test]
fn scc_12_an_oversized_frame_is_refused_from_its_head() {
    let frame = Frame::AuthenticatorRequests;
    world().exchange.head(frame, true, 16 * 1024).unwrap();
    for length in [16 * 1024 + 1, 0xff_ffff] {
        let error = world().exchange.head(frame, true, length).unwrap_err();
        assert_eq!(error, ConnectionError::TooLong { frame, length });
        assert_eq!(error.http2_code(), 0x6);
    }
}

#[test]
fn scc_12_an_authenticator_that_the_server_does_not_accept_is_not_sent() {
    let world = world();
    world.outbox.set_max_frame(100);
    let request = world.request();
    world.receive(&[&request]).unwrap();
    world.work();
    assert_eq!(world.only_proof(&request), Proof::Declined);
    let declined = world.declined();
    let [Some(Declined::TooLong { length, most: 100 })] = declined[..] else {
        panic!("{declined:?}")
    };
    assert!(length > 100);
    assert_eq!(world.outbox.error(), None);
}

#[test]
fn scc_12_a_server_that_does_not_read_the_answers_is_not_answered_for_ever() {
    let world = world();
    for _ in 0..17 {
        world.receive(&[&world.request()]).unwrap();
        world.work();
    }
    let error = ConnectionError::TooManyOutstanding { most: 2 };
    assert_eq!(world.outbox.error(), Some(error));
}

#[test]
fn nothing_is_shown_after_the_end_of_the_connection() {
    let world = world();
    world.receive(&[&world.request()]).unwrap();
    world.exchange.closed();
    world.exchange.closed();
    world.work();
    world.receive(&[&world.request()]).unwrap();
    assert_eq!(world.work(), 0);
    assert!(world.declined().is_empty());
    assert!(world.outbox.take().is_empty());
}
