//! `?` converts errors to `LoadError`, and a `LoadError` to the errors that programs return.

use std::error::Error;
use std::str::ParseBoolError;

use rustls_ext::{
    FileError, FileProblem, Files, Live, LoadError, Policy, PolicyError, causes, with_causes,
};

const ALL: [&str; 6] = ["a file", "a policy", "rustls", "a box", "a text", "another"];

/// Loading it returns an error of this kind.
fn load(kind: &'static str) -> Result<Live, LoadError> {
    Live::load(move |files| {
        match kind {
            "a file" => drop(files.certificates("none.pem")?),
            "a policy" => drop(Policy::builder().build()?),
            "rustls" => Err(rustls::Error::HandshakeNotComplete)?,
            "a box" => boxed()?,
            "another" => drop("maybe".parse::<bool>().map_err(LoadError::new)?),
            _ => {}
        }
        Err("there is nothing to load".into())
    })
}

/// An error type of a program that hides its cause.
fn boxed() -> Result<(), Box<dyn Error + Send + Sync>> {
    Files::new().certificates("none.pem")?;
    Ok(())
}

fn error(kind: &'static str) -> LoadError {
    load(kind).unwrap_err()
}

#[test]
fn in_the_closure_it_is_made_of_what_goes_wrong_there() {
    assert!(error("a file").is::<FileError>());
    assert!(error("a policy").is::<PolicyError>());
    assert!(error("a box").is::<FileError>());
    assert!(error("another").is::<ParseBoolError>());
    assert_eq!(error("a text").to_string(), "there is nothing to load");
    let reason = error("rustls").downcast::<rustls::Error>().unwrap();
    assert_eq!(reason, rustls::Error::HandshakeNotComplete);
}

#[test]
fn a_program_returns_it_as_any_error() {
    fn plain(kind: &'static str) -> Result<(), Box<dyn Error>> {
        load(kind)?.reload()?;
        Ok(())
    }
    fn for_threads(kind: &'static str) -> Result<(), Box<dyn Error + Send + Sync>> {
        load(kind)?.reload()?;
        Ok(())
    }
    fn with_anyhow(kind: &'static str) -> anyhow::Result<()> {
        load(kind)?.reload()?;
        Ok(())
    }
    for kind in ALL {
        let line = with_causes(&error(kind));
        assert_eq!(with_causes(&*plain(kind).unwrap_err()), line);
        assert_eq!(with_causes(&*for_threads(kind).unwrap_err()), line);
        // Every text appears once.
        assert_eq!(format!("{:#}", with_anyhow(kind).unwrap_err()), line);
    }
}

#[test]
fn it_has_the_text_and_the_causes_of_what_it_was_made_of() {
    let err = error("a file");
    assert_eq!(err.to_string(), "none.pem: cannot read it");
    let unreadable = |err: &FileError| matches!(err.problem, FileProblem::Unreadable(_));
    assert!(unreadable(err.downcast_ref().unwrap()));
    let among = causes(&err).find_map(|err| err.downcast_ref());
    assert!(among.is_some_and(unreadable));
    assert!(err.source().unwrap().is::<std::io::Error>());
    assert_eq!(err.downcast_ref::<PolicyError>().map(|_| ()), None);
    let same = err.downcast::<PolicyError>().unwrap_err();
    assert!(same.into_inner().is::<FileError>());
}

#[test]
fn it_is_not_wrapped_twice() {
    let boxed: Box<dyn Error + Send + Sync> = error("a file").into();
    assert!(LoadError::from(boxed).is::<FileError>());
    assert!(LoadError::new(error("a file")).is::<FileError>());
}

#[test]
fn an_error_of_anyhow_is_one_with_its_context() {
    use anyhow::Context as _;
    let read = Files::new().certificates("none.pem").context("the second tenant");
    let err = LoadError::new(read.unwrap_err());
    assert_eq!(err.to_string(), "the second tenant");
    assert!(with_causes(&err).starts_with("the second tenant: none.pem: cannot read it: "));
    assert!(causes(&err).any(|err| err.is::<FileError>()));
}
