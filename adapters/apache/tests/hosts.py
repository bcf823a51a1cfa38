"""Requests: hosts, directories, variables, HTTP/2."""

import base64
import itertools
import os
import subprocess

from httpd import MODULES, OFFERS, Httpd, case, check, counts, free_port, result, run, verifies, without


@case
def a_request_for_a_server_of_another_scope_gets_421(p):
    servers = [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b")), ("c.test", verifies(p)),
               ("none.test", "")]
    for policy in ("strict", "secure", "authonly", "insecure"):
        with Httpd(p, servers, settings=f"SSLVHostSNIPolicy {policy}") as httpd:
            for name, target, code in ((None, "b.test", 421), (None, "c.test", 200),
                                       (None, "none.test", 421), ("a.test", "b.test", 421),
                                       ("a.test", "c.test", 200), ("a.test", "none.test", 421),
                                       ("none.test", "a.test", 421), ("c.test", "a.test", 200)):
                expected = 421 if policy == "strict" else code
                first = f"{name or 'a.test'}/"
                outcome = httpd.probe(name, [first, f"{target}/"], offer="flag", cert="agent-a")
                check(outcome.codes, [200, expected], f"{policy} {name} {target}")
                if expected == 200:
                    known = result(f"a.test:{httpd.port}", "SUCCESS", "agent-a", "flag", 1)
                    check(outcome.result, known, "the same authorities are the same scope")


@case
def a_request_for_a_server_that_would_have_requested_a_certificate_gets_421(p):
    servers = [("a.test", verifies(p)), ("off.test", verifies(p, offer="off"))]
    with Httpd(p, servers) as httpd:
        check(httpd.probe("a.test", ["a.test/", "off.test/"]).codes, [200, 421], "not requested")
        outcome = httpd.probe("a.test", ["a.test/", "off.test/"], offer="flag")
        check(outcome.codes, [200, 200], "requested, and declined")
        check(httpd.probe("off.test", ["off.test/", "a.test/"]).codes, [200, 200], "requested by both")


@case
def a_request_for_a_server_with_another_revocation_list_gets_421(p):
    servers = [(name, f"{verifies(p)}SSLCARevocationFile {p[file]}\nSSLCARevocationCheck chain\n")
               for name, file in (("a.test", "ca-a-before.crl"), ("c.test", "ca-a.crl"))]
    for policy in ("secure", "insecure"):
        with Httpd(p, servers, settings=f"SSLVHostSNIPolicy {policy}") as httpd:
            outcome = httpd.probe("a.test", ["a.test/", "c.test/"], offer="flag", cert="gone-a")
            check(outcome.codes, [200, 421], policy)


@case
def a_request_for_a_server_that_would_have_refused_the_certificate_gets_421(p):
    servers = [("a.test", verifies(p, mode="optional_no_ca")), ("c.test", verifies(p))]
    with Httpd(p, servers, settings="SSLVHostSNIPolicy insecure") as httpd:
        outcome = httpd.probe("a.test", ["a.test/", "c.test/"], offer="flag", cert="agent-b")
        check(outcome.codes, [200, 421])


@case
def where_no_directive_is_on_mod_ssl_alone_compares_servers(p):
    both = "SSLVHostSNIPolicy insecure"
    servers = [("off.test", verifies(p, offer="off")), ("b.test", verifies(p, "ca-b", offer="off"))]
    with Httpd(p, servers + [("a.test", verifies(p))], settings=both) as httpd:
        check(httpd.probe("off.test", ["off.test/", "b.test/"]).codes, [200, 200])


@case
def certificates_are_passed_on_as_in_rfc_9440(p):
    header = ("RequestHeader unset Client-Cert\n"
              "RequestHeader set Client-Cert \"%{CLIENT_CERT}e\" env=CLIENT_CERT\n")
    with Httpd(p, [("a.test", verifies(p) + "SSLVerifyDepth 2\n" + header)]) as httpd:
        def item(name):
            der = subprocess.run(["openssl", "x509", "-in", p[f"{name}.pem"], "-outform", "DER"],
                                 capture_output=True, check=True).stdout
            return f":{base64.b64encode(der).decode()}:"
        for offer, version in (("flag", 13), ("care", 12)):
            outcome = httpd.probe(get="/cert.html", offer=offer, version=version, cert="agent-a")
            check(outcome.result, f"{item('agent-a')} (null)")
            chain = httpd.probe(get="/cert.html", offer=offer, version=version, cert="agent-sub-chain")
            check(chain.result, f"{item('agent-sub')} {item('ca-sub')}")
            check(httpd.probe(get="/cert.html", offer=offer, version=version).result, "(null) (null)")
        check(httpd.probe(get="/cert.html", cert="agent-a").result, "(null) (null)")


@case
def variables_are_available_to_logs(p):
    with Httpd(p, [("a.test", verifies(p))]) as httpd:
        httpd.probe(offer="flag", cert="agent-a")
        httpd.probe()
        httpd.stop()
        with open(os.path.join(httpd.folder, "access.log")) as log:
            check(log.read(), f"flag a.test:{httpd.port} 200\nnone - 200\n")


def verifies_by_directory(p):
    """Servers of which a directory requires a certificate; the second requests none else."""
    staff = "<Location /staff.html>\nSSLVerifyClient require\n</Location>\n"
    maybe = "<Location /maybe.html>\nSSLVerifyClient optional\n</Location>\n"
    return [("a.test", verifies(p) + staff),
            ("none.test", f"SSLCACertificateFile {p['ca-a.pem']}\n{staff}{maybe}")]


def check_directories(httpd, offers, variables):
    """Outcomes that do not depend on the module, but for the variables in results."""
    for version, offer in itertools.product((12, 13), offers):
        what = f"{version} {offer}"
        # Of a connection that nobody asked: the request for the directory does, once.
        outcome = httpd.probe("none.test", ["none.test/", "none.test/staff.html", "none.test/staff.html"],
                              offer=offer, version=version, cert="agent-a", after=1)
        check((outcome.codes, outcome.requests), ([200, 200, 200], 1), what)
        if variables:
            check(outcome.result, result(None, "SUCCESS", "agent-a", counts(offer, version)), what)
        else:
            check(outcome.result, without("agent-a"), what)
        outcome = httpd.probe("none.test", ["none.test/", "none.test/maybe.html"], offer=offer,
                              version=version, after=1)
        check((outcome.codes, outcome.requests), ([200, 200], 1), what)
        refused = httpd.probe("none.test", ["none.test/", "none.test/staff.html"], offer=offer,
                              version=version, after=1)
        check(refused.requests, 1, what)
        check(refused.codes, [200], what)
    cannot = httpd.probe("none.test", "/staff.html", version=13, cert="agent-a")
    check(cannot.code, 403, "a client of TLS 1.3 without post-handshake authentication")


@case
def verification_by_directory_works_as_without_the_module(p):
    with Httpd(p, verifies_by_directory(p)) as httpd:
        check_directories(httpd, OFFERS, True)
    servers = [(name, text.replace("SSLClientAuthOffer on\n", "")) for name, text in verifies_by_directory(p)]
    with Httpd(p, servers, module=False) as httpd_without:
        check_directories(httpd_without, OFFERS, False)


@case
def a_directory_behind_optional_requires_a_certificate_as_without_the_module(p):
    targets = ["a.test/", "a.test/staff.html"]
    servers = verifies_by_directory(p)
    with Httpd(p, servers) as httpd:
        for offer, version in (("care", 12), ("none", 12), ("none", 13)):
            outcome = httpd.probe("a.test", targets, offer=offer, version=version, cert="agent-a", after=1)
            check(outcome.codes, [200, 200], f"{offer} {version}")
            check("verify=SUCCESS cn=agent-a" in outcome.results[1], True, outcome.results[1])
        # mod_ssl requests a certificate only once on a connection of TLS 1.3.
        outcome = httpd.probe("a.test", targets, offer="flag", version=13, cert="agent-a", after=1)
        check(outcome.codes, [200, 403])
        check("offer=flag" in outcome.result, True, "a refused request has the variables, too")
        check(httpd.crashes(), [])
    servers = [(name, text.replace("SSLClientAuthOffer on\n", "")) for name, text in servers]
    with Httpd(p, servers, module=False) as httpd:
        check(httpd.probe("a.test", targets, version=12, cert="agent-a").codes, [200, 200])
        check(httpd.probe("a.test", targets, version=13, cert="agent-a", after=1).codes, [200, 403])


@case
def a_directory_can_require_that_the_handshake_has_verified_the_client(p):
    need = ("<Location /staff.html>\nRequire ssl-verify-client\n</Location>\n"
            "<Location /maybe.html>\nRequire expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"\n</Location>\n")
    with Httpd(p, [("a.test", verifies(p) + need)]) as httpd:
        for offer, version, cert, code in (("flag", 13, "agent-a", 200), ("care", 12, "agent-a", 200),
                                           ("flag", 13, None, 403), ("none", 13, "agent-a", 403)):
            outcome = httpd.probe(get=["a.test/staff.html", "a.test/maybe.html"], offer=offer,
                                  version=version, cert=cert)
            check(outcome.codes, [code, code], f"{offer} {version} {cert}")


@case
def http2_requests_have_the_variables_of_their_connection(p):
    with Httpd(p, [("localhost", verifies(p))], settings="Protocols h2 http/1.1") as httpd:
        rext = os.environ["REXT"]
        for offer, known in (("none", False), ("flag", True), ("care", True), ("both", True)):
            done = subprocess.run(
                [rext, "connect", f"https://localhost:{httpd.port}/", "-n", "3", "--offer", offer,
                 "--resolve", f"localhost:{httpd.port}:127.0.0.1", "--ca", p["server-ca.pem"],
                 "--cert", p["agent-a.pem"], "--key", p["agent-a.key"]], capture_output=True, text=True)
            check(done.returncode, 0, done.stderr)
            check(done.stderr.count('"protocol":"HTTP/2.0"'), 3, done.stderr)
        httpd.stop()
        with open(os.path.join(httpd.folder, "access.log")) as log:
            scope = f"localhost:{httpd.port}"
            check(log.read().splitlines(), ["none - 200"] * 3 + [f"flag {scope} 200"] * 3 +
                  [f"care {scope} 200"] * 3 + [f"both {scope} 200"] * 3)


@case
def http2_requests_for_a_server_that_would_have_requested_a_certificate_get_421(p):
    servers = [("a.test", verifies(p)), ("off.test", verifies(p, offer="off"))]
    with Httpd(p, servers, settings="Protocols h2 http/1.1") as httpd:
        for host, printed in (("a.test", "200 2"), ("off.test", "421 2")):
            answer = run("curl", "-sS", "--http2", "--cacert", p["server-ca.pem"], "--resolve",
                         f"a.test:{httpd.port}:127.0.0.1", "-H", f"Host: {host}", "-o", os.devnull, "-w",
                         "%{http_code} %{http_version}", f"https://a.test:{httpd.port}/")
            check(answer, printed, host)


@case
def http2_requests_run_at_once_on_one_connection(p):
    with Httpd(p, [("a.test", verifies(p)), ("off.test", verifies(p, offer="off"))],
               settings="Protocols h2 http/1.1") as httpd:
        curl = ["curl", "-sS", "--http2", "--cacert", p["server-ca.pem"], "--parallel", "--resolve",
                f"*:{httpd.port}:127.0.0.1", "-w", "%{http_code} %{http_version}\n", "-o", os.devnull]
        urls = []
        for _ in range(20):
            urls += [f"https://a.test:{httpd.port}/", "-o", os.devnull]
        check(sorted(set(run(*curl, *urls[:-2]).split("\n"))), ["", "200 2"])
        certificate = ["--cert", p["agent-a.pem"], "--key", p["agent-a.key"]]
        answer = run(*curl[:-4], *certificate, "-D", "-", "-o", os.devnull,
                     f"https://off.test:{httpd.port}/")
        check("verify=SUCCESS cn=agent-a" in answer, True, answer)


@case
def connections_of_a_proxy_to_a_server_behind_are_left_alone(p):
    load = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in ("proxy", "proxy_http"))
    port = free_port()
    front = ("SSLProxyEngine on\nSSLProxyCheckPeerName off\nSSLProxyMachineCertificateFile "
             f"{p.write('both.pem', p.read('agent-a.pem') + p.read('agent-a.key'))}\n"
             f"ProxyPass /behind/ https://127.0.0.1:{port}/\n")
    servers = [("off.test", verifies(p, offer="off")), ("a.test", verifies(p) + front)]
    with Httpd(p, servers, settings=load, port=port) as httpd:
        for offer in OFFERS:
            check(httpd.probe(get="/behind/", offer=offer, cert="agent-a").code, 200)
        httpd.stop()
        with open(os.path.join(httpd.folder, "access.log")) as log:
            behind = [f"none off.test:{port} 200"] * len(OFFERS)
            check(sorted(log.read().splitlines()),
                  sorted(behind + ["none - 200"] + [f"{offer} off.test:{port} 200" for offer in OFFERS[1:]]))
