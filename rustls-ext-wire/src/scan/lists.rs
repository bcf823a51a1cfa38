//! The lists in a ClientHello, as named iterator types, so that other types can contain them.

use core::fmt;
use core::iter::FusedIterator;

use super::{bodies, known};

/// An iterator over the rest of a list. `$step` splits off the next item.
macro_rules! list {
    ($(#[$about:meta])* $name:ident: $item:ty = $step:expr) => {
        $(#[$about])*
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $name<'a>(pub(crate) &'a [u8]);

        impl<'a> Iterator for $name<'a> {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<$item> {
                let step: fn(&'a [u8]) -> Option<($item, &'a [u8])> = $step;
                let (item, rest) = step(self.0)?;
                self.0 = rest;
                Some(item)
            }
        }

        impl FusedIterator for $name<'_> {}

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.clone()).finish()
            }
        }
    };
}

list! {
    /// Names of application protocols; see [`ClientHello::alpn`](crate::ClientHello::alpn).
    Protocols: &'a [u8] = |list| {
        let (length, rest) = list.split_first()?;
        rest.split_at_checked(usize::from(*length))
    }
}

list! {
    /// Distinguished names; see
    /// [`ClientHello::certificate_authorities`](crate::ClientHello::certificate_authorities).
    Authorities: &'a [u8] = |list| bodies::item16(list).ok()
}

list! {
    /// Strings of `workload_identifier_origin_hint`; see
    /// [`Origins::strings`](crate::Origins::strings).
    OriginStrings: &'a [u8] = |list| bodies::item16(list).ok()
}

list! {
    /// Numbers of versions or cipher suites; see
    /// [`ClientHello::versions`](crate::ClientHello::versions).
    Numbers: u16 = |list| {
        let (number, rest) = list.split_first_chunk()?;
        Some((u16::from_be_bytes(*number), rest))
    }
}

list! {
    /// Extensions, each as number and body; see
    /// [`ClientHello::extensions`](crate::ClientHello::extensions).
    Extensions: (u16, &'a [u8]) = |list| {
        let (number, body, rest) = known::extension(list)?;
        Some(((number, body), rest))
    }
}
