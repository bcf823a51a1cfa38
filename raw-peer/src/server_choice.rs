//! The server's choice of parameters from a ClientHello.

use super::common::Common;
use super::{ClientHello, Error, Message, ServerConfig, Suite, Ticket, ext, version};

/// The parameters that the server chose.
pub(super) struct Choice {
    pub(super) suite: Suite,
    pub(super) share: Option<Vec<u8>>,
    pub(super) session_id: Vec<u8>,
    pub(super) psk: Option<(u16, Ticket)>,
}

impl Choice {
    pub(super) fn of(
        config: &ServerConfig,
        common: &Common,
        message: &Message,
        hello: &ClientHello,
    ) -> Result<Self, Error> {
        let versions =
            ext::find(&hello.extensions, ext::SUPPORTED_VERSIONS).ok_or(Error::NoCommonVersion)?;
        if !ext::read_u16_list8(versions, "supported_versions")?.contains(&version::TLS13) {
            return Err(Error::NoCommonVersion);
        }
        let offered = |s: &&Suite| hello.cipher_suites.contains(&s.code());
        let suite =
            *config.suites.iter().find(offered).ok_or(Error::NoCommonParameters("cipher suite"))?;
        let shares = ext::find(&hello.extensions, ext::KEY_SHARE)
            .ok_or(Error::MissingExtension(ext::KEY_SHARE))?;
        let share = ext::read_client_x25519(shares)?;
        let psk = find_ticket(config, common, message, hello, suite)?;
        Ok(Self { suite, share, session_id: hello.session_id.clone(), psk })
    }
}

/// The first offered session that is known and fits (RFC 8446 section 4.2.11).
fn find_ticket(
    config: &ServerConfig,
    common: &Common,
    message: &Message,
    hello: &ClientHello,
    suite: Suite,
) -> Result<Option<(u16, Ticket)>, Error> {
    let modes = ext::find(&hello.extensions, ext::PSK_KEY_EXCHANGE_MODES).unwrap_or_default();
    let psk_dhe_ke = modes.iter().skip(1).any(|mode| *mode == 1);
    let body = match ext::find(&hello.extensions, ext::PRE_SHARED_KEY) {
        Some(body) if psk_dhe_ke => body,
        _ => return Ok(None),
    };
    let offered = ext::read_offered_psks(body)?;
    let pairs = offered.identities.iter().zip(&offered.binders);
    for (index, (identity, binder)) in (0u16..).zip(pairs) {
        let known = |t: &&Ticket| t.identity == *identity && t.suite.hash_len() == suite.hash_len();
        let Some(ticket) = config.known_tickets.iter().find(known) else {
            continue;
        };
        // The binder covers all up to the binders list, which is the end of the message.
        let partial_len = message.bytes.len().saturating_sub(offered.binders_len);
        let partial = message.bytes.get(..partial_len).unwrap_or_default();
        // A second ClientHello follows message_hash and HelloRetryRequest in the transcript.
        let expected = ticket.binder(&[&common.transcript, partial].concat())?;
        return if expected == *binder {
            Ok(Some((index, ticket.clone())))
        } else {
            Err(Error::BadBinder)
        };
    }
    Ok(None)
}
