//! The pages of the site: HTML without scripts.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Version;
use maud::{DOCTYPE, Markup, html};
use rustls_ext::http::server::{Caller, CertificateInfo, ClientAuthOutcome, Denied, Identity};

use super::{Names, Staff, Users, describe};

/// Builds a page for one request.
pub(super) struct Page {
    caller: Caller,
    names: Arc<Names>,
    port: Option<u16>,
    version: Version,
}

impl Page {
    pub(super) fn new(
        caller: Caller,
        names: Arc<Names>,
        port: Option<u16>,
        version: Version,
    ) -> Self {
        Self { caller, names, port, version }
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The page for all visitors.
    pub(super) fn home(&self) -> Markup {
        let content = html! {
            p.lead {
                "This page needs no certificate. The server requests one only where you choose to log in, "
                "and from agents that offer one."
            }
            p.actions {
                a.button href=(self.url(&self.names.login, "/account")) { "Log in with a certificate" }
                a.button.quiet href=(self.url(&self.names.staff, "/admin")) { "Staff" }
            }
            h2 { "How it works" }
            p {
                "To log in, you go to another host name of this site, " code { (self.names.login) } ". "
                "When your browser connects to it, the server requests a certificate, "
                "and your browser lets you choose one."
            }
            p {
                "An agent that has a certificate can stay on this host name. It offers its certificate "
                "when it connects, or connects again with its certificate when the server "
                "responds with a challenge."
            }
        };
        self.page("Welcome", "Welcome", &content)
    }

    /// The page for people with an account.
    pub(super) fn account(&self, user: &Identity<Users>) -> Markup {
        self.member(user, "Your account", "This page is for people with an account.")
    }

    /// The page for the staff of the site.
    pub(super) fn admin(&self, staff: &Identity<Staff>) -> Markup {
        self.member(staff, "Administration", "This page is for the staff of this site.")
    }

    fn member<S>(&self, identity: &Identity<S>, title: &str, lead: &str) -> Markup {
        let certificate = identity.certificate();
        let name = certificate.common_name().unwrap_or("a user without a name");
        let host = self.caller.host().unwrap_or("this address");
        let content = html! {
            p.lead { "You are logged in as " strong { (name) } ". " (lead) }
            p.note {
                "You are logged in on " code { (host) } " only. "
                "Your login is valid for connections to this host name, so on the "
                a href=(self.url(&self.names.site, "/")) { "public pages" }
                " you are not logged in. To log out, close your browser."
            }
            h2 { "Your certificate" }
            dl { (rows(certificate)) (row("Scope", identity.scope()))
                (row("Proof of possession", &proof(identity))) }
        };
        self.page(title, title, &content)
    }

    /// The page for visitors who are not authenticated as required.
    pub(super) fn denied(&self, scope: &str, denied: &Denied) -> Markup {
        let staff = scope == <Staff as super::Scope>::NAME;
        let (host, path, audience) = if staff {
            (&self.names.staff, "/admin", "the staff of this site")
        } else {
            (&self.names.login, "/account", "people with an account")
        };
        let is_right_host = self.caller.host() == Some(host);
        let link = self.url(host, path);
        let connection = self.caller.connection();
        let (heading, content) = match (denied, connection.outcome()) {
            (Denied::Refused, _) => (
                "Your certificate was not accepted",
                html! {
                    p.lead role="alert" {
                        "This page is for " (audience) ". Your client answered the request on the open "
                        "connection, but "
                        @match connection.refusal(scope) {
                            Some(reason) => (describe::refusal(&reason)),
                            None => "the server did not accept its certificate",
                        }
                        "."
                    }
                    p { "To use another certificate, connect again." }
                },
            ),
            (Denied::OtherScope, _) => (
                "Your certificate is not for this page",
                html! {
                    p.lead { "This page is for " (audience) ", and your certificate is not valid for it." }
                    p { a href=(self.url(&self.names.site, "/")) { "Back to the public pages" } }
                },
            ),
            (_, ClientAuthOutcome::Refused(reason)) if is_right_host => (
                "Your certificate was not accepted",
                html! {
                    p.lead role="alert" {
                        "This page is for " (audience) ". Your browser sent a certificate, but "
                        (describe::refusal(reason)) "."
                    }
                    p {
                        "To choose another one, close your browser, open it again, and "
                        a href=(link) { "try again" } ". Until you close it, your browser remembers your choice."
                    }
                },
            ),
            (_, ClientAuthOutcome::Declined) if is_right_host => (
                "You are not logged in",
                html! {
                    p.lead role="alert" {
                        "This page is for " (audience) ". The server requested a certificate, and your "
                        "browser sent none: it has no suitable one, or you chose none."
                    }
                    p {
                        "If you have a certificate now, close your browser, open it again, and "
                        a href=(link) { "try again" } ". Until you close it, your browser remembers your choice."
                    }
                },
            ),
            _ => (
                "Log in to see this page",
                html! {
                    p.lead { "This page is for " (audience) "." }
                    p.actions { a.button href=(link) { "Log in with a certificate" } }
                },
            ),
        };
        self.page(heading, heading, &content)
    }

    /// The page for an unknown path.
    pub(super) fn not_found(&self) -> Markup {
        let content = html! {
            p.lead { "This site has no page with this address." }
            p { a href=(self.url(&self.names.site, "/")) { "Back to the public pages" } }
        };
        self.page("Not found", "Not found", &content)
    }

    fn page(&self, title: &str, heading: &str, content: &Markup) -> Markup {
        let links = [
            (&self.names.site, "/", "Home"),
            (&self.names.login, "/account", "Account"),
            (&self.names.staff, "/admin", "Staff"),
        ];
        let properties = describe::connection(self.caller.connection(), self.version);
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " – " (self.names.site) }
                    link rel="stylesheet" href="/style.css";
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        p.site { (self.names.site) }
                        nav aria-label="Site" {
                            ul {
                                @for (host, path, label) in links {
                                    li { a href=(self.url(host, path))
                                        aria-current=[(self.caller.host() == Some(host)).then_some("true")]
                                        { (label) } }
                                }
                            }
                        }
                    }
                    main id="content" tabindex="-1" {
                        h1 { (heading) }
                        (content)
                        section.connection aria-labelledby="connection" {
                            h2 id="connection" { "This connection" }
                            dl { @for (name, value) in &properties { (row(name, value)) } }
                        }
                    }
                    footer { p { "This page has no scripts and no cookies." } }
                }
            }
        }
    }

    /// The URL of a page on a host of the site, on the port of this request.
    fn url(&self, host: &str, path: &str) -> String {
        match self.port {
            Some(port) => format!("https://{host}:{port}{path}"),
            None => format!("https://{host}{path}"),
        }
    }
}

fn row(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The rows for a certificate; a field that cannot be read is shown as the error in parentheses.
fn rows(certificate: &CertificateInfo) -> Markup {
    let text = |read: Result<&str, _>| match read {
        Ok(text) => text.to_owned(),
        Err(err) => format!("({err})"),
    };
    let names = match certificate.alternative_names() {
        Ok([]) => None,
        Ok(names) => Some(names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        Err(err) => Some(format!("({err})")),
    };
    html! {
        (row("Subject", &text(certificate.subject())))
        (row("Issuer", &text(certificate.issuer())))
        @if let Some(names) = names { (row("Other names", &names)) }
        (row("Serial number", &text(certificate.serial())))
        div {
            dt { "SHA-256 fingerprint" }
            dd { code { (certificate.fingerprint()) } }
        }
    }
}

/// Describes when the client proved possession of its key.
fn proof<S>(identity: &Identity<S>) -> String {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(identity.authenticated_at().as_secs());
    let ago = SystemTime::now().duration_since(then).unwrap_or_default().as_secs();
    let when = match ago {
        0..60 => "less than a minute ago".to_owned(),
        60..7200 => format!("{} minutes ago", ago / 60),
        _ => format!("{} hours ago", ago / 3600),
    };
    if identity.resumed() {
        format!("{when}, on an earlier connection")
    } else {
        format!("{when}, on this connection")
    }
}
