//! Which rules of a policy can decide at all, being behind earlier ones.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::rule::{Conditions, OFFERS, Pattern};

/// The rules of a policy so far.
///
/// An earlier rule covers a later one if each of its conditions does. So the earlier rules are kept
/// by their conditions on name, protocol and network: for a new rule there are few combinations of
/// these that cover its own, and they are looked up. The time that a rule takes does not depend on
/// how many there are, only on how many lengths of prefixes.
#[derive(Default)]
pub(crate) struct Reach {
    names: HashMap<Pattern, usize>,
    protocols: HashMap<Vec<u8>, usize>,
    /// The lengths of prefixes that there are, of IPv4 and of IPv6.
    prefixes: [BTreeSet<u8>; 2],
    /// For each combination, and each of [`OFFERS`], the first rule that holds.
    first: HashMap<Combination, [Option<usize>; OFFERS.len()]>,
}

/// Conditions on name, protocol and network, the first two by number; `None` for no condition.
type Combination = (Option<usize>, Option<usize>, Option<IpNet>);

impl Reach {
    /// Adds a rule, which must have a higher number than all before it.
    ///
    /// # Errors
    /// The numbers of the earlier rules that hold wherever this one does.
    pub(crate) fn add(
        &mut self,
        number: usize,
        name: Option<&Pattern>,
        conditions: &Conditions,
    ) -> Result<(), Vec<usize>> {
        let covering = self.covering(name, conditions);
        let mut earlier = BTreeSet::new();
        let covered = conditions.offers().all(|offer| {
            let first = covering.iter().filter_map(|firsts| *firsts.get(offer)?).min();
            earlier.extend(first);
            first.is_some()
        });
        if covered {
            return Err(earlier.into_iter().collect());
        }

        let name = name.map(|name| number_of(&mut self.names, name.clone()));
        let protocol = conditions.alpn.clone().map(|alpn| number_of(&mut self.protocols, alpn));
        let network = conditions.peer;
        if let Some(network) = network {
            self.prefixes_like(network).insert(network.prefix_len());
        }
        let first = self.first.entry((name, protocol, network)).or_default();
        for offer in conditions.offers() {
            if let Some(first) = first.get_mut(offer) {
                first.get_or_insert(number);
            }
        }
        Ok(())
    }

    /// The first rules of each combination that covers these conditions.
    fn covering(
        &mut self,
        name: Option<&Pattern>,
        conditions: &Conditions,
    ) -> Vec<[Option<usize>; OFFERS.len()]> {
        let mut names = vec![None];
        if let Some(name) = name {
            names.extend(self.names.get(name).copied().map(Some));
            names.extend(name.wildcard().and_then(|name| self.names.get(&name)).copied().map(Some));
        }
        let mut protocols = vec![None];
        if let Some(protocol) = &conditions.alpn {
            protocols.extend(self.protocols.get(protocol).copied().map(Some));
        }
        let mut networks = vec![None];
        if let Some(network) = conditions.peer {
            let lengths = self.prefixes_like(network).range(..=network.prefix_len());
            let larger = lengths.filter_map(|length| IpNet::new(network.addr(), *length).ok());
            networks.extend(larger.map(|network| Some(network.trunc())));
        }
        let mut found = Vec::new();
        for name in names {
            for protocol in &protocols {
                for network in &networks {
                    found.extend(self.first.get(&(name, *protocol, *network)));
                }
            }
        }
        found
    }

    fn prefixes_like(&mut self, network: IpNet) -> &mut BTreeSet<u8> {
        let [v4, v6] = &mut self.prefixes;
        match network.addr() {
            IpAddr::V4(_) => v4,
            IpAddr::V6(_) => v6,
        }
    }
}

fn number_of<K: std::hash::Hash + Eq>(numbers: &mut HashMap<K, usize>, key: K) -> usize {
    let next = numbers.len();
    *numbers.entry(key).or_insert(next)
}
