//! Finds rules of a policy that can never decide because earlier rules cover them.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::rule::{Conditions, OFFERS, Pattern};

/// The rules of a policy that have been added so far.
///
/// An earlier rule covers a later one if each of its conditions covers that of the later one. So
/// the earlier rules are indexed by their conditions on name, protocol, origin and network. For a new rule,
/// only a few combinations of these can cover its own, and they are looked up. The time per rule
/// does not depend on the number of rules, only on the number of prefix lengths.
#[derive(Default)]
pub(crate) struct Reach {
    names: HashMap<Pattern, usize>,
    protocols: HashMap<Vec<u8>, usize>,
    origins: HashMap<String, usize>,
    /// The prefix lengths in use, of IPv4 and of IPv6.
    prefixes: [BTreeSet<u8>; 2],
    /// For each combination, and each of [`OFFERS`], the first rule that matches.
    first: HashMap<Combination, [Option<usize>; OFFERS.len()]>,
}

/// Conditions on name, protocol, origin and network, the first three by number; `None` for no condition.
type Combination = (Option<usize>, Option<usize>, Option<usize>, Option<IpNet>);

impl Reach {
    /// Adds a rule, whose number must be higher than all earlier ones.
    ///
    /// # Errors
    /// The numbers of the earlier rules that together match every connection that this one matches.
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
        let origin = conditions.origin.clone().map(|it| number_of(&mut self.origins, it));
        let network = conditions.peer;
        if let Some(network) = network {
            self.prefixes_like(network).insert(network.prefix_len());
        }
        let first = self.first.entry((name, protocol, origin, network)).or_default();
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
        let mut origins = vec![None];
        if let Some(origin) = &conditions.origin {
            origins.extend(self.origins.get(origin).copied().map(Some));
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
                for origin in &origins {
                    for network in &networks {
                        found.extend(self.first.get(&(name, *protocol, *origin, *network)));
                    }
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
