//! The header documents each function, and declares exactly the symbols of the library.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::process::Command;

use support::{crate_folder, have, library_folder, run};

fn header() -> String {
    std::fs::read_to_string(crate_folder().join("include/rext.h")).unwrap()
}

/// A function as the header declares it.
struct Function {
    name: String,
    returns: String,
    parameters: Vec<String>,
    documentation: String,
}

fn functions() -> Vec<Function> {
    let header = header();
    let mut functions = Vec::new();
    let mut documentation = String::new();
    let mut lines = header.lines();
    while let Some(line) = lines.next() {
        if line == "/**" {
            let text = lines.by_ref().take_while(|line| *line != " */");
            documentation =
                text.map(|line| line.trim_start_matches(" *").to_owned() + "\n").collect();
        } else if line.contains("rext_") && line.contains('(') && !line.starts_with([' ', '#', '/'])
        {
            let mut declaration = line.to_owned();
            while !declaration.ends_with(';') {
                declaration += lines.next().unwrap().trim();
            }
            let (head, parameters) = declaration.split_once('(').unwrap();
            let at = head.rfind("rext_").unwrap();
            let parameters = parameters.trim_end_matches(");").split(',');
            let name_of = |parameter: &str| parameter.rsplit([' ', '*']).next().unwrap().to_owned();
            functions.push(Function {
                name: head[at..].to_owned(),
                returns: head[..at].trim().to_owned(),
                parameters: parameters.map(name_of).filter(|name| name != "void").collect(),
                documentation: std::mem::take(&mut documentation),
            });
        }
    }
    assert!(functions.len() > 50, "{}", functions.len());
    functions
}

#[test]
fn every_function_documents_its_parameters_its_result_and_threads() {
    for Function { name, returns, parameters, documentation } in functions() {
        let lines = || documentation.lines().map(str::trim);
        for parameter in parameters {
            let described = |line: &str| {
                let names = line.split_once(':').map(|(names, _)| names);
                names.is_some_and(|names| names.split(", ").any(|name| name == parameter))
            };
            assert!(lines().any(described), "{name}: {parameter}");
        }
        let documents = |part| lines().any(|line| line.starts_with(part));
        assert!(documents("Threads: "), "{name}");
        assert_eq!(documents("Returns: "), returns != "void", "{name}");
    }
}

#[test]
fn the_shared_library_exports_the_declared_functions_only() {
    if !have("nm") {
        return;
    }
    let symbols = run(Command::new("nm")
        .args(["--dynamic", "--defined-only", "--format=posix"])
        .arg(library_folder().join("librext.so")));
    let version = concat!("librext.so.0.", env!("CARGO_PKG_VERSION_MINOR"));
    let versioned = have("ld.bfd");
    let found: BTreeSet<_> = symbols
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|symbol| symbol.split('@').next() != Some(version)) // the version itself
        .map(|symbol| match symbol.split_once("@@") {
            Some((symbol, its)) if its == version => symbol,
            None if !versioned => symbol,
            _ => panic!("{symbol}"),
        })
        .collect();
    let functions = functions();
    let declared: BTreeSet<_> = functions.iter().map(|function| &function.name[..]).collect();
    assert_eq!(found, declared);
}

/// The values of all constants. They never change: add new ones, but do not remove any.
const NUMBERS: &[(&str, i64)] = &[
    ("REXT_ABI", 0),
    ("REXT_FLAG_MAX", 2039),
    ("REXT_SESSION_LONGEST", 270),
    ("REXT_MAX_ORIGINS", 16),
    ("REXT_MAX_ORIGIN_BYTES", 4096),
    ("REXT_MAX_AGE_SECONDS", 604_800),
    ("REXT_OK", 0),
    ("REXT_NO", 0),
    ("REXT_YES", 1),
    ("REXT_INCOMPLETE", 2),
    ("REXT_ERR_NULL", -1),
    ("REXT_ERR_ALIGNMENT", -2),
    ("REXT_ERR_VALUE", -3),
    ("REXT_ERR_LENGTH", -4),
    ("REXT_ERR_BUFFER", -5),
    ("REXT_ERR_UNSET", -6),
    ("REXT_ERR_TAKEN", -7),
    ("REXT_ERR_MEMORY", -8),
    ("REXT_ERR_PANIC", -9),
    ("REXT_ERR_RECORD", -10),
    ("REXT_ERR_CALLBACK", -11),
    ("REXT_ERR_DTLS", -20),
    ("REXT_ERR_SSL2", -21),
    ("REXT_ERR_TEXT", -22),
    ("REXT_ERR_NOT_TLS", -23),
    ("REXT_ERR_UNEXPECTED_RECORD", -30),
    ("REXT_ERR_INTERLEAVED", -31),
    ("REXT_ERR_RECORD_VERSION", -32),
    ("REXT_ERR_EMPTY_RECORD", -33),
    ("REXT_ERR_RECORD_TOO_LONG", -34),
    ("REXT_ERR_NOT_ALIGNED", -35),
    ("REXT_ERR_UNEXPECTED_MESSAGE", -36),
    ("REXT_ERR_MESSAGE_TOO_LONG", -37),
    ("REXT_ERR_MESSAGE_TOO_SHORT", -38),
    ("REXT_ERR_MALFORMED", -39),
    ("REXT_ERR_DUPLICATE_EXTENSION", -40),
    ("REXT_ERR_AFTER_PRE_SHARED_KEY", -41),
    ("REXT_ERR_BINDER_COUNT", -42),
    ("REXT_ERR_FLAGS_NO_LENGTH", -60),
    ("REXT_ERR_FLAGS_EMPTY_LIST", -61),
    ("REXT_ERR_FLAGS_TRUNCATED", -62),
    ("REXT_ERR_FLAGS_TRAILING_BYTES", -63),
    ("REXT_ERR_FLAGS_NONE_SET", -64),
    ("REXT_ERR_FLAGS_TRAILING_ZERO", -65),
    ("REXT_ERR_FLAG_MISPLACED", -66),
    ("REXT_ERR_CARE_NOT_EMPTY", -70),
    ("REXT_ERR_CARE_UNSOLICITED", -71),
    ("REXT_ERR_CARE_MISPLACED", -72),
    ("REXT_ERR_SECOND_HELLO_DIFFERS", -80),
    ("REXT_ERR_ORIGINS_MISPLACED", -90),
    ("REXT_ERR_ORIGINS_MALFORMED", -91),
    ("REXT_ERR_ORIGINS_CHANGED", -92),
    ("REXT_ERR_OTHER", -99),
    ("REXT_ERR_REQUEST_MALFORMED", -100),
    ("REXT_ERR_REQUEST_NO_SCHEMES", -101),
    ("REXT_ERR_REQUEST_EXTENSION", -102),
    ("REXT_ERR_REQUEST_LIST", -103),
    ("REXT_ERR_AUTHENTICATOR_MALFORMED", -110),
    ("REXT_ERR_AUTHENTICATOR_NO_CERTIFICATE", -111),
    ("REXT_ERR_AUTHENTICATOR_EMPTY", -112),
    ("REXT_ERR_AUTHENTICATOR_CONTEXT", -113),
    ("REXT_ERR_AUTHENTICATOR_MAC", -114),
    ("REXT_ERR_AUTHENTICATOR_EXTENSION", -115),
    ("REXT_ERR_AUTHENTICATOR_SCHEME", -116),
    ("REXT_ERR_AUTHENTICATOR_SIGNATURE", -117),
    ("REXT_ERR_CONTEXT_REPEATED", -120),
    ("REXT_ERR_CONTEXT_FULL", -121),
    ("REXT_ERR_CONTEXT_NOT_REQUESTED", -122),
    ("REXT_ERR_CONTEXT_ANSWERED", -123),
    ("REXT_ENDPOINT_CLIENT", 1),
    ("REXT_ENDPOINT_SERVER", 2),
    ("REXT_CONTEXT_MIN", 16),
    ("REXT_CONTEXT_SENT", 1),
    ("REXT_CONTEXT_RECEIVED", 2),
    ("REXT_CONTEXT_SPONTANEOUS", 3),
    ("REXT_CONTEXT_ANSWERED", 4),
    ("REXT_CONTEXT_ANSWER", 5),
    ("REXT_PROOF_POSSESSION", 1),
    ("REXT_PROOF_DECLINED", 2),
    ("REXT_TLS12", 0x0303),
    ("REXT_TLS13", 0x0304),
    ("REXT_CLIENT_HELLO", 1),
    ("REXT_SERVER_HELLO", 2),
    ("REXT_HELLO_RETRY_REQUEST", 3),
    ("REXT_ENCRYPTED_EXTENSIONS", 4),
    ("REXT_CERTIFICATE_REQUEST", 5),
    ("REXT_SERVER_CERTIFICATE", 6),
    ("REXT_CLIENT_CERTIFICATE", 7),
    ("REXT_NEW_SESSION_TICKET", 8),
    ("REXT_OFFER_NONE", 0),
    ("REXT_OFFER_FLAG", 1),
    ("REXT_OFFER_CARE", 2),
    ("REXT_OFFER_ORIGINS", 4),
    ("REXT_CLIENT_NOT_OFFERED", 0),
    ("REXT_CLIENT_OFFERED", 1),
    ("REXT_CLIENT_ACKNOWLEDGED", 2),
    ("REXT_CLIENT_ASKED_WITHOUT_ACKNOWLEDGEMENT", 3),
    ("REXT_ASKS_NOT", 0),
    ("REXT_ASKS_BECAUSE_OFFERED", 1),
    ("REXT_ASKS_FOR_ANOTHER_REASON", 2),
    ("REXT_ECH_NONE", 0),
    ("REXT_ECH_OUTER", 1),
    ("REXT_ECH_INNER", 2),
    ("REXT_DEMAND_NONE", 0),
    ("REXT_DEMAND_REQUEST", 1),
    ("REXT_DEMAND_REQUIRE", 2),
    ("REXT_RESUMPTION_REFUSED", 0),
    ("REXT_RESUMPTION_ALLOWED", 1),
    ("REXT_RESUMPTION_IF_VERIFIED", 2),
];

#[test]
fn the_constants_do_not_change() {
    let header = header();
    let defined: BTreeMap<_, _> = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define REXT_")?.split_once(' '))
        .map(|(name, value)| (format!("REXT_{name}"), value.parse::<i64>().unwrap()))
        .collect();
    let pinned = NUMBERS.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    assert_eq!(defined, pinned);
    assert_eq!(NUMBERS.len(), defined.len());

    let errors: Vec<_> = NUMBERS.iter().filter(|(name, _)| name.starts_with("REXT_ERR_")).collect();
    let distinct: BTreeSet<_> = errors.iter().map(|(_, number)| number).collect();
    assert_eq!(distinct.len(), errors.len());
    for (name, number) in errors {
        let number = i32::try_from(*number).unwrap();
        assert!(number < 0);
        // SAFETY: it is NUL-terminated, and valid as long as the library.
        let found = unsafe { CStr::from_ptr(rext::rext_status_name(number)) };
        assert_eq!(found.to_str().unwrap(), name.trim_start_matches("REXT_ERR_").to_lowercase());
    }
}
