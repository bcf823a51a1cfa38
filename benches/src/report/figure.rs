//! The format of numbers.

use crate::row::Row;

/// The most precise measurement of a row, with its unit: instructions, time, or bytes.
pub(super) fn figure(row: &Row) -> String {
    match (row.instructions, row.median, row.bytes) {
        (Some(count), ..) => format!("{} instructions", thousands(count)),
        (_, Some(ns), _) if ns >= 10_000.0 => format!("{} µs", thousands(ns / 1e3)),
        (_, Some(ns), _) => format!("{ns:.1} ns"),
        (.., Some(bytes)) => format!("{bytes} bytes"),
        _ => "–".into(),
    }
}

pub(super) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
