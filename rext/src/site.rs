//! `rext serve --site`: a small site where people and agents log in with certificates. It requests no
//! certificate from other visitors.
//!
//! | host name | rule of the policy | page |
//! |---|---|---|
//! | the site's own | requests nothing from clients that do not offer | `/`, for all visitors |
//! | the login host | requests a "users" certificate from every client | `/account`, for "users" |
//! | the staff host | requests a "staff" certificate from every client | `/admin`, for "staff" |
//!
//! One listener serves all names. A person's browser, which makes no offer, shows the site without
//! any dialog; only the "log in" link leads to a host name that requests a certificate. If a
//! visitor opens a page on the wrong host, the response names the right one. An agent that supports
//! the challenge does not need the other host: it repeats the request to the same host with an
//! offer, if the policy has a rule for that. If the policy has a `[[post_handshake]]` entry for the
//! host, a client that takes part is asked on its open connection.

use clap::Args;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, FromRequestParts, Request};
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::request::Parts;
use maud::Markup;
use rustls_ext::http::server::{Caller, Denied, Identity, Scope};
use rustls_ext::rustls::pki_types::DnsName;
use rustls_ext::rustls::server::ClientAuthDecision;
use rustls_ext::{ClientFacts, Policy};
use tower::util::BoxCloneService;

use crate::debug_info::DebugInfo;
use crate::server::App;
use command_line::Failure;

mod describe;
mod pages;

use pages::Page;

/// Options of the site.
#[derive(Clone, Debug, Args)]
pub struct SiteArgs {
    /// The host name of the site where the policy requests certificates of "users"; the default is
    /// login.HOST
    #[arg(long, value_name = "HOST", value_parser = host, requires = "site")]
    pub login_host: Option<String>,
    /// The host name of the site where the policy requests certificates of "staff"; the default is
    /// staff.HOST
    #[arg(long, value_name = "HOST", value_parser = host, requires = "site")]
    pub staff_host: Option<String>,
}

/// A DNS name, in lower case.
pub(crate) fn host(text: &str) -> Result<String, String> {
    match DnsName::try_from(text) {
        Ok(name) if !text.ends_with('.') => Ok(name.to_lowercase_owned().as_ref().to_owned()),
        _ => Err("not a DNS name".into()),
    }
}

/// The scope of people with an account.
struct Users;

impl Scope for Users {
    const NAME: &'static str = "users";
}

/// The scope of people who run the site.
struct Staff;

impl Scope for Staff {
    const NAME: &'static str = "staff";
}

/// The site, an application of `rext serve`.
pub struct Site {
    names: Arc<Names>,
    router: Router,
}

/// The host names of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The host on which no certificate is requested.
    pub site: String,
    /// The host for "users".
    pub login: String,
    /// The host for "staff".
    pub staff: String,
}

impl Site {
    /// Makes the site with these names.
    pub fn new(host: &str, args: &SiteArgs) -> Self {
        let below = |name: &Option<String>, label: &str| {
            name.clone().unwrap_or_else(|| format!("{label}.{host}")).to_ascii_lowercase()
        };
        let names = Arc::new(Names {
            site: host.to_ascii_lowercase(),
            login: below(&args.login_host, "login"),
            staff: below(&args.staff_host, "staff"),
        });
        let router = Router::new()
            .route("/", get(home))
            .route("/account", get(account))
            .route("/admin", get(admin))
            .route("/debug", get(debug))
            .route("/style.css", get(style))
            .fallback(not_found)
            .layer(from_fn(set_security_headers))
            .with_state(names.clone());
        Self { names, router }
    }
}

impl App for Site {
    type Service = BoxCloneService<Request, Response, Infallible>;

    /// Checks that the policy requests certificates on the right hosts, and on no other.
    fn check(&self, policy: &Policy) -> Result<(), Failure> {
        let browser = ClientFacts::default();
        let all_decisions = |host: &str, wanted: &dyn Fn(&ClientAuthDecision) -> bool| {
            policy.possible_decisions(Some(host), &browser).iter().all(wanted)
        };
        let requests = |scope: &'static str| move |decision: &ClientAuthDecision| matches!(decision, ClientAuthDecision::Request(demand) if demand.scope() == scope);
        let Names { site, login, staff } = &*self.names;
        if !all_decisions(site, &|decision| decision.demand().is_none()) {
            let reason = "the policy may request a certificate on this host from clients that make no offer; \
                          the site needs rules that request none there";
            return Err(Failure::option("--site", site, reason));
        }
        for (option, host, scope) in
            [("--login-host", login, Users::NAME), ("--staff-host", staff, Staff::NAME)]
        {
            if !all_decisions(host, &requests(scope)) {
                let reason = format!(
                    "the policy does not request a certificate of the scope {scope:?} from every client \
                     on this host: add a rule with `server_name = {host:?}` and `request = {scope:?}`"
                );
                return Err(Failure::option(option, host, reason));
            }
        }
        Ok(())
    }

    fn service(&self, info: &DebugInfo) -> Self::Service {
        let info = Arc::new(info.clone());
        BoxCloneService::new(self.router.clone().layer(Extension(info)))
    }
}

async fn home(page: Page) -> Markup {
    page.home()
}

async fn account(page: Page) -> Response {
    member::<Users>(&page, Page::account).await
}

async fn admin(page: Page) -> Response {
    member::<Staff>(&page, Page::admin).await
}

/// The page for clients that are authenticated in this scope, if need be after a request on the open
/// connection; for others, a page that explains how to log in.
async fn member<S: Scope>(
    page: &Page,
    show: impl FnOnce(&Page, &Identity<S>) -> Markup,
) -> Response {
    match page.caller().ask_typed::<S>().await {
        Ok(identity) => show(page, &identity).into_response(),
        Err(denied) => {
            let body = page.denied(S::NAME, &denied);
            // With the challenge, for clients that support it.
            let mut response = denied.response(Body::from(body.into_string()));
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
            response
        }
    }
}

async fn debug(info: Extension<Arc<DebugInfo>>, request: Request) -> Json<DebugInfo> {
    let protocol = format!("{:?}", request.version()).into();
    Json(DebugInfo { protocol, ..DebugInfo::clone(&info) })
}

async fn style() -> impl IntoResponse {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind, (header::CACHE_CONTROL, "max-age=3600")], include_str!("site/style.css"))
}

async fn not_found(page: Page) -> (StatusCode, Markup) {
    (StatusCode::NOT_FOUND, page.not_found())
}

/// Extracts the data that pages need from a request.
impl FromRequestParts<Arc<Names>> for Page {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, names: &Arc<Names>) -> Result<Self, Denied> {
        let caller = Caller::of(&parts.extensions)?.clone();
        Ok(Self::new(caller, names.clone(), port(parts), parts.version))
    }
}

/// The port in the request's target or `Host` field, if any.
fn port(parts: &Parts) -> Option<u16> {
    let field = || parts.headers.get(header::HOST)?.to_str().ok()?.parse::<Uri>().ok()?.port_u16();
    parts.uri.port_u16().or_else(field)
}

/// Sets the security headers for browsers.
async fn set_security_headers(request: Request, next: Next) -> Response {
    const FIELDS: [(&str, &str); 9] = [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // The content of a page depends on its connection, and must not be shown to others.
        ("cache-control", "no-store"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in FIELDS {
        response
            .headers_mut()
            .entry(header::HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    response
}
