//! Gateways with a policy file of two scopes.

use test_pki::Authority;

use crate::client::Site;

impl Site {
    /// Starts a gateway whose policy file has the scopes `clients`, which is requested, and `staff`,
    /// and this table.
    pub async fn with_scopes(table: &str) -> Self {
        let mut site = Self::start(&[]).await;
        site.files.write("staff-ca.pem", Authority::new("Staff CA").unwrap().pem());
        site.files.write("policy.toml", site.policy_file(table));
        site.gateway = site.files.start("gateway", &["--policy-file", "policy.toml"], |_| {});
        site
    }

    /// The text of that policy file; `UPSTREAM` in the table stands for the server's URL.
    pub fn policy_file(&self, table: &str) -> String {
        format!(
            "[scopes.clients]\nanchors = ['client-ca.pem']\n[scopes.staff]\nanchors = ['staff-ca.pem']\n\
             [otherwise]\nrequest = 'clients'\n{}",
            table.replace("UPSTREAM", &self.upstream.url())
        )
    }
}
