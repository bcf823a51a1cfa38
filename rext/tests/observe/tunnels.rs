use crate::site::Site;

#[test]
fn the_bytes_of_a_websocket_are_counted_by_direction() {
    let site = Site::start(&[]);
    let metrics = site.metrics();
    let response = site.anonymous().send(
        "GET /switch HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n1234567",
    );
    let response = response.unwrap();
    assert!(response.starts_with("HTTP/1.1 101 ") && response.ends_with("\r\n\r\nhello"));
    metrics.wait_until("the tunnel has ended", |it| it.sum("rext_connections_open") == 0.0);
    assert_eq!(
        metrics.lines("rext_tunnel_bytes_total"),
        ["direction=to_backend 7", "direction=to_client 5"]
    );
    // They belong to no body.
    assert_eq!(metrics.sum("rext_received_body_bytes_total"), 0.0);
    assert_eq!(metrics.sum("rext_sent_body_bytes_total"), 0.0);
}
