//! Objects, sets of flags, and sessions.

use super::*;

fn numbers(u: &mut Unstructured<'_>) -> Result<Option<rext_code_points>> {
    let default = rext_code_points {
        tls_flags: 62,
        request_client_auth: 80,
        care: 0xffca,
        origin_hint: 0xffcb,
    };
    Ok(match u.int_in_range(0..=3)? {
        0 | 1 => None,
        2 => Some(default),
        _ => Some(rext_code_points {
            tls_flags: u16::arbitrary(u)?,
            request_client_auth: u16::arbitrary(u)? % 2100,
            care: u16::arbitrary(u)?,
            origin_hint: u16::arbitrary(u)?,
        }),
    })
}

fn version(u: &mut Unstructured<'_>) -> Result<u16> {
    Ok(*u.choose(&[REXT_TLS12, REXT_TLS13, REXT_TLS13, 0x0301])?)
}

/// Asserts that there is an object exactly on REXT_OK, and returns it.
fn made<T>(status: rext_status, object: *mut T) -> *mut T {
    assert_eq!(status == REXT_OK, !object.is_null());
    object
}

impl World {
    /// Makes an object, and frees the one that it replaces.
    pub(super) fn new_objects(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let numbers = numbers(u)?;
        let points = pointer(numbers.as_ref());
        // SAFETY: all pointers are to locals or to `self`; freed objects are not used any more.
        match u.int_in_range(0..=3)? {
            0 => {
                let limit = usize::from(u16::arbitrary(u)?) * usize::from(u.ratio(1, 2)?);
                let mut new = null_mut();
                let status = call(u, |e| unsafe { rext_scan_new(points, limit, &mut new, e) })?;
                unsafe { rext_scan_free(self.scan) };
                self.scan = made(status, new);
            }
            1 => {
                let (buffer, length) = self.buffer(u, LONGEST)?;
                let (scan, mut new) = (self.scan, null_mut());
                let peeks = bool::arbitrary(u)?;
                let status =
                    call(u, |e| unsafe { rext_scanner_new(scan, buffer, length, &mut new, e) })?;
                unsafe { rext_scanner_free(self.scanner) };
                self.scanner = made(status, new);
                self.peeked = peeks.then(Vec::new);
            }
            2 => {
                let (offer, mut new) = (u.int_in_range(-1..=8)?, null_mut());
                let status = call(u, |e| unsafe { rext_client_new(offer, points, &mut new, e) })?;
                unsafe { rext_client_free(self.client) };
                self.client = made(status, new);
            }
            _ => {
                let mut new = null_mut();
                let status = call(u, |e| unsafe { rext_server_new(points, &mut new, e) })?;
                unsafe { rext_server_free(self.server) };
                self.server = made(status, new);
            }
        }
        Ok(())
    }

    pub(super) fn sets(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (body, length) = self.buffer(u, 300)?;
        let mut flags = self.flags;
        // SAFETY: all pointers are to locals or to `self`.
        let status = call(u, |e| unsafe { rext_flags_decode(body, length, &mut flags, e) })?;
        if u.ratio(1, 16)? {
            flags.body[usize::from(u8::arbitrary(u)?)] ^= u8::arbitrary(u)?; // an invalid set
        }
        let (flag, mut next, mut bytes) = (u16::arbitrary(u)? % 2048, 0, NO_BYTES);
        let (numbers, message, version) = (numbers(u)?, u.int_in_range(0..=9)?, version(u)?);
        // SAFETY: likewise.
        unsafe {
            checked(rext_flags_insert(&mut flags, flag));
            assert_eq!(
                checked(rext_flags_contains(&flags, flag)),
                match flag {
                    ..=REXT_FLAG_MAX if is_valid(&flags) => REXT_YES,
                    ..=REXT_FLAG_MAX => REXT_ERR_UNSET,
                    _ => rext_flags_contains(&flags, flag).min(-1),
                }
            );
            checked(rext_flags_next(&flags, u16::arbitrary(u)? % 2048, &mut next));
            if checked(rext_flags_body(&flags, &mut bytes)) == REXT_YES {
                assert!(bytes.length >= 2 && bytes.length <= 256);
            }
            let points = pointer(numbers.as_ref());
            let answered = self.flags;
            call(u, |e| rext_check_flags(message, &flags, &answered, points, e))?;
            let offered = i32::from(u8::arbitrary(u)?);
            call(u, |e| rext_check_care(message, version, body, length, offered, e))?;
            rext_care_echo_in(version);
            if let Some(numbers) = &numbers {
                call(u, |e| rext_code_points_check(numbers, e))?;
            }
            checked(rext_flags_remove(&mut flags, flag));
        }
        if status == REXT_OK && is_valid(&flags) {
            self.flags = flags;
        }
        Ok(())
    }

    pub(super) fn client_calls(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if self.client.is_null() {
            return Ok(());
        }
        let client = self.client;
        let (flags, care, hint) = (self.body(u)?, self.body(u)?, self.body(u)?);
        let (message, version, offer) =
            (u.int_in_range(0..=9)?, version(u)?, u.int_in_range(0..=7)?);
        let (mut set, mut number, mut hinted) = (self.flags, 0, 0);
        // SAFETY: the client is not freed yet; all other pointers are to locals or to `self`.
        unsafe {
            if bool::arbitrary(u)? {
                checked(rext_client_hello(client, version, &mut set, &mut number, &mut hinted));
            }
            if u.ratio(1, 4)? {
                checked(rext_client_sent(client, offer));
            }
            let (flags, care) = (pointer(flags.as_ref()), pointer(care.as_ref()));
            let hint = pointer(hint.as_ref());
            call(u, |e| rext_client_on(client, message, version, flags, care, hint, e))?;
            let status = rext_client_status_of(client);
            let asked = REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT;
            assert!((REXT_CLIENT_NOT_OFFERED..=asked).contains(&status));
            let offer = rext_client_offer(client);
            let all = REXT_OFFER_FLAG + REXT_OFFER_CARE + REXT_OFFER_ORIGINS;
            assert!((0..=all).contains(&offer));
            assert!(status != REXT_CLIENT_ACKNOWLEDGED || offer & REXT_OFFER_FLAG != 0);
            checked(rext_client_echoed(client));
        }
        Ok(())
    }

    pub(super) fn server_calls(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if self.server.is_null() {
            return Ok(());
        }
        let (server, hello) = (self.server, self.hello);
        let (flags, care, hint) = (self.body(u)?, self.body(u)?, self.body(u)?);
        let (version, asks) = (version(u)?, u.int_in_range(-1..=3)?);
        let from_view = bool::arbitrary(u)?;
        let mut set = self.flags;
        // SAFETY: the server is not freed yet, the bytes of the view are kept, and all other
        // pointers are to locals or to `self`.
        unsafe {
            let (flags, care) = (pointer(flags.as_ref()), pointer(care.as_ref()));
            let hint = pointer(hint.as_ref());
            call(u, |e| {
                if from_view {
                    rext_server_on_hello(server, version, &hello, e)
                } else {
                    rext_server_on_client_hello(server, version, flags, care, hint, e)
                }
            })?;
            checked(rext_server_asks(server, asks));
            checked(rext_server_acknowledgement(server, &mut set));
            let acknowledges = set.body[0] != 0;
            // RCA-4
            assert!(!acknowledges || rext_server_offer(server) & REXT_OFFER_FLAG != 0);
            checked(rext_server_flags(server, &mut set));
            for message in REXT_CLIENT_HELLO..=REXT_NEW_SESSION_TICKET {
                checked(rext_server_echoes_care(server, message));
            }
            call(u, |e| rext_server_on_client_certificate(server, flags, care, hint, e))?;
        }
        Ok(())
    }

    /// A record that was encoded can be decoded, and a decoded one can be checked.
    pub(super) fn sessions(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (data, length) = self.buffer(u, 300)?;
        let (record, size) = self.buffer(u, 300)?;
        let scope = rext_bytes { data, length };
        let authenticated = i32::from(bool::arbitrary(u)?);
        let mut session =
            rext_session { scope, authenticated_at: u64::arbitrary(u)?, authenticated };
        let (room, size_of_room) = self.buffer(u, 300)?;
        let mut written = usize::MAX;
        // SAFETY: all pointers are to locals or to `self`.
        unsafe {
            if checked(rext_session_encode(&session, room, size_of_room, &mut written)) == REXT_OK {
                let mut again = session;
                assert!(written <= size_of_room && written <= REXT_SESSION_LONGEST);
                assert_eq!(checked(rext_session_decode(room, written, &mut again)), REXT_OK);
                assert_eq!(again.scope.length, session.scope.length);
                assert_eq!(again.authenticated != 0, session.authenticated != 0);
            }
            checked(rext_session_decode(record, size, &mut session));
            let demand = u.int_in_range(-1..=3)?;
            let result = rext_resumption_check(demand, &scope, authenticated, &session);
            assert!(result <= REXT_RESUMPTION_IF_VERIFIED && result != REXT_ERR_PANIC);
            let certain = demand == REXT_DEMAND_REQUIRE && session.authenticated == 0;
            assert!(!certain || result <= REXT_RESUMPTION_REFUSED);
        }
        Ok(())
    }
}

/// Returns true if the struct contains a valid body, or the empty set.
fn is_valid(flags: &rext_flags) -> bool {
    let [length, bytes @ ..] = &flags.body;
    let bytes = &bytes[..usize::from(*length)];
    bytes.last() != Some(&0)
}
