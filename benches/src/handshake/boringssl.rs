//! BoringSSL. It cannot request a certificate after the handshake.

const OK: Result<(), boring::x509::X509VerifyError> = Ok(());

ssl!(boring);

fn groups(context: &mut SslContextBuilder) {
    context.set_curves_list("X25519").expect("a group");
}

pub(super) fn mutual(pki: &Pki) -> Box<dyn Ends> {
    Box::new(Mutual::new(pki))
}
