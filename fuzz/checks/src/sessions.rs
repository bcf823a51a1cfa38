//! Modified sessions and tickets: they do not resume, or their chain is verified again, or it is the
//! one that their voucher is for; nothing panics (RES-5, RES-7).

use std::sync::{Arc, LazyLock, Mutex};

use arbitrary::{Arbitrary, Result, Unstructured};
use rustls_ext::PeerIdentity;
use rustls_ext::rustls::server::{ClientAuthStatus, ProducesTickets};
use rustls_ext::rustls::{Connection, ServerConfig, ServerConnection};

use crate::site::{self, Decides, PKI, SCOPE};
use raw_peer::{CertificateAnswer, ClientConfig, Peer, Ticket};

/// A ticketer whose tickets all contain the same session: the last one.
#[derive(Debug, Default)]
struct LastSession(Mutex<Vec<u8>>);

impl LastSession {
    fn value(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl ProducesTickets for LastSession {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        3600
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        *self.value() = plain.to_vec();
        Some(b"a ticket".to_vec())
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        Some(self.value().clone())
    }
}

/// A server for each decision, all with one ticketer, and a valid session of each kind of client.
struct World {
    ticketer: Arc<LastSession>,
    servers: [Arc<ServerConfig>; 4],
    /// See [`resumes`] for their clients.
    sessions: Vec<(Ticket, Vec<u8>)>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let ticketer = Arc::new(LastSession::default());
    let servers = Decides::ALL.map(|decides| {
        let mut config = site::server(decides);
        config.ticketer = ticketer.clone();
        config.send_tls13_tickets = 1; // the ticketer keeps only one
        Arc::new(config)
    });
    let mut sessions = Vec::new();
    for answer in [CertificateAnswer::Empty, CertificateAnswer::With(PKI.client.clone())] {
        for decides in [Decides::Nothing, Decides::Request] {
            let config = ClientConfig { answer: answer.clone(), ..ClientConfig::default() };
            let (peer, _) = run(config, &servers[decides as usize]);
            let ticket = peer.tickets().first().expect("a ticket").clone();
            sessions.push((ticket, ticketer.value().clone()));
        }
    }
    World { ticketer, servers, sessions }
});

/// Checks the properties of this module for a valid session, a modified one, or other bytes.
pub fn check(data: &[u8]) {
    let _ = resume(&mut Unstructured::new(data));
}

/// Returns whether the session was resumed, and whether its client is authenticated.
fn resume(u: &mut Unstructured<'_>) -> Result<(bool, bool)> {
    let world = &*WORLD;
    let decides = Decides::arbitrary(u)?;
    let place = u.choose_index(world.sessions.len())?;
    let (ticket, stored) = &world.sessions[place];
    let mut value = stored.clone();
    match u.int_in_range(0..=4)? {
        0 => {}
        4 => value = u.bytes(u.len())?.to_vec(),
        1 => value.truncate(u.int_in_range(0..=value.len())?),
        2 => value.extend_from_slice(u.bytes(u.len().min(64))?),
        _ => {
            for _ in 0..u.int_in_range(1..=4)? {
                let at = u.choose_index(value.len())?;
                value[at] = u8::arbitrary(u)?;
            }
        }
    }
    let unchanged = value == *stored;
    *world.ticketer.value() = value;
    let config = ClientConfig { ticket: Some(ticket.clone()), ..ClientConfig::default() };
    let (peer, tls) = run(config, &world.servers[decides as usize]);

    let identity = PeerIdentity::from_connection(&tls, SCOPE);
    if let Some(identity) = &identity {
        // The chain was verified again for this resumption, or has a voucher.
        assert!(identity.resumed);
        assert_eq!(identity.chain[0].as_ref(), PKI.client.chain[0]);
        assert_ne!(decides, Decides::Nothing);
    }
    if !tls.is_handshaking() {
        assert_eq!(tls.peer_certificates().is_some(), identity.is_some());
        assert!(decides != Decides::Require || identity.is_some());
        let status = tls.client_auth().map(|auth| auth.status());
        let authenticated = matches!(status, Some(ClientAuthStatus::Authenticated { .. }));
        assert_eq!(authenticated, identity.is_some());
    }
    if unchanged {
        assert_eq!(peer.is_resumed(), resumes(decides, place));
        assert_eq!(identity.is_some(), place == 3 && decides != Decides::Nothing);
    }
    Ok((peer.is_resumed(), identity.is_some()))
}

/// Returns true if the valid session at `place` resumes (RES-2, RES-4). The clients of the
/// sessions: 0 has no certificate and was not asked, 1 declined, 2 has a certificate and was not
/// asked, 3 authenticated.
fn resumes(decides: Decides, place: usize) -> bool {
    match decides {
        Decides::Nothing => place != 3,
        Decides::Request | Decides::RequestLeniently => place == 1 || place == 3,
        Decides::Require => place == 3,
    }
}

fn run(config: ClientConfig, server: &Arc<ServerConfig>) -> (Peer, ServerConnection) {
    let mut peer = Peer::client(config).expect("a client");
    let server = ServerConnection::new(server.clone()).expect("a connection");
    let mut tls = Connection::from(server);
    site::carry(&mut peer, &mut tls);
    let Connection::Server(server) = tls else { unreachable!("it is a server") };
    (peer, server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_resume_both_kinds_of_sessions_and_refuse_some() {
        let outcomes = crate::seeds("sessions", resume);
        assert_eq!(outcomes, [(false, false), (true, false), (true, true)].into());
    }
}
