//! Tests of what cannot be seen from outside of the crate.

use tokio::io::{AsyncWriteExt, duplex};

use super::*;

#[derive(Debug)]
struct Announces;

impl Exchange for Announces {
    fn announces(&self) -> u32 {
        1
    }

    fn setting(&self, _: Option<u64>) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn head(&self, _: Frame, _: bool, _: u64) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn frame(&self, _: Frame, _: Vec<u8>) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn closed(&self) {}
}

#[tokio::test]
async fn an_idle_connection_takes_little_memory() {
    assert_eq!(size_of::<State>(), 96);
    // And nothing on the heap, after SETTINGS and after a frame.
    let (io, _peer) = duplex(4096);
    let (outbox, exchange) = (Outbox::new(), Arc::new(Announces));
    let code_points = HttpCodePoints::DEFAULT;
    let mut filter = Http2Filter::new(io, Endpoint::Server, code_points, exchange, outbox.clone());
    for _ in 0..2 {
        filter.write_all(&head::Head::write(head::SETTINGS, 0)).await.unwrap();
        outbox.send(Frame::AuthenticatorRequests, vec![7; 100]).unwrap();
        filter.flush().await.unwrap();
        let state = filter.state.as_ref().unwrap();
        let state = format!("{:?}{:?}", state.incoming, state.outgoing);
        assert!(state.contains("own: None") && state.contains("ours: None"), "{state}");
    }
}
