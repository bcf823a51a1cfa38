//! Cases about authenticator requests and authenticators.

use std::convert::Infallible;

use rustls_ext::authenticator::Exporters;
use rustls_ext::rustls::crypto::ring::cipher_suite;
use rustls_ext::wire::authenticator::{Authenticator, Endpoint, Proof, Request};
use rustls_ext::wire::{Answer, Scan};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::file::{Hex, Outcome, hex, split};

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Client,
    Server,
}

impl Side {
    const fn endpoint(self) -> Endpoint {
        match self {
            Self::Client => Endpoint::Client,
            Self::Server => Endpoint::Server,
        }
    }
}

fn broken(rule: &str) -> Value {
    json!({ "broken_rule": rule })
}

pub(super) fn case(mut case: Map<String, Value>) -> Result<Outcome, String> {
    match case.remove("kind").as_ref().and_then(Value::as_str) {
        Some("request") => request(case),
        Some("authenticator") => authenticator(case),
        _ => Err("kind: neither \"request\" nor \"authenticator\"".into()),
    }
}

fn request(case: Map<String, Value>) -> Result<Outcome, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inputs {
        requested_by: Side,
        request: Hex,
    }
    let (Inputs { requested_by, request }, expected) =
        split(case, &["context", "schemes", "broken_rule"])?;
    let found = match Request::parse(requested_by.endpoint(), &request.0) {
        Ok(request) => json!({
            "context": hex(request.context()),
            "schemes": request.schemes().collect::<Vec<_>>(),
        }),
        Err(error) => broken(error.rule()),
    };
    Ok(Outcome { expected, found })
}

#[derive(Deserialize)]
enum Hash {
    #[serde(rename = "SHA-256")]
    Sha256,
    #[serde(rename = "SHA-384")]
    Sha384,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inputs {
    sender: Side,
    hash: Hash,
    handshake_context: Hex,
    finished_key: Hex,
    request: Hex,
    client_hello: Option<Hex>,
    authenticator: Hex,
}

fn authenticator(case: Map<String, Value>) -> Result<Outcome, String> {
    let results = ["result", "certificates", "scheme", "signed_message", "broken_rule"];
    let (inputs, expected) = split::<Inputs>(case, &results)?;
    let connection = inputs.connection()?;
    let sender = inputs.sender.endpoint();
    let Inputs { request, client_hello, authenticator, .. } = &inputs;
    let request = match client_hello {
        None => Request::parse(sender.peer(), &request.0),
        Some(_) if !request.0.is_empty() => {
            return Err("client_hello: there is a request, too".into());
        }
        Some(_) if sender == Endpoint::Client => {
            return Err("client_hello: only servers send authenticators without a request".into());
        }
        Some(hello) => {
            let Answer::Hello { hello, .. } = Scan::default().handshake(&hello.0) else {
                return Err("client_hello: not a valid ClientHello".into());
            };
            match Authenticator::parse(&authenticator.0) {
                // The server chooses the context.
                Ok(read) => Request::spontaneous(read.context().unwrap_or_default(), &hello),
                Err(error) => return Ok(Outcome { expected, found: broken(error.rule()) }),
            }
        }
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => return Ok(Outcome { expected, found: broken(error.rule()) }),
    };
    let mut message = None;
    let proof = request.validate(&connection, &authenticator.0, |signed| {
        message = Some(hex(signed.message));
        Ok::<_, Infallible>(())
    });
    let found = match proof {
        Ok(Proof::Declined) => json!({ "result": "declined" }),
        Ok(Proof::Possession { certificates, scheme }) => json!({
            "result": "possession",
            "certificates": certificates.map(|(der, _)| hex(der)).collect::<Vec<_>>(),
            "scheme": scheme,
            "signed_message": message,
        }),
        Err(error) => broken(error.rule()),
    };
    Ok(Outcome { expected, found })
}

impl Inputs {
    fn connection(&self) -> Result<Exporters, String> {
        let suite = match self.hash {
            Hash::Sha256 => cipher_suite::TLS13_AES_128_GCM_SHA256,
            Hash::Sha384 => cipher_suite::TLS13_AES_256_GCM_SHA384,
        };
        let suite = suite.tls13().ok_or("hash: no cipher suite of TLS 1.3 has it")?;
        let sender = self.sender.endpoint();
        let length = suite.common.hash_provider.output_len();
        let fields = [
            ("handshake_context", &self.handshake_context.0),
            ("finished_key", &self.finished_key.0),
        ];
        for (name, value) in fields {
            if value.len() != length {
                return Err(format!("{name}: {} bytes instead of {length}", value.len()));
            }
        }
        let context = sender.handshake_context_label().as_bytes();
        let exporters = Exporters::from_exporter(suite, sender, |value, label| {
            let [(_, of_context), (_, of_key)] = fields;
            value.copy_from_slice(if label == context { of_context } else { of_key });
            Ok(())
        });
        exporters.map_err(|error| error.to_string())
    }
}
