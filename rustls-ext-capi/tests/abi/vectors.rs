//! The C ABI gives the results of the test vectors.

use std::mem::MaybeUninit;
use std::ptr::null;

use rext::*;
use serde_json::{Value, json};

use crate::call;

fn unhex(text: &Value) -> Vec<u8> {
    let digits: Vec<_> = text.as_str().unwrap().bytes().collect();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    digits.chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

fn texts(list: &mut rext_list) -> Vec<String> {
    let mut item = rext_bytes { data: null(), length: 0 };
    let mut texts = Vec::new();
    // SAFETY: all pointers are valid.
    while unsafe { rext_list_next(list, std::ptr::null_mut(), &mut item) } == REXT_YES {
        // SAFETY: the test keeps the body.
        let bytes = unsafe { core::slice::from_raw_parts(item.data, item.length) };
        texts.push(std::str::from_utf8(bytes).unwrap().to_owned());
    }
    texts
}

fn includes(origin: &str, uri: &str) -> bool {
    let (origin_at, origin_length) = (origin.as_ptr(), origin.len());
    let (status, error) = call(|error| {
        // SAFETY: likewise.
        unsafe { rext_origin_includes(origin_at, origin_length, uri.as_ptr(), uri.len(), error) }
    });
    assert_eq!(error, None);
    status == REXT_YES
}

/// The body of these origins.
fn written(origins: &[String]) -> Vec<u8> {
    let bytes = |text: &String| rext_bytes { data: text.as_ptr(), length: text.len() };
    let origins: Vec<_> = origins.iter().map(bytes).collect();
    let mut buffer = [0; REXT_MAX_ORIGIN_BYTES];
    let (room, size, mut length) = (buffer.as_mut_ptr(), buffer.len(), 0);
    let (at, count) = (origins.as_ptr(), origins.len());
    // SAFETY: likewise.
    let (status, error) =
        call(|error| unsafe { rext_origins_write(at, count, room, size, &mut length, error) });
    assert_eq!((status, error), (REXT_OK, None));
    buffer[..length].to_vec()
}

#[test]
fn wio_2_wio_3_and_wio_8_bodies_of_the_origin_hint() {
    let file = include_str!("../../../rustls-ext-wire/vectors/origins.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let body = unhex(&case["body"]);
        let mut list = rext_list { opaque: [MaybeUninit::new(0); 6] };
        let mut ignored = 0;
        // SAFETY: all pointers are valid, and the body outlives the list.
        let (status, error) = call(|error| unsafe {
            rext_origins_decode(body.as_ptr(), body.len(), &mut list, &mut ignored, error)
        });
        if let Some(error) = error {
            assert_eq!((status, &case["origins"]), (REXT_ERR_ORIGINS_MALFORMED, &Value::Null));
            let fault = &case["fault"];
            assert_eq!(
                (json!(error.rule), json!(error.alert)),
                (fault["rule"].clone(), fault["alert"].clone())
            );
            continue;
        }
        let origins = texts(&mut list);
        assert_eq!(
            (json!(origins), json!(ignored)),
            (case["origins"].clone(), case["ignored"].clone())
        );
        if ignored == 0 {
            assert_eq!(written(&origins), body);
        }
        let normal_forms = case["normal_forms"].as_array().unwrap();
        for (origin, normal) in origins.iter().zip(normal_forms) {
            let normal = normal.as_str().unwrap();
            assert!(includes(origin, normal) && includes(normal, &format!("{origin}/agent")));
            assert!(!includes(origin, &format!("{normal}x")));
        }
    }
}
