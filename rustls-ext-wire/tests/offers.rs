//! The ways to offer, alone and together.

use rustls_ext_wire::Offer;

/// Every offer, with its three ways.
fn all() -> impl Iterator<Item = (Offer, [bool; 3])> {
    (0..8).map(|bits| {
        let ways @ [flag, care, origins] = [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0];
        (Offer::new(flag, care).with_origins(origins), ways)
    })
}

#[test]
fn wio_5_each_way_counts_as_an_offer() {
    for (offer, ways) in all() {
        assert_eq!([offer.has_flag(), offer.has_care(), offer.has_origins()], ways);
        assert_eq!(offer.is_none(), ways == [false; 3]);
        for (other, others) in all() {
            let contains = ways.iter().zip(others).all(|(has, wants)| *has || !wants);
            assert_eq!(offer.contains(other), contains, "{offer} {other}");
        }
    }
    assert_eq!(Offer::ORIGINS, Offer::NONE.with_origins(true));
    assert_eq!(Offer::BOTH.with_origins(true).with_origins(false), Offer::BOTH);
}
