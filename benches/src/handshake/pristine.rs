//! Pristine rustls.

sides!(rustls_pristine);

fn configs(case: Case, pki: &Pki) -> (ClientConfig, ServerConfig) {
    plain_configs(case, pki)
}
