//! Secondary certificates: a client that answers requests on an open HTTP/2 connection.

use super::{Case, Lab, Need};
use crate::case::{About, CaseResult, Group, Role};
use crate::grade::Grade;
use crate::http2::{Code, Frame, Reaction, flag, kind, status_block};
use crate::secondary::{
    ECDSA_P256, POINTS, authorities, distinguished_name, must_end, raw_request, requests_frame,
    schemes,
};

mod host;
mod malformed;

pub(super) use host::{Host, look};

/// The number of the setting.
const SETTING: u16 = POINTS.setting();
/// SETTINGS of a server that requests certificates.
const ONE: &[(u16, u32)] = &[(SETTING, 1)];
/// More requests than a connection should have (SCC-12).
const ENDLESS: usize = 10_000;
/// The largest number of outstanding requests that the tester fills.
const MOST_OUTSTANDING: u32 = 64;

fn about(name: &str, rule: &'static str, expects: &str) -> About {
    About::new(Role::Client, Group::Secondary, name, rule, expects)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = settings();
    cases.extend(authenticators());
    cases.extend(choices());
    cases.extend(requests());
    cases.extend(malformed::cases());
    cases.extend(limits());
    cases.extend(frames());
    for case in &mut cases {
        case.needs.insert(0, Need::Secondary);
    }
    cases
}

/// SCC-1 and SCC-2.
fn settings() -> Vec<Case> {
    let ends = |name, expects, first: &'static [(u16, u32)], then: Option<u32>| {
        Case::new(about(name, "SCC-2", expects), [], move |lab: &mut Lab| {
            lab.host_web(first, |host| {
                if let Some(value) = then {
                    host.session.send(&Frame::settings(&[(SETTING, value)]));
                }
                Ok(must_end(&host.session.reaction(None), Code::PROTOCOL_ERROR))
            })
        })
    };
    vec![
        Case::new(
            about("announces", "SCC-1", "announces at least 1 in its first SETTINGS"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    let first = host.first_settings();
                    let values = first.iter().filter(|(number, _)| *number == SETTING);
                    let values: Vec<_> = values.map(|(_, value)| *value).collect();
                    let holds = matches!(values.as_slice(), [value] if *value > 0);
                    host.finish()?;
                    Ok(Grade::from(holds, format!("its first SETTINGS have {values:?}")))
                })
            },
        ),
        Case::new(
            about("nothing-unasked", "EA-5", "sends no authenticator without a request"),
            [],
            |lab| {
                let mut grades = Vec::new();
                for settings in [ONE, &[]] {
                    grades.push(lab.host_web(settings, |host| {
                        host.page()?;
                        host.session.ping();
                        let count = host.certificates();
                        host.finish()?;
                        Ok(Grade::from(count == 0, "sends CERTIFICATE without a request"))
                    })?);
                }
                Ok(Grade::worst(grades))
            },
        ),
        Case::new(
            about("before-setting", "SCC-1", "refuses requests of a server without the setting"),
            [],
            |lab| {
                lab.host_web(&[], |host| {
                    host.page()?;
                    host.session.ping();
                    let unasked = host.certificates();
                    host.ask(&[host.request(&[])?]);
                    let reaction = host.session.reaction(None);
                    if host.certificates() > unasked {
                        return Ok(Grade::Failed("answers a server without the setting".into()));
                    }
                    Ok(match must_end(&reaction, Code::PROTOCOL_ERROR) {
                        Grade::Failed(_) if reaction == Reaction::Continued => {
                            Grade::Tolerated("ignores the request".into())
                        }
                        grade => grade,
                    })
                })
            },
        ),
        ends("setting-two", "refuses the value 2 of a server", &[(SETTING, 2)], None),
        ends("setting-back", "refuses a setting that goes back to 0", ONE, Some(0)),
        ends(
            "setting-back-in-one-frame",
            "refuses 1 and then 0 in one SETTINGS",
            &[(SETTING, 1), (SETTING, 0)],
            None,
        ),
    ]
}

/// EA-2 and EA-6 to EA-9: what is in the answer to a plain request.
fn authenticators() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, rule, expects) in [
        ("structure", "EA-2", "answers with an authenticator, and nothing behind it"),
        ("content", "EA-6", "answers with the context of the request, and no more extensions"),
        ("scheme", "EA-7", "signs with a requested scheme that TLS 1.3 allows"),
        ("signature", "EA-8", "signs the authenticator with its key"),
        ("mac", "EA-9", "answers with the MAC of this connection and request"),
    ] {
        cases.push(Case::new(about(name, rule, expects), [], move |lab: &mut Lab| {
            lab.host_web(ONE, |host| {
                host.page()?;
                let request = host.request(&[])?;
                host.ask(std::slice::from_ref(&request));
                let answer = host.answer()?;
                match host.validate(&request, &answer) {
                    Ok(_) => {}
                    Err(invalid) if invalid.rule == rule => return Ok(Grade::Failed(invalid.why)),
                    Err(invalid) => return Err(Grade::Skipped(invalid.why)),
                }
                host.finish()?;
                Ok(Grade::Passed)
            })
        }));
    }
    cases
}

/// A request with these schemes, and with this name in certificate_authorities.
fn chosen(
    name: &'static str,
    rule: &'static str,
    expects: &'static str,
    list: &'static [u16],
    named: impl Fn(&Lab) -> Option<Vec<u8>> + 'static,
    shows: bool,
) -> Case {
    let about = about(name, rule, expects);
    Case::new(about, [Need::SecondaryCertificate], move |lab: &mut Lab| {
        let named = named(lab).map(|name| authorities(&name));
        lab.host_web(ONE, |host| {
            host.page()?;
            let list = schemes(list);
            let mut extensions = vec![(13, list.as_slice())];
            extensions.extend(named.as_ref().map(|body| (47, body.as_slice())));
            let request = raw_request(13, &host.context()?, &extensions);
            host.ask(std::slice::from_ref(&request));
            let answer = host.answer()?;
            let chain = match host.validate(&request, &answer) {
                Ok(chain) => chain,
                Err(invalid) if invalid.rule == "EA-7" => return Ok(Grade::Failed(invalid.why)),
                Err(invalid) => return Err(Grade::Skipped(invalid.why)),
            };
            host.finish()?;
            let what = if chain.is_empty() { "declines" } else { "shows a certificate" };
            Ok(Grade::from(chain.is_empty() != shows, what))
        })
    })
}

/// EA-6, EA-7 and EA-10: which requests the certificate fits.
fn choices() -> Vec<Case> {
    // CN=nobody
    const NOBODY: &[u8] = b"\x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x0c\x06nobody";
    vec![
        chosen(
            "known-authority",
            "EA-6",
            "shows its certificate if its authority is requested",
            &[ECDSA_P256],
            |lab| Some(lab.authority.clone()),
            true,
        ),
        chosen(
            "unknown-authority",
            "EA-10",
            "declines if only unknown authorities are requested",
            &[ECDSA_P256],
            |_| Some(distinguished_name(NOBODY)),
            false,
        ),
        chosen(
            "unfit-scheme",
            "EA-10",
            "declines if no scheme fits its key",
            &[0x0807],
            |_| None,
            false,
        ),
        chosen(
            "only-pkcs1",
            "EA-7",
            "declines if only RSASSA-PKCS1-v1_5 is requested",
            &[0x0401],
            |_| None,
            false,
        ),
    ]
}

/// EA-3, EA-4, SCC-3 and SCC-7: requests that must be answered, and how often.
fn requests() -> Vec<Case> {
    vec![
        Case::new(
            about("context-lengths", "EA-3", "answers contexts of 0, 1 and 255 bytes"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    for length in [0, 1, 255] {
                        let request =
                            raw_request(13, &vec![9; length], &[(13, &schemes(&[ECDSA_P256]))]);
                        host.ask(std::slice::from_ref(&request));
                        host.valid_answer(&request)?;
                    }
                    host.finish()?;
                    Ok(Grade::Passed)
                })
            },
        ),
        Case::new(
            about("same-context", "EA-3", "refuses a context for the second time"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    let request = host.request(&[])?;
                    host.ask(std::slice::from_ref(&request));
                    host.answer()?;
                    host.ask(&[request]);
                    Ok(must_end(&host.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("unknown-extension", "EA-4", "ignores an unknown extension of a request"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    let request = host.request(&[(0xff5c, &[1, 2, 3])])?;
                    host.ask(std::slice::from_ref(&request));
                    host.valid_answer(&request)?;
                    host.finish()?;
                    Ok(Grade::Passed)
                })
            },
        ),
        Case::new(
            about("long-integers", "SCC-3", "reads lengths that are not in the shortest form"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    for (bits, width) in [(0x40, 2), (0x80, 4), (0xc0, 8)] {
                        let request = host.request(&[])?;
                        let [_, _, _, _, _, _, high, low] = (request.len() as u64).to_be_bytes();
                        let mut payload = vec![0; width - 2];
                        payload.extend([high, low]);
                        if let Some(first) = payload.first_mut() {
                            *first |= bits;
                        }
                        payload.extend_from_slice(&request);
                        host.session.send(&Frame::new(kind_of_requests(), 0, payload));
                        host.valid_answer(&request)?;
                    }
                    host.finish()?;
                    Ok(Grade::Passed)
                })
            },
        ),
        Case::new(about("once", "SCC-7", "answers a request with one frame"), [], |lab| {
            lab.host_web(ONE, |host| {
                host.page()?;
                host.ask(&[host.request(&[])?]);
                host.answer()?;
                host.session.ping();
                let count = host.certificates();
                host.finish()?;
                Ok(Grade::from(count == 1, format!("answers with {count} frames")))
            })
        }),
        Case::new(
            about("in-order", "SCC-7", "answers the requests of one frame in order, one by one"),
            [Need::SecondarySeveral],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    // A client whose authenticators are not valid fails in other cases.
                    let single = host.request(&[])?;
                    host.ask(std::slice::from_ref(&single));
                    host.valid_answer(&single)?;
                    let requests = [host.request(&[])?, host.request(&[])?];
                    host.ask(&requests);
                    for request in &requests {
                        let answer = host.answer()?;
                        if let Err(invalid) = host.validate(request, &answer) {
                            return Ok(Grade::Failed(invalid.why));
                        }
                    }
                    host.finish()?;
                    Ok(Grade::Passed)
                })
            },
        ),
    ]
}

/// SCC-6 and SCC-12.
fn limits() -> Vec<Case> {
    vec![
        Case::new(
            about("too-many", "SCC-6", "refuses more outstanding requests than it announced"),
            [],
            |lab| {
                let most = lab.features.secondary.unwrap_or_default();
                if most > MOST_OUTSTANDING {
                    return Err(Grade::Skipped(format!("the client announces {most}")));
                }
                lab.host_web(ONE, |host| {
                    host.page()?;
                    let requests: Result<Vec<_>, _> =
                        (0..=most).map(|_| host.request(&[])).collect();
                    host.ask(&requests?);
                    Ok(must_end(&host.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("one-by-one", "SCC-6", "does not count requests that it has answered"),
            [],
            |lab| {
                let most = lab.features.secondary.unwrap_or_default().min(MOST_OUTSTANDING);
                lab.host_web(ONE, |host| {
                    host.page()?;
                    for _ in 0..=most {
                        let request = host.request(&[])?;
                        host.ask(std::slice::from_ref(&request));
                        host.valid_answer(&request)?;
                    }
                    host.finish()?;
                    Ok(Grade::Passed)
                })
            },
        ),
        Case::new(
            about(
                "endless",
                "SCC-12",
                "declines when there are too many requests, and then ends with ENHANCE_YOUR_CALM",
            ),
            [],
            |lab| {
                let patience = lab.patience;
                lab.patience = patience.saturating_mul(6);
                let grade = lab.host_web(ONE, endless);
                lab.patience = patience;
                grade
            },
        ),
    ]
}

fn endless(host: &mut Host) -> CaseResult {
    host.page()?;
    let mut declined = false;
    for count in 0..ENDLESS {
        let request = host.request(&[])?;
        host.ask(std::slice::from_ref(&request));
        let Some(answer) = host.next_answer() else {
            let grade = must_end(&host.session.ending(), Code::ENHANCE_YOUR_CALM);
            return Ok(match grade {
                Grade::Passed if !declined && count > 0 => {
                    Grade::Tolerated("ends the connection without declining before".into())
                }
                grade => grade,
            });
        };
        declined = answer.first() == Some(&20);
    }
    Ok(Grade::Failed(format!("answers {ENDLESS} requests")))
}

/// SCC-3, SCC-5, SCC-8, SCC-12 and SCC-13: frames, whatever is in them.
fn frames() -> Vec<Case> {
    vec![
        Case::new(
            about("on-stream", "SCC-5", "refuses AUTHENTICATOR_REQUESTS on another stream than 0"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    let stream = host.page()?;
                    let mut frame = requests_frame(&[host.request(&[])?]);
                    frame.stream = stream;
                    host.session.send(&frame);
                    Ok(must_end(&host.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("certificate-by-server", "SCC-8", "refuses CERTIFICATE of a server"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    let mac = [&[20, 0, 0, 32][..], &[7; 32]].concat();
                    host.session.send(&Frame::new(POINTS.certificate(), 0, mac));
                    Ok(must_end(&host.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("flags", "SCC-3", "ignores the flags of AUTHENTICATOR_REQUESTS"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    let request = host.request(&[])?;
                    let frame = requests_frame(std::slice::from_ref(&request)).with(0xff);
                    host.session.send(&frame);
                    host.valid_answer(&request)?;
                    host.finish()?;
                    Ok(Grade::Passed)
                })
            },
        ),
        Case::new(
            about("oversized", "SCC-12", "refuses a frame above SETTINGS_MAX_FRAME_SIZE"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    let most = host.session.peer_max_frame();
                    // Only the head: it is refused without its payload.
                    let head = Frame::new(kind_of_requests(), 0, []).head(most.saturating_add(1));
                    host.session.send_bytes(&head);
                    host.session.until(None, |_| None::<()>);
                    Ok(must_end(&host.session.ending(), Code::FRAME_SIZE_ERROR))
                })
            },
        ),
        Case::new(
            about("inside-headers", "SCC-13", "refuses requests inside a header block"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    let stream = host.page()?;
                    let requests = requests_frame(&[host.request(&[])?]);
                    let headers = Frame::new(kind::HEADERS, stream, status_block(103));
                    let rest = Frame::new(kind::CONTINUATION, stream, []).with(flag::END_HEADERS);
                    for frame in [headers, requests, rest] {
                        host.session.send(&frame);
                    }
                    Ok(must_end(&host.session.reaction(None), Code::PROTOCOL_ERROR))
                })
            },
        ),
        Case::new(
            about("between-frames", "SCC-13", "sends CERTIFICATE between other frames only"),
            [],
            |lab| {
                lab.host_web(ONE, |host| {
                    host.page()?;
                    host.ask(&[host.request(&[])?]);
                    host.answer()?;
                    let inside = host.session.frames().iter().any(|received| {
                        received.inside_headers && received.frame.kind == POINTS.certificate()
                    });
                    host.finish()?;
                    Ok(Grade::from(!inside, "sends CERTIFICATE inside a header block"))
                })
            },
        ),
    ]
}

const fn kind_of_requests() -> u8 {
    POINTS.authenticator_requests()
}
