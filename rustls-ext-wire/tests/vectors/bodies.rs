//! Bodies of `tls_flags`, each with its flags or its fault.

use rustls_ext_wire::{Flag, FlagSet};
use serde_json::{Value, json};

use super::{fault, hex, numbers};

pub fn all() -> Vec<Value> {
    let mut bodies: Vec<(String, Vec<u8>)> = Vec::new();
    let sets: [&[u16]; 9] =
        [&[0], &[1, 5], &[3, 5, 23], &[7], &[8], &[80], &[1, 80, 1023], &[2032], &[2039]];
    for set in sets {
        let mut flags = FlagSet::EMPTY;
        for flag in set {
            flags.insert(Flag::new(*flag).unwrap());
        }
        bodies.push((format!("flags {set:?}"), flags.body().unwrap().to_vec()));
    }
    let full = [&[255][..], &[255; 255]].concat();
    let zeros = [&[255][..], &[0; 255]].concat();
    let offer = FlagSet::single(Flag::REQUEST_CLIENT_AUTH).body().unwrap().to_vec();
    let longer = [&[12][..], &offer[1..], &[0]].concat();
    bodies.extend([
        ("every flag".into(), full.clone()),
        ("no length".into(), vec![]),
        ("an empty list".into(), vec![0]),
        ("an empty list, followed by a byte".into(), vec![0, 1]),
        ("a zero byte".into(), vec![1, 0]),
        ("zero bytes".into(), vec![3, 0, 0, 0]),
        ("255 zero bytes".into(), zeros),
        ("a zero byte after a flag".into(), vec![2, 2, 0]),
        ("a zero byte after the offer".into(), longer),
        ("fewer bytes than the length".into(), vec![2, 1]),
        ("no byte after the length".into(), vec![1]),
        ("one byte more than the length".into(), vec![1, 2, 2]),
        ("one zero byte more than the length".into(), vec![1, 2, 0]),
        ("every flag, followed by a byte".into(), [&full[..], &[1]].concat()),
        ("the offer without its length".into(), offer[1..].to_vec()),
    ]);
    let case = |(name, body): &(String, Vec<u8>)| match FlagSet::decode(body) {
        Ok(flags) => json!({ "name": name, "body": hex(body), "flags": numbers(&flags) }),
        Err(err) => {
            json!({ "name": name, "body": hex(body), "fault": fault(err.rule(), err.alert()) })
        }
    };
    bodies.iter().map(case).collect()
}
