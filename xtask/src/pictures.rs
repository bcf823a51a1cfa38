//! The pictures in docs/pictures: a sequence diagram, and the table of the demo.
//!
//! `demo.json` there is the recorded output of `interop demo --json`. A test of `interop` compares it with
//! the demo, except for numbers of bytes, which differ between runs.

use std::fmt::Write;
use std::path::Path;
use std::{fs, str};

use serde_json::Value;

use crate::Result;

/// The folder of the pictures, in the repository.
const FOLDER: &str = "docs/pictures";
/// The recorded result of the demo, in this folder.
const RECORD: &str = "demo.json";

/// Records the demo's result again, and writes the pictures.
///
/// # Errors
/// If the demo fails, or a file cannot be written.
pub fn record(repository: &Path) -> Result<()> {
    let mut demo = crate::cargo();
    demo.current_dir(repository).args(["run", "--quiet", "--release", "-p", "interop", "--"]);
    let output = demo.args(["demo", "--json"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    let result = str::from_utf8(&output.stdout)?;
    demo_table(result)?;
    fs::write(repository.join(FOLDER).join(RECORD), result)?;
    write(repository)
}

/// Writes the pictures.
///
/// # Errors
/// If the record of the demo cannot be read, or a file cannot be written.
pub fn write(repository: &Path) -> Result<()> {
    for (name, picture) in pictures(repository)? {
        fs::write(repository.join(FOLDER).join(name), picture)?;
    }
    Ok(())
}

/// Checks that the pictures are those that [`write()`] makes.
///
/// # Errors
/// If one of them is not, or cannot be read.
pub fn check(repository: &Path) -> Result<()> {
    for (name, picture) in pictures(repository)? {
        let path = repository.join(FOLDER).join(name);
        let found =
            fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        if found != picture {
            return Err(
                format!("{FOLDER}/{name} is out of date: run `cargo xtask pictures`").into()
            );
        }
    }
    Ok(())
}

fn pictures(repository: &Path) -> Result<[(&'static str, String); 2]> {
    let path = repository.join(FOLDER).join(RECORD);
    let record = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok([("sequence.svg", sequence()), ("demo.svg", demo_table(&record)?)])
}

/// The width of each picture.
const WIDTH: u32 = 800;

/// An SVG document with a title and a description for screen readers, in colours for light and dark
/// pages.
fn document(height: u32, title: &str, description: &str, body: &str) -> String {
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{}</title>
<desc id="desc">{}</desc>
<style>
text {{ font: 12px system-ui, sans-serif; fill: #1f2328 }} .bold {{ font-weight: 600 }} .small {{ font-size: 11px }} .weak {{ fill: #59636e }}
.middle {{ text-anchor: middle }} .ours {{ fill: #0b6e4f }} .bad {{ fill: #b42318 }}
.line {{ stroke: #59636e; fill: none }} .life {{ stroke: #8c959f; stroke-dasharray: 2 4 }}
.ours.line {{ stroke: #0b6e4f; fill: none }} .band {{ fill: #8c959f22 }} .head {{ fill: #59636e }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3 }} .weak {{ fill: #9198a1 }} .ours {{ fill: #3fb68b }} .bad {{ fill: #ff7b72 }}
.line {{ stroke: #9198a1 }} .ours.line {{ stroke: #3fb68b }} .head {{ fill: #9198a1 }}
}}
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>
{body}</svg>
"##,
        escape(title),
        escape(description),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A row of the sequence diagram.
enum Step {
    /// The title of a section.
    Section(&'static str),
    /// A message to the server: the other party's place, and the text.
    ToServer(usize, &'static str),
    /// A message from the server.
    FromServer(usize, &'static str),
    /// A decision of the server.
    Decision(&'static str),
}

/// The parties of the diagram with their horizontal places: a client with a certificate, the server, and
/// any other client.
const PARTIES: [(&str, u32); 3] =
    [("client with a certificate", 100), ("server", 430), ("any other client", 680)];
const AGENT: usize = 0;
const OTHER: usize = 2;

const STEPS: &[Step] = &[
    Step::Section("The client offers: one connection"),
    Step::ToServer(AGENT, "ClientHello + tls_flags{80}"),
    Step::Decision("policy: offered → request"),
    Step::FromServer(AGENT, "ServerHello, …, CertificateRequest + tls_flags{80}"),
    Step::ToServer(AGENT, "Certificate, CertificateVerify, Finished"),
    Step::ToServer(AGENT, "GET /reports"),
    Step::FromServer(AGENT, "200, \"agent\" in scope \"agents\""),
    Step::Section("Other clients: no certificate is requested"),
    Step::ToServer(OTHER, "ClientHello"),
    Step::Decision("policy: not offered → none"),
    Step::FromServer(OTHER, "ServerHello, …, Finished"),
    Step::ToServer(OTHER, "Finished, GET /"),
    Step::FromServer(OTHER, "200, unauthenticated"),
    Step::Section("The client learns from a challenge: two connections"),
    Step::ToServer(AGENT, "ClientHello"),
    Step::FromServer(AGENT, "ServerHello, …, Finished"),
    Step::ToServer(AGENT, "Finished, GET /reports"),
    Step::FromServer(AGENT, "401, WWW-Authenticate: ClientCertificate"),
    Step::ToServer(AGENT, "second connection: ClientHello + tls_flags{80}"),
    Step::FromServer(AGENT, "ServerHello, …, CertificateRequest + tls_flags{80}"),
    Step::ToServer(AGENT, "Certificate, …, Finished, GET /reports"),
    Step::FromServer(AGENT, "200, \"agent\" in scope \"agents\""),
];

fn sequence() -> String {
    let (mut body, mut y) = (String::new(), 44);
    let server = PARTIES[1].1;
    for step in STEPS {
        match step {
            Step::Section(title) => {
                y += 14;
                let _ = writeln!(
                    body,
                    r#"<rect class="band" x="8" y="{}" width="{}" height="22" rx="4"/><text class="bold" x="16" y="{}">{}</text>"#,
                    y - 16,
                    WIDTH - 16,
                    y - 1,
                    escape(title),
                );
                y += 28;
            }
            Step::Decision(text) => {
                let _ = writeln!(
                    body,
                    r#"<text class="ours middle bold" x="{server}" y="{y}">{}</text>"#,
                    escape(text)
                );
                y += 26;
            }
            Step::ToServer(party, text) | Step::FromServer(party, text) => {
                let place = PARTIES[*party].1;
                let (from, to) = match step {
                    Step::ToServer(..) => (place, server),
                    _ => (server, place),
                };
                let _ = writeln!(
                    body,
                    r#"<text class="middle" x="{}" y="{}">{}</text><path class="line" d="M{from} {y}H{to}" marker-end="url(#arrow)"/>"#,
                    u32::midpoint(from, to),
                    y - 5,
                    escape(text),
                );
                y += 28;
            }
        }
    }
    let mut all = String::new();
    for (name, x) in PARTIES {
        let _ = writeln!(
            all,
            r#"<text class="bold middle" x="{x}" y="20">{name}</text><path class="life" d="M{x} 28V{}"/>"#,
            y - 10
        );
    }
    let description = "A client with a certificate sends a ClientHello with the flag request_client_auth, \
        number 80. The server's policy requests a certificate because of the offer, acknowledges the flag in \
        CertificateRequest, and answers GET /reports with 200. Another client makes no offer: the server \
        requests no certificate, and answers with 200, unauthenticated. A client that does not offer at first \
        gets a 401 response with a ClientCertificate challenge. It repeats the request on a second \
        connection, with an offer and its certificate, and gets 200.";
    document(y, "How a client gets a certificate request", description, &(all + &body))
}

/// The columns of the demo's table: the title, the horizontal place, and the text of a row.
type Column = (&'static str, u32, fn(&Value) -> String);

const COLUMNS: [Column; 6] = [
    ("client", 12, |row| text(&row["client"])),
    ("offered", 306, |row| mark(&row["offered"])),
    ("requested", 364, |row| mark(&row["asked"])),
    ("acknowledged", 436, |row| mark(&row["acknowledged"])),
    ("authenticated", 532, |row| match &row["authenticated"] {
        Value::Null => String::new(),
        name => format!("{} in {}", text(name), text(&row["scope"])),
    }),
    (RESULT, 674, |row| match &row["refused"] {
        Value::Null => text(&row["http_status"]),
        alert => text(alert).replace(" from server", ""),
    }),
];

/// The title of the last column.
const RESULT: &str = "status or alert";

fn mark(fact: &Value) -> String {
    if fact == &Value::Bool(true) { "✓".into() } else { "–".into() }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Draws the recorded result of `interop demo --json`.
fn demo_table(record: &str) -> Result<String> {
    let record: Value = serde_json::from_str(record)?;
    let rows = record["connections"].as_array().ok_or("the demo's result has no `connections`")?;
    let (mut body, mut y) = (String::new(), 20);
    for (title, x, _) in COLUMNS {
        let _ = writeln!(body, r#"<text class="bold small" x="{x}" y="{y}">{title}</text>"#);
    }
    for (number, row) in rows.iter().enumerate() {
        y += 20;
        if number % 2 == 0 {
            let _ = writeln!(
                body,
                r#"<rect class="band" x="6" y="{}" width="{}" height="20"/>"#,
                y - 14,
                WIDTH - 12
            );
        }
        for (title, x, cell) in COLUMNS {
            let class = match title {
                "authenticated" => r#" class="ours""#,
                RESULT if !row["refused"].is_null() => r#" class="bad""#,
                _ => "",
            };
            let cell = escape(&cell(row));
            if !cell.is_empty() {
                let _ = writeln!(body, r#"<text{class} x="{x}" y="{y}">{cell}</text>"#);
            }
        }
    }
    let authenticated = rows.iter().filter(|row| !row["authenticated"].is_null()).count();
    let refused = rows.iter().filter(|row| !row["refused"].is_null()).count();
    let description = format!(
        "A table of {} connections: whether the client offered, whether the server requested a certificate and \
         acknowledged the offer, the authenticated client and its scope, the HTTP status, and the alert. \
         {authenticated} are authenticated, {refused} are refused.",
        rows.len()
    );
    Ok(document(y + 16, "The result of interop demo", &description, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_in_the_repository_are_up_to_date() {
        check(&crate::repository()).unwrap();
    }

    #[test]
    fn each_picture_has_a_title_a_description_and_no_unescaped_text() {
        let record = r#"{ "connections": [{ "client": "<a & b>", "offered": true, "asked": true,
            "acknowledged": false, "authenticated": null, "scope": null, "http_status": 200, "refused": null }] }"#;
        let table = demo_table(record).unwrap();
        assert!(table.contains(">&lt;a &amp; b&gt;<") && !table.contains("<a & b>"), "{table}");
        for picture in [table, sequence()] {
            assert!(
                picture.contains("<title id=\"title\">") && picture.contains("<desc id=\"desc\">")
            );
            assert!(picture.contains("prefers-color-scheme: dark"));
        }
        let error = demo_table("{}").unwrap_err().to_string();
        assert_eq!(error, "the demo's result has no `connections`");
    }
}
