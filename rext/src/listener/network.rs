//! A network of addresses, as options name it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// A network, or one address. IPv4-mapped IPv6 addresses and networks (RFC 4291 section 2.5.5.2)
/// stand for the IPv4 ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Returns true if this address is in the network.
    pub fn contains(&self, addr: IpAddr) -> bool {
        self.0.contains(&addr.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().map(|addr: IpAddr| IpNet::from(addr.to_canonical()));
        let network: IpNet = address.or_else(|_| text.parse()).map_err(
            |_| "not an address such as 10.0.0.1 or 2001:db8::1, nor a network such as 10.0.0.0/8",
        )?;
        if network.addr() != network.network() {
            return Err(format!(
                "bits are set after the prefix; the network is {}",
                network.trunc()
            ));
        }
        Ok(Self(canonical(network)))
    }
}

/// The IPv4 network for a mapped one.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    let mapped: Option<Ipv4Net> = v6
        .prefix_len()
        .checked_sub(MAPPED)
        .and_then(|prefix| Ipv4Net::new(Ipv6Addr::to_ipv4_mapped(&v6.addr())?, prefix).ok());
    mapped.map_or(network, IpNet::V4)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_and_networks_are_those_of_ipv4() {
        let network = |text: &str| text.parse::<Network>().unwrap();
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.1.2.3", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "::10.1.2.3"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("0.0.0.0/0", "192.0.2.1", "2001:db8::1"),
        ] {
            assert!(network(text).contains(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network(text).contains(outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn a_network_with_bits_after_its_prefix_is_an_error_that_names_the_right_one() {
        let error = "10.0.0.1/8".parse::<Network>().unwrap_err();
        assert_eq!(error, "bits are set after the prefix; the network is 10.0.0.0/8");
        for bad in ["", "10.0.0.0/33", "10.0.0", "localhost", "::/129"] {
            assert!(bad.parse::<Network>().unwrap_err().starts_with("not an address"), "{bad}");
        }
    }
}
