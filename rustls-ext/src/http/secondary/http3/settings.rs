use bytes::{BufMut, BytesMut};

use super::frames::{Frames, Part, SETTINGS};
use super::link::Link;
use super::varint::{Varint, put_varint};
use crate::http::secondary::ConnectionError;

/// The type of control streams (RFC 9114 section 6.2.1).
pub(super) const CONTROL: u64 = 0x0;

/// The type of a control stream, in any form, and the bytes after it, if a unidirectional stream
/// begins with it.
fn split_control(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut kind = Varint::START;
    let (at, kind) =
        stream.iter().enumerate().find_map(|(at, byte)| Some((at, kind.push(*byte)?)))?;
    stream.split_at_checked(at + 1).filter(|_| kind == CONTROL)
}

/// Returns true if a unidirectional stream that begins with these bytes is a control stream.
pub(super) fn begins_control(stream: &[u8]) -> bool {
    split_control(stream).is_some()
}

/// Adds an entry to the SETTINGS at the beginning of a control stream. Returns `None` if they are
/// not there.
pub(super) fn announce(stream: &[u8], setting: u16, value: u32) -> Option<BytesMut> {
    let (stream_type, mut rest) = split_control(stream)?;
    let mut frames = Frames::new();
    let Some(Part::Head { kind: SETTINGS, length, .. }) = frames.next(&mut rest) else {
        return None;
    };
    let (entries, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let mut entry = Vec::new();
    put_varint(&mut entry, u64::from(setting));
    put_varint(&mut entry, u64::from(value));
    let mut out = BytesMut::from(stream_type);
    put_varint(&mut out, SETTINGS);
    put_varint(&mut out, length + entry.len() as u64);
    for bytes in [entries, &entry, rest] {
        out.put_slice(bytes);
    }
    Some(out)
}

/// Reads the peer's SETTINGS as they arrive (RFC 9114 section 7.2.4.1). h3 checks their form.
#[derive(Debug)]
pub(super) struct Settings {
    /// The identifier, if the value is next.
    id: Option<u64>,
    number: Varint,
    found: bool,
}

impl Settings {
    pub(super) const fn new() -> Self {
        Self { id: None, number: Varint::START, found: false }
    }

    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        last: bool,
        link: &Link,
    ) -> Result<(), ConnectionError> {
        for byte in bytes {
            let Some(number) = self.number.push(*byte) else { continue };
            match self.id.take() {
                None => self.id = Some(number),
                Some(id) if id == u64::from(link.code_points().setting()) => {
                    if std::mem::replace(&mut self.found, true) {
                        return Err(ConnectionError::RepeatedSetting);
                    }
                    link.exchange().setting(Some(number))?;
                }
                Some(_) => {}
            }
        }
        if last && !self.found {
            link.exchange().setting(None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scc_1_the_setting_is_added_to_the_first_settings() {
        // Type of the stream, SETTINGS of one entry, and a frame behind them.
        let stream = [0x00, 0x04, 0x02, 0x06, 0x01, 0x21, 0x00];
        let entry = [0x80, 0x00, 0xff, 0x10, 0x40, 0x64];
        let expected = [&[0x00, 0x04, 0x08, 0x06, 0x01], &entry[..], &[0x21, 0x00]].concat();
        assert_eq!(announce(&stream, 0xff10, 100).unwrap(), expected);

        // Integers of other forms, and a length that needs a longer form then.
        let entries = [0x06, 0x01].repeat(30);
        let stream = [&[0x40, 0x00, 0x40, 0x04, 0x40, 60], &entries[..]].concat();
        let expected = [&[0x40, 0x00, 0x04, 0x40, 66], &entries[..], &entry].concat();
        assert_eq!(announce(&stream, 0xff10, 100).unwrap(), expected);
    }

    #[test]
    fn nothing_is_added_to_another_frame_or_to_a_part_of_settings() {
        for stream in [
            &[][..],
            &[0x00],
            &[0x00, 0x04],
            &[0x00, 0x04, 0x02, 0x06],
            &[0x00, 0x07, 0x01, 0x00],
            &[0x02, 0x04, 0x00],
        ] {
            assert_eq!(announce(stream, 0xff10, 1), None, "{stream:?}");
        }
    }

    #[test]
    fn a_control_stream_has_type_0_in_any_form() {
        assert!(begins_control(&[0x00, 0x04]) && begins_control(&[0x40, 0x00]));
        assert!(begins_control(&[0x80, 0, 0, 0]));
        assert!(!begins_control(&[0x02]) && !begins_control(&[0x40, 0x54]));
        assert!(!begins_control(&[]) && !begins_control(&[0x40]));
    }
}
