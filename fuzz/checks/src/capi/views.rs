//! Scans, views and lists.

use super::*;

impl World {
    pub(super) fn scans(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (bytes, length) = self.buffer(u, LONGEST)?;
        let (scratch, size) = self.buffer(u, LONGEST)?;
        let scan = self.scan;
        let (mut hello, mut count) = (NO_HELLO, usize::MAX);
        let counts = bool::arbitrary(u)?;
        let place = if counts { &raw mut count } else { null_mut() };
        let kind = u.int_in_range(0..=2)?;
        // SAFETY: all pointers are to locals or to `self`; the scratch is not used otherwise.
        let status = call(u, |error| unsafe {
            match kind {
                0 => {
                    rext_scan_records(scan, bytes, length, scratch, size, &mut hello, place, error)
                }
                1 => rext_scan_handshake(scan, bytes, length, &mut hello, place, error),
                _ => rext_scan_body(scan, bytes, length, &mut hello, error),
            }
        })?;
        if counts && kind < 2 {
            match status {
                REXT_OK => assert!(count <= length),
                REXT_INCOMPLETE => assert!(count > 0 && count < usize::MAX),
                _ => assert_eq!(count, usize::MAX),
            }
        }
        self.found(status, hello, false);
        Ok(())
    }

    pub(super) fn feeds(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if self.scanner.is_null() {
            return Ok(());
        }
        let (mut bytes, mut length) = self.buffer(u, LONGEST)?;
        let peeks = match &mut self.peeked {
            None => false,
            Some(peeked) => {
                // SAFETY: they are in `self`.
                if length > 0 {
                    peeked.extend(unsafe { std::slice::from_raw_parts(bytes, length) });
                }
                let peeked = peeked.clone();
                (bytes, length) = self.keep(&peeked);
                true
            }
        };
        let (scanner, mut hello, mut count) = (self.scanner, NO_HELLO, 0);
        // SAFETY: the scanner and its buffer are not freed yet, and the buffer is not used
        // otherwise.
        let status = call(u, |error| unsafe {
            let function = if peeks { rext_scanner_peek } else { rext_scanner_feed };
            function(scanner, bytes, length, &mut hello, &mut count, error)
        })?;
        if let (REXT_OK, Some(peeked)) = (status, &mut self.peeked) {
            peeked.clear(); // the next ClientHello begins
        }
        if self.from_scanner {
            (self.hello, self.list) = (NO_HELLO, NO_LIST);
        }
        self.found(status, hello, true);
        Ok(())
    }

    fn found(&mut self, status: rext_status, hello: rext_hello, from_scanner: bool) {
        if status == REXT_OK {
            (self.hello, self.list, self.from_scanner) = (hello, NO_LIST, from_scanner);
        }
    }

    /// Calls every function of a view once.
    pub(super) fn views(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let hello = self.hello;
        let mut fields = MaybeUninit::<rext_hello_fields>::uninit();
        // SAFETY: the bytes of the view are kept, and the result is a local.
        let status = checked(unsafe { rext_hello_fields_of(&hello, fields.as_mut_ptr()) });
        if status == REXT_ERR_UNSET {
            return Ok(());
        }
        assert_eq!(status, REXT_OK);
        // SAFETY: written, since the status is not an error.
        let fields = unsafe { fields.assume_init() };
        let inside = |part: rext_bytes| {
            let (start, end) = (part.data.addr(), part.data.addr() + part.length);
            let body = fields.body.data.addr();
            let within = body <= start && end <= body + fields.body.length;
            assert!(part.length == 0 || within);
            // SAFETY: it is within the bytes of the view.
            let bytes = (part.length > 0)
                .then(|| unsafe { std::slice::from_raw_parts(part.data, part.length) });
            bytes.map_or(0, |bytes| bytes.iter().fold(0, |sum: u8, it| sum.wrapping_add(*it)))
        };
        inside(fields.random);
        inside(fields.session_id);
        let number = u16::arbitrary(u)?;
        let (name, size) = self.buffer(u, 255)?;
        let mut bytes = NO_BYTES;
        let mut flags = self.flags;
        // SAFETY: as above.
        unsafe {
            if checked(rext_hello_server_name(&hello, &mut bytes)) == REXT_YES {
                inside(bytes);
            }
            for number in [0, 16, 43, 62, number] {
                if checked(rext_hello_extension(&hello, number, &mut bytes)) == REXT_YES {
                    inside(bytes);
                }
            }
            checked(rext_hello_has_alpn(&hello, name, size));
            checked(rext_hello_offers_version(&hello, number));
            assert!((REXT_ECH_NONE..=REXT_ECH_INNER).contains(&rext_hello_ech(&hello)));
            checked(rext_hello_has_psk(&hello));
        }
        // SAFETY: as above.
        call(u, |error| unsafe { rext_hello_flags(&hello, &mut flags, error) })?;
        // SAFETY: as above.
        call(u, |error| unsafe { rext_hello_has_flag(&hello, number % 2048, error) })?;
        // SAFETY: as above.
        call(u, |error| unsafe { rext_hello_has_care(&hello, error) })?;
        self.flags = flags;
        let mut ignored = 0;
        // SAFETY: as above.
        call(u, |error| unsafe {
            rext_hello_origins(&hello, &mut self.list, &mut ignored, error)
        })?;
        // SAFETY: the bytes are in `self`.
        call(u, |error| unsafe { rext_origin_includes(name, size, name, size, error) })?;
        Ok(())
    }

    pub(super) fn lists(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let begin = *u.choose(&[
            rext_hello_alpn,
            rext_hello_authorities,
            rext_hello_versions,
            rext_hello_cipher_suites,
            rext_hello_extensions,
        ])?;
        // SAFETY: the bytes of the view are kept.
        checked(unsafe { begin(&self.hello, &mut self.list) });
        for _ in 0..u.int_in_range(0..=8)? {
            let (mut number, mut bytes) = (0, NO_BYTES);
            let place = if bool::arbitrary(u)? { &raw mut number } else { null_mut() };
            // SAFETY: likewise.
            match checked(unsafe { rext_list_next(&mut self.list, place, &mut bytes) }) {
                REXT_YES if bytes.length > 0 => {
                    // SAFETY: they are within the bytes of the view.
                    let bytes = unsafe { std::slice::from_raw_parts(bytes.data, bytes.length) };
                    std::hint::black_box(bytes.to_vec());
                }
                _ => {}
            }
        }
        Ok(())
    }
}
