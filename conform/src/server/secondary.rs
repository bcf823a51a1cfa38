//! Secondary certificates: a server that requests certificates on an open HTTP/2 connection.

use super::{Case, Need};
use crate::case::{About, CaseResult, Group, Role};
use crate::grade::Grade;
use crate::http2::{Code, Frame, flag, get_block, kind};
use crate::secondary::{Exported, POINTS, answer, must_end};
use crate::talk::QUIET;
use raw_peer::CertificateAnswer;
use rustls_ext_wire::authenticator::{Endpoint, MIN_CONTEXT, Request};

mod authenticators;
mod web;

use web::{Next, Web};

pub(super) use web::look;

/// The number of the setting.
const SETTING: u16 = POINTS.setting();
/// SETTINGS of a client that answers one request at a time.
const ONE: &[(u16, u32)] = &[(SETTING, 1)];

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Server, Group::Secondary, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = settings();
    cases.extend(requests());
    cases.extend(identities());
    cases.extend(frames());
    cases.extend(authenticators::cases());
    for case in &mut cases {
        case.needs.insert(0, Need::Secondary);
    }
    cases
}

/// SCC-1 and SCC-2.
fn settings() -> Vec<Case> {
    vec![
        Case::new(
            about("announces-one", "SCC-1", "announces 1, also to a client without the setting"),
            [],
            |lab| {
                let mut grades = Vec::new();
                for (settings, to) in [(ONE, "with"), (&[], "without")] {
                    let first = lab.web(settings, |web| Ok(web.first_settings()))?;
                    let values = first.iter().filter(|(number, _)| *number == SETTING);
                    let values: Vec<_> = values.map(|(_, value)| *value).collect();
                    let why = format!("sends {values:?} to a client {to} the setting, not 1");
                    grades.push(Grade::from(values == [1], why));
                }
                Ok(Grade::worst(grades))
            },
        ),
        Case::new(
            about("not-announced", "SCC-1", "sends no request to a client without the setting"),
            [],
            |lab| lab.web(&[], unasked),
        ),
        Case::new(
            about("announced-later", "SCC-1", "accepts the setting in later SETTINGS"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(&[], |web| {
                    unasked(web)?;
                    web.session.send(&Frame::settings(ONE));
                    authenticates(web)
                })
            },
        ),
        Case::new(
            about("certificate-before-setting", "SCC-1", "refuses CERTIFICATE before the setting"),
            [],
            |lab| {
                lab.web(&[], |web| {
                    web.unsolicited()?;
                    Ok(must_end(&web.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("setting-changes", "SCC-1", "accepts another value above 0"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(&[(SETTING, 5)], |web| {
                    web.session.send(&Frame::settings(&[(SETTING, 2)]));
                    authenticates(web)
                })
            },
        ),
        Case::new(
            about("setting-back", "SCC-2", "refuses a setting that goes back to 0"),
            [],
            |lab| {
                lab.web(ONE, |web| {
                    web.session.send(&Frame::settings(&[(SETTING, 0)]));
                    Ok(must_end(&web.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("setting-back-in-one-frame", "SCC-2", "refuses 1 and then 0 in one SETTINGS"),
            [],
            |lab| {
                lab.web(&[(SETTING, 1), (SETTING, 0)], |web| {
                    Ok(must_end(&web.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
    ]
}

/// EA-2 to EA-4, EA-7 and SCC-6: the requests of the server.
fn requests() -> Vec<Case> {
    const FIXED: [Need; 1] = [Need::SecondaryRequests];
    vec![
        Case::new(
            about("request-type", "SCC-3", "sends requests of type 13, with their headers"),
            FIXED,
            |lab| {
                lab.web(ONE, |web| {
                    let request = web.raw_request()?;
                    let why = format!("the request begins with {:02x?}", request.get(..4));
                    let [.., a, b, c] = request.len().saturating_sub(4).to_be_bytes();
                    Ok(Grade::from(request.get(..4) == Some(&[13, a, b, c]), why))
                })
            },
        ),
        Case::new(
            about("request-well-formed", "EA-4", "sends requests with signature_algorithms"),
            FIXED,
            |lab| {
                lab.web(ONE, |web| {
                    let request = web.raw_request()?;
                    match Request::parse(Endpoint::Server, &request) {
                        Ok(_) => Ok(Grade::Passed),
                        Err(error) if error.rule() == "EA-4" => {
                            Ok(Grade::Failed(error.to_string()))
                        }
                        Err(error) => Err(malformed(&error.to_string())),
                    }
                })
            },
        ),
        Case::new(
            about("schemes", "EA-7", "requests a scheme that TLS 1.3 allows"),
            FIXED,
            |lab| {
                lab.web(ONE, |web| {
                    let request = web.request()?;
                    let request = parse(&request)?;
                    let usable = request.schemes().next().is_some();
                    Ok(Grade::from(usable, "requests no scheme of TLS 1.3"))
                })
            },
        ),
        Case::new(
            about("context-length", "EA-3", "sends contexts of at least 16 bytes"),
            FIXED,
            |lab| {
                lab.web(ONE, |web| {
                    let request = web.request()?;
                    let length = parse(&request)?.context().len();
                    Ok(Grade::from(length >= MIN_CONTEXT, format!("a context of {length} bytes")))
                })
            },
        ),
        Case::new(
            about("context-unique", "EA-3", "sends another context in each request"),
            FIXED,
            |lab| {
                let mut contexts = Vec::new();
                for _ in 0..3 {
                    contexts.push(lab.web(ONE, |web| {
                        let request = web.request()?;
                        Ok(parse(&request)?.context().to_vec())
                    })?);
                }
                let count = contexts.len();
                contexts.sort_unstable();
                contexts.dedup();
                Ok(Grade::from(contexts.len() == count, "sends the same context again"))
            },
        ),
        Case::new(
            about("outstanding", "SCC-6", "has no more requests outstanding than announced"),
            FIXED,
            |lab| {
                lab.web(ONE, |web| {
                    let streams: Vec<_> = (0..3).map(|_| web.get()).collect();
                    let first = web.asked(streams.first().copied())?;
                    if web.session.ping() {
                        web.session
                            .until(Some(QUIET), |session| (requests_in(session) > 1).then_some(()));
                    }
                    let count = requests_in(&web.session);
                    if count > 1 {
                        return Ok(Grade::Failed(format!(
                            "sends {count} requests, with 1 announced"
                        )));
                    }
                    // All that wait get the result.
                    let expected = web.show(&first)?;
                    let mut grades = Vec::new();
                    for stream in streams {
                        grades.push(web.expect(stream, expected)?);
                    }
                    Ok(Grade::worst(grades))
                })
            },
        ),
    ]
}

/// EA-10, EA-14, SCC-9, SCC-10 and SCC-14: who is authenticated, and where.
fn identities() -> Vec<Case> {
    const IDENTITY: [Need; 2] = [Need::SecondaryRequests, Need::SecondaryCertificate];
    vec![
        Case::new(
            about("authenticates", "EA-14", "authenticates the client of a valid authenticator"),
            [Need::SecondaryRequests],
            |lab| {
                if lab.target.identity.is_none() {
                    return Err(Grade::Skipped("there is no --cert".into()));
                }
                lab.web(ONE, |web| {
                    let stream = web.get();
                    let request = web.asked(Some(stream))?;
                    web.show(&request)?;
                    let status = web.status(stream)?;
                    let why = format!("{status} for a client with the certificate of --cert");
                    Ok(Grade::from(status == 200, why))
                })
            },
        ),
        Case::new(
            about("empty", "EA-10", "answers 401 after an empty authenticator, and continues"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(ONE, |web| {
                    let stream = web.get();
                    let request = web.asked(Some(stream))?;
                    web.decline(&request)?;
                    let grade = turned_down(web.status(stream)?, &[]);
                    if !web.session.ping() {
                        let reaction = web.session.ending();
                        return Ok(Grade::Failed(format!("{reaction} after its response")));
                    }
                    Ok(grade)
                })
            },
        ),
        Case::new(
            about("foreign-chain", "EA-14", "does not authenticate a client of another authority"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(ONE, |web| {
                    let stream = web.foreign()?;
                    // SCC-9 has a case of its own.
                    match web.session.until(None, |session| session.status(stream)) {
                        Some(status) => Ok(turned_down(status, &[403])),
                        None => Err(Grade::Skipped("the connection ended".into())),
                    }
                })
            },
        ),
        Case::new(
            about("foreign-chain-lives", "SCC-9", "continues after a chain that does not verify"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(ONE, |web| {
                    let stream = web.foreign()?;
                    web.session.until(None, |session| session.status(stream));
                    let alive = web.session.ping();
                    Ok(Grade::from(alive, web.session.ending().to_string()))
                })
            },
        ),
        Case::new(
            about("whole-connection", "SCC-10", "keeps the identity for the whole connection"),
            IDENTITY,
            |lab| {
                lab.web(ONE, |web| {
                    authenticates(web)?;
                    let count = requests_in(&web.session);
                    let stream = web.get();
                    let again = web.session.until(None, |session| {
                        let status = session.status(stream);
                        (status.is_some() || requests_in(session) > count).then_some(status)
                    });
                    match again.flatten() {
                        Some(200) => Ok(Grade::Passed),
                        Some(status) => Ok(Grade::Failed(format!("{status} for the next request"))),
                        None => Ok(Grade::Failed("requests the certificate again".into())),
                    }
                })
            },
        ),
        Case::new(
            about("next-connection", "SCC-10", "knows nobody on the next connection"),
            IDENTITY,
            |lab| {
                lab.web(ONE, authenticates)?;
                lab.web(ONE, unknown)
            },
        ),
        Case::new(
            about("resumed", "SCC-14", "knows nobody on a resumed connection"),
            IDENTITY,
            |lab| {
                lab.web(ONE, authenticates)?;
                let ticket = lab.talks.last().and_then(|talk| talk.peer.tickets().last().cloned());
                let Some(ticket) = ticket else {
                    return Err(Grade::Skipped("the server gave no ticket".into()));
                };
                let mut config = lab.web_config();
                config.ticket = Some(ticket);
                config.answer = CertificateAnswer::Empty;
                lab.web_with(config, ONE, |web| {
                    if !web.session.peer().is_resumed() {
                        return Err(Grade::Skipped("the server did not resume the session".into()));
                    }
                    unknown(web)
                })
            },
        ),
    ]
}

/// SCC-3, SCC-5, SCC-8, SCC-12 and SCC-13: frames, whatever is in them.
fn frames() -> Vec<Case> {
    vec![
        Case::new(
            about("requests-by-client", "SCC-5", "refuses AUTHENTICATOR_REQUESTS of a client"),
            [],
            |lab| {
                lab.web(ONE, |web| {
                    let request = web.own_request()?;
                    web.session.send(&crate::secondary::requests_frame(&[request]));
                    Ok(must_end(&web.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("unsolicited", "SCC-8", "refuses CERTIFICATE that answers nothing"),
            [],
            |lab| {
                lab.web(ONE, |web| {
                    web.unsolicited()?;
                    Ok(must_end(&web.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("on-stream", "SCC-8", "refuses CERTIFICATE on another stream than 0"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(ONE, |web| {
                    let stream = web.get();
                    let request = web.asked(Some(stream))?;
                    let mut frame = web.certificate(&request)?;
                    frame.stream = stream;
                    web.session.send(&frame);
                    Ok(must_end(&web.session.reaction(Some(stream)), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("oversized", "SCC-12", "refuses CERTIFICATE above SETTINGS_MAX_FRAME_SIZE"),
            [],
            |lab| {
                lab.web(ONE, |web| {
                    web.first_settings();
                    let most = web.session.peer_max_frame();
                    // Only the head: it is refused without its payload.
                    let head = Frame::new(POINTS.certificate(), 0, []).head(most.saturating_add(1));
                    web.session.send_bytes(&head);
                    web.session.until(None, |_| None::<()>);
                    Ok(must_end(&web.session.ending(), Code::FRAME_SIZE_ERROR))
                })
            },
        ),
        Case::new(
            about("flags", "SCC-3", "ignores the flags of CERTIFICATE"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(ONE, |web| {
                    let stream = web.get();
                    let request = web.asked(Some(stream))?;
                    let frame = web.certificate(&request)?.with(0xff);
                    web.session.send(&frame);
                    let expected = web.expected();
                    web.expect(stream, expected)
                })
            },
        ),
        Case::new(
            about("inside-headers", "SCC-13", "refuses CERTIFICATE inside a header block"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(ONE, |web| {
                    let stream = web.get();
                    let request = web.asked(Some(stream))?;
                    let certificate = web.certificate(&request)?;
                    let other = web.session.open();
                    let block = get_block(&web.authority, "/");
                    let (first, second) = block.split_at(block.len() / 2);
                    let headers = Frame::new(kind::HEADERS, other, first).with(flag::END_STREAM);
                    let rest = Frame::new(kind::CONTINUATION, other, second);
                    for frame in [headers, certificate, rest.with(flag::END_HEADERS)] {
                        web.session.send(&frame);
                    }
                    Ok(must_end(&web.session.reaction(Some(stream)), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("between-frames", "SCC-13", "sends requests between other frames only"),
            [Need::SecondaryRequests],
            |lab| {
                lab.web(ONE, |web| {
                    web.raw_request()?;
                    let inside = web.session.frames().iter().any(|received| {
                        received.inside_headers
                            && received.frame.kind == POINTS.authenticator_requests()
                    });
                    Ok(Grade::from(!inside, "sends a request inside a header block"))
                })
            },
        ),
    ]
}

/// A request for the page, which the server must turn down without asking.
fn unasked(web: &mut Web) -> CaseResult {
    let stream = web.get();
    let status = web.session.until(None, |session| {
        let asked = requests_in(session) > 0;
        (asked || session.status(stream).is_some()).then(|| session.status(stream))
    });
    match status {
        Some(None) => Err(Grade::Failed("requests a certificate all the same".into())),
        Some(Some(status)) => match turned_down(status, &[403]) {
            failed @ Grade::Failed(_) => Err(failed),
            grade => Ok(grade),
        },
        None => Err(Grade::Failed(web.session.ending().to_string())),
    }
}

/// Requests the page, and answers with the certificate, or declines without one.
fn authenticates(web: &mut Web) -> CaseResult {
    let stream = web.get();
    let request = web.asked(Some(stream))?;
    let expected = web.show(&request)?;
    match web.expect(stream, expected)? {
        Grade::Passed => Ok(Grade::Passed),
        other => Err(other),
    }
}

/// A client that the server must not know: it declines.
fn unknown(web: &mut Web) -> CaseResult {
    let stream = web.get();
    let status = match web.asked_or_status(stream)? {
        Next::Request(request) => {
            web.decline(&request)?;
            web.status(stream)?
        }
        Next::Response(status) => status,
    };
    Ok(turned_down(status, &[403]))
}

/// Grades the response to a client that is not authenticated: 401, or one of `also`.
fn turned_down(status: u16, also: &[u16]) -> Grade {
    match status {
        401 => Grade::Passed,
        _ if also.contains(&status) => Grade::Passed,
        400..=499 => Grade::Tolerated(format!("{status} instead of 401")),
        _ => Grade::Failed(format!("{status}, but the client is not authenticated")),
    }
}

/// How many frames AUTHENTICATOR_REQUESTS were received.
fn requests_in(session: &crate::http2::Session) -> usize {
    let kind = POINTS.authenticator_requests();
    let frames = session.frames().iter().filter(|received| received.frame.kind == kind);
    frames.map(|it| crate::secondary::split(&it.frame.payload).map_or(1, |list| list.len())).sum()
}

fn parse(request: &[u8]) -> Result<Request<'_>, Grade> {
    Request::parse(Endpoint::Server, request).map_err(|error| malformed(&error.to_string()))
}

/// The grade if a case cannot run because of a request, which has cases of its own.
fn malformed(why: &str) -> Grade {
    Grade::Skipped(format!("the server's request cannot be answered: {why}"))
}

/// The grade if the tester cannot continue.
fn stuck(why: impl std::fmt::Display) -> Grade {
    Grade::Skipped(format!("the tester cannot continue: {why}"))
}

/// An authenticator by the codec.
fn made(
    exported: &Exported,
    request: &[u8],
    identity: Option<&raw_peer::ChainAndKey>,
) -> Result<Vec<u8>, Grade> {
    answer(exported, &parse(request)?, identity).map_err(|error| malformed(&error))
}
