//! The server's side without the feature `tokio`: there is none.

use crate::PostHandshakeDemand;
use crate::http::server::Identity;

#[derive(Debug)]
pub(crate) enum ServerExchange {}

impl ServerExchange {
    pub(in crate::http) fn latest(&self) -> u64 {
        match *self {}
    }

    pub(in crate::http) fn has_proof(&self, _: &str) -> bool {
        match *self {}
    }

    pub(in crate::http) fn identity(
        &self,
        _: &PostHandshakeDemand,
        _: impl FnOnce(u64) -> bool,
    ) -> Option<Identity> {
        match *self {}
    }

    pub(in crate::http) fn identities(&self) -> Vec<Identity> {
        match *self {}
    }

    pub(in crate::http) fn no_longer_verified(&self) -> Option<(Identity, rustls::Error)> {
        match *self {}
    }

    pub(in crate::http) fn identity_anywhere(&self, _: &str) -> Option<Identity> {
        match *self {}
    }

    pub(in crate::http) fn refusal(&self, _: &PostHandshakeDemand) -> Option<rustls::Error> {
        match *self {}
    }

    pub(in crate::http) fn refusal_anywhere(&self, _: &str) -> Option<rustls::Error> {
        match *self {}
    }

    pub(in crate::http) async fn ask(&self, _: &PostHandshakeDemand) -> Option<u64> {
        match *self {}
    }
}
