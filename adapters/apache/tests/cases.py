#!/usr/bin/env python3
"""Tests of mod_ssl_offer with Debian's httpd: one line for each case, and exit code 1 at the first that
fails. Arguments are names of cases, in place of all; the module and the probe are in $OUT."""

import base64
import http.server
import itertools
import os
import re
import signal
import subprocess
import sys
import threading

from httpd import BUILD, HERE, MODULES, Failed, Httpd, check, free_port, pki, run, wait_for

CASES = []
OFFERS = ("none", "flag", "care", "both")
UNKNOWN_CA, ILLEGAL_PARAMETER, CERTIFICATE_REQUIRED = 48, 47, 116


def case(function):
    CASES.append(function)
    return function


def verifies(pki_, authority="ca-a", mode="optional", offer="on"):
    """The directives of a server that verifies clients."""
    text = f"SSLVerifyClient {mode}\nSSLCACertificateFile {pki_[authority + '.pem']}\n"
    return text + (f"SSLClientAuthOffer {offer}\n" if offer else "")


def result(scope=None, verify="NONE", cn=None, offer="none", acknowledged=0):
    return (f"offer={offer} acknowledged={acknowledged} scope={scope or '(null)'} verify={verify} "
            f"cn={cn or '(null)'}")


def without(cn=None):
    """The result where the module is not in use."""
    return (f"offer=(null) acknowledged=(null) scope=(null) verify={'SUCCESS' if cn else 'NONE'} "
            f"cn={cn or '(null)'}")


def counts(offer, version):
    """The part of an offer that counts: TLS 1.2 has no flag."""
    if version == 13:
        return offer
    return "care" if offer in ("care", "both") else "none"


@case
def optional_requests_exactly_the_certificates_of_clients_that_offer(p):
    with Httpd(p, [("a.test", verifies(p))]) as httpd:
        scope = f"a.test:{httpd.port}"
        for offer, version, cert in itertools.product(OFFERS, (12, 13), (None, "agent-a", "agent-b")):
            what = f"{offer} {version} {cert}"
            effective = counts(offer, version)
            asked = effective != "none"
            acknowledged = int(effective in ("flag", "both"))
            outcome = httpd.probe(offer=offer, version=version, cert=cert)
            check(outcome.requests, int(asked), what)
            check(outcome.acknowledged, acknowledged, what)
            if asked and cert == "agent-b":
                check((outcome.code, outcome.alert), (None, UNKNOWN_CA), what)
                continue
            known = cert if asked else None
            check(outcome.result, result(scope if asked else None, "SUCCESS" if known else "NONE", known,
                                         effective, acknowledged), what)
        check(httpd.warnings(), [])


@case
def off_requests_a_certificate_from_all_clients_and_acknowledges_nothing(p):
    servers = [("a.test", verifies(p)), ("off.test", verifies(p, "ca-b", offer="off"))]
    with Httpd(p, servers) as httpd:
        for offer, version in itertools.product(OFFERS, (12, 13)):
            outcome = httpd.probe("off.test", offer=offer, version=version, cert="agent-b")
            check((outcome.requests, outcome.acknowledged), (1, 0), f"{offer} {version}")
            check(outcome.result, result(f"off.test:{httpd.port}", "SUCCESS", "agent-b",
                                         counts(offer, version)))


@case
def require_requires_a_certificate_from_all_clients_and_warns(p):
    servers = [("a.test", verifies(p)), ("must.test", verifies(p, "ca-b", "require"))]
    with Httpd(p, servers) as httpd:
        for offer, version in itertools.product(OFFERS, (12, 13)):
            good = httpd.probe("must.test", offer=offer, version=version, cert="agent-b")
            check((good.code, good.requests, good.acknowledged), (200, 1, 0), f"{offer} {version}")
            none = httpd.probe("must.test", offer=offer, version=version)
            alert = CERTIFICATE_REQUIRED if version == 13 else 40
            check((none.code, none.alert), (None, alert), f"{offer} {version}")
        check(httpd.warnings(), [
            "SSLClientAuthOffer in server must.test: no effect: SSLVerifyClient is 'require', so a "
            "certificate is required from all clients, with and without an offer; set it to 'optional'"])


@case
def none_requests_nothing_and_warns(p):
    servers = [("a.test", verifies(p)), ("none.test", "SSLClientAuthOffer on")]
    with Httpd(p, servers) as httpd:
        for offer, version in itertools.product(OFFERS, (12, 13)):
            outcome = httpd.probe("none.test", offer=offer, version=version, cert="agent-a")
            check((outcome.code, outcome.requests), (200, 0), f"{offer} {version}")
        check(httpd.warnings(), [
            "SSLClientAuthOffer in server none.test: no effect: SSLVerifyClient is 'none', so no "
            "certificate is requested in the handshake; set it to 'optional'"])


@case
def a_directive_without_any_effect_warns(p):
    with Httpd(p, [("none.test", "")], settings="SSLClientAuthOffer on") as httpd:
        check(httpd.probe("none.test", offer="flag", cert="agent-a").requests, 0)
        check(httpd.warnings(), [
            "SSLClientAuthOffer is on, but no server has SSLEngine and 'SSLVerifyClient optional': no "
            "certificate is requested by offer"])


@case
def the_main_server_gives_the_directive_to_its_virtual_hosts(p):
    servers = [("a.test", verifies(p, offer=None)), ("off.test", verifies(p, "ca-b", offer="off")),
               ("none.test", "")]
    with Httpd(p, servers, settings="SSLClientAuthOffer on") as httpd:
        check([httpd.probe(name).requests for name in ("a.test", "off.test", "none.test")], [0, 1, 0])
        check(httpd.probe("a.test", offer="flag").requests, 1)
        check(httpd.warnings(), [])


@case
def servers_that_inherit_all_directives_of_the_module_are_still_different(p):
    servers = [(name, f"SSLVerifyClient {mode}") for name, mode in
               (("none.test", "none"), ("a.test", "optional"), ("must.test", "require"))]
    inherited = f"SSLClientAuthOffer on\nSSLCACertificateFile {p['ca-a.pem']}"
    for order in (servers, servers[::-1]):
        with Httpd(p, order, settings=inherited) as httpd:
            for name, without_offer, with_offer in (("none.test", 0, 0), ("a.test", 0, 1), ("must.test", 1, 1)):
                silent = httpd.probe(name, cert="agent-a")
                check((silent.code, silent.requests), (200, without_offer), name)
                offering = httpd.probe(name, offer="flag", cert="agent-a")
                check((offering.code, offering.requests), (200, with_offer), name)
            check(httpd.probe("a.test", ["a.test/", "must.test/"]).codes, [200, 421])


@case
def a_server_that_is_off_everywhere_is_as_without_the_module(p):
    with Httpd(p, [("a.test", verifies(p, offer="off"))]) as httpd:
        outcome = httpd.probe(offer="both", cert="agent-a")
        check((outcome.requests, outcome.acknowledged, outcome.echoed), (1, 0, 0))
        check(outcome.result, without("agent-a"))


@case
def bad_flags_end_the_handshake_with_illegal_parameter(p):
    with Httpd(p, [("a.test", verifies(p)), ("none.test", "")]) as httpd:
        for name, flags in itertools.product(("a.test", "none.test"), ("", "00", "0100", "020100", "0201")):
            outcome = httpd.probe(name, flags=flags, version=13)
            check((outcome.good, outcome.alert), (0, ILLEGAL_PARAMETER), f"{name} {flags!r}")
        check(httpd.probe(flags="0102", version=13).code, 200, "an unknown flag")
        check(httpd.probe(flags="", version=12).code, 200, "TLS 1.2 has no flags")
        check(httpd.crashes(), [])


@case
def an_offer_is_seen_across_a_hello_retry_request(p):
    with Httpd(p, [("a.test", verifies(p) + "SSLOpenSSLConfCmd Groups P-384")]) as httpd:
        for offer in OFFERS:
            outcome = httpd.probe(offer=offer, version=13, cert="agent-a", groups="P-256:P-384")
            asked = int(offer != "none")
            check((outcome.code, outcome.retried, outcome.requests), (200, 1, asked), offer)


@case
def two_authorities_by_server_name(p):
    with Httpd(p, [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b"))]) as httpd:
        for name, cert in (("a.test", "agent-a"), ("b.test", "agent-b")):
            for offer, version in (("flag", 13), ("care", 12)):
                outcome = httpd.probe(name, offer=offer, version=version, cert=cert)
                check(outcome.result, result(f"{name}:{httpd.port}", "SUCCESS", cert, offer,
                                             int(version == 13)))
        for name, cert in (("a.test", "agent-b"), ("b.test", "agent-a")):
            outcome = httpd.probe(name, offer="flag", cert=cert)
            check((outcome.code, outcome.alert), (None, UNKNOWN_CA), f"{name} {cert}")


@case
def without_a_server_name_the_first_server_decides(p):
    with Httpd(p, [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b"))]) as httpd:
        outcome = httpd.probe(None, ["a.test/"], offer="flag", cert="agent-a")
        check(outcome.result, result(f"a.test:{httpd.port}", "SUCCESS", "agent-a", "flag", 1))
        check(httpd.probe(None, ["a.test/"]).requests, 0)


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
def where_no_directive_is_on_mod_ssl_alone_compares_servers(p):
    both = "SSLVHostSNIPolicy insecure"
    servers = [("off.test", verifies(p, offer="off")), ("b.test", verifies(p, "ca-b", offer="off"))]
    with Httpd(p, servers + [("a.test", verifies(p))], settings=both) as httpd:
        check(httpd.probe("off.test", ["off.test/", "b.test/"]).codes, [200, 200])


@case
def revoked_certificates_are_refused(p):
    listed = f"SSLCARevocationFile {p['ca-a.crl']}\nSSLCARevocationCheck chain\n"
    with Httpd(p, [("a.test", verifies(p) + listed)]) as httpd:
        for offer, version in (("flag", 13), ("care", 12)):
            good = httpd.probe(offer=offer, version=version, cert="agent-a")
            check((good.code, good.requests), (200, 1))
            gone = httpd.probe(offer=offer, version=version, cert="gone-a")
            check((gone.code, gone.alert), (None, 44), f"{offer} {version}")


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


def check_resumption(httpd, version, resumes):
    """Sessions resume in their scope only; with them, the identity."""
    offer = "flag" if version == 13 else "care"
    scope = f"a.test:{httpd.port}"
    first = httpd.probe(offer=offer, version=version, cert="agent-a", session="known")
    check((first.code, first.requests, first.resumed), (200, 1, 0))
    again = httpd.probe(offer=offer, version=version, cert="agent-a", session="known")
    check((again.code, again.requests, again.resumed), (200, 1 - resumes, resumes))
    check(again.result, result(scope, "SUCCESS", "agent-a", offer, int(version == 13 and not resumes)))
    # Of a client that does not offer: the session with a certificate does not resume.
    silent = httpd.probe(version=version, session="known")
    check((silent.code, silent.requests, silent.resumed, silent.result), (200, 0, 0, result()))
    # A session without a certificate resumes without an offer, and not with one.
    httpd.probe(version=version, session="unknown")
    silent = httpd.probe(version=version, session="unknown")
    check((silent.code, silent.resumed, silent.result), (200, resumes, result()))
    offering = httpd.probe(offer=offer, version=version, cert="agent-a", session="unknown")
    check((offering.code, offering.requests, offering.resumed), (200, 1, 0))
    # A session of another server, with other authorities.
    httpd.probe("b.test", offer=offer, version=version, cert="agent-b", session="other")
    other = httpd.probe(offer=offer, version=version, cert="agent-a", session="other")
    check((other.code, other.requests, other.resumed), (200, 1, 0))
    check(other.result, result(scope, "SUCCESS", "agent-a", offer, int(version == 13)))


@case
def sessions_resume_in_their_scope_by_ticket_and_by_session_cache(p):
    servers = [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b"))]
    keys = p["tickets.key"]
    with open(keys, "wb") as file:
        file.write(bytes(range(48)))
    cache = "SSLSessionCache shmcb:cache(512000)"
    for general, old, new in ((cache, 1, 1), ("SSLSessionCache none", 1, 1),
                              (f"{cache}\nSSLSessionTickets off", 1, 1),
                              ("SSLSessionCache none\nSSLSessionTickets off", 0, 0),
                              (f"{cache}\nSSLSessionTicketKeyFile {keys}", 1, 1)):
        each = general if "Ticket" in general else ""
        texts = [(name, text + "\n".join(line for line in each.split("\n") if "Ticket" in line))
                 for name, text in servers]
        main = "\n".join(line for line in general.split("\n") if "Ticket" not in line)
        with Httpd(p, texts, settings=main) as httpd:
            try:
                check_resumption(httpd, 12, old)
                check_resumption(httpd, 13, new)
            except Failed as failed:
                raise Failed(f"{general}\n{failed}")
            check(httpd.crashes(), [])


@case
def protocols_of_servers_are_as_without_the_module(p):
    servers = [("a.test", verifies(p)), ("old.test", verifies(p, "ca-b") + "SSLProtocol TLSv1.2"),
               ("b.test", verifies(p, "ca-b") + "SSLProtocol TLSv1.3")]
    with Httpd(p, servers) as httpd:
        def versions(name):
            return [httpd.probe(name, version=version, offer="both").tls if
                    httpd.probe(name, version=version).code else None for version in (12, 13)]
        check(versions("a.test"), ["TLSv1.2", "TLSv1.3"])
        check(versions("old.test"), ["TLSv1.2", None])
        check(versions("b.test"), [None, "TLSv1.3"])
        old = httpd.probe("old.test", offer="both", cert="agent-b")
        check((old.tls, old.requests), ("TLSv1.2", 1))
        check(old.result, result(f"old.test:{httpd.port}", "SUCCESS", "agent-b", "care"))
        check(httpd.probe("old.test", offer="flag", cert="agent-b").requests, 0)
        check(httpd.warnings(), [
            "SSLClientAuthOffer in server old.test: SSLProtocol excludes TLS 1.3, and clients cannot "
            "offer by the flag without it; certificates are requested from clients that offer by CARE "
            "only"])


@case
def a_graceful_restart_changes_authorities(p):
    with Httpd(p, [("a.test", verifies(p))]) as httpd:
        check(httpd.probe(offer="flag", cert="agent-a", session="kept").code, 200)
        check(httpd.probe(offer="flag", cert="agent-b").alert, UNKNOWN_CA)
        httpd.configure([("a.test", verifies(p, "ca-b"))])
        httpd.graceful()
        check(httpd.probe(offer="flag", cert="agent-b").code, 200)
        check(httpd.probe(offer="flag", cert="agent-a").alert, UNKNOWN_CA)
        again = httpd.probe(offer="flag", cert="agent-a", session="kept")
        check((again.code, again.resumed, again.alert), (None, 0, UNKNOWN_CA), "the session of before")


@case
def sessions_of_before_a_change_of_authorities_do_not_resume(p):
    keys = p["tickets.key"]
    with open(keys, "wb") as file:
        file.write(bytes(range(48)))
    kept = f"SSLSessionTicketKeyFile {keys}\n"
    for version in (12, 13):
        offer = "flag" if version == 13 else "care"
        with Httpd(p, [("a.test", verifies(p) + kept)],
                   settings="SSLSessionCache shmcb:cache(512000)") as httpd:
            def probe():
                return httpd.probe(offer=offer, version=version, cert="agent-a", session="kept")
            probe()
            httpd.graceful()
            outcome = probe()
            check((outcome.code, outcome.resumed), (200, 1), "the same authorities")
            httpd.configure([("a.test", verifies(p, "ca-b") + kept)],
                            settings="SSLSessionCache shmcb:cache(512000)")
            httpd.graceful()
            outcome = probe()
            check((outcome.code, outcome.resumed, outcome.alert), (None, 0, UNKNOWN_CA), "others")


@case
def graceful_restarts_with_and_without_the_module(p):
    plain = [("a.test", verifies(p, offer=None))]
    with Httpd(p, [("a.test", verifies(p))]) as httpd:
        for _ in range(3):
            check([httpd.probe(offer=offer).requests for offer in ("none", "flag")], [0, 1])
            httpd.configure(plain, module=False)
            httpd.graceful()
            for version in (12, 13):
                outcome = httpd.probe(version=version, cert="agent-a")
                check((outcome.requests, outcome.result), (1, without("agent-a")))
            httpd.configure([("a.test", verifies(p))])
            httpd.graceful()
        check(httpd.crashes(), [])


@case
def a_graceful_restart_with_a_bad_configuration_keeps_the_old_one(p):
    too_many = p.many_names("crowd", 75)
    bad = (verifies(p) + "SSLClientAuthOffer maybe\n",
           verifies(p).replace(p["ca-a.pem"], p.write("none.pem", "no certificate\n")),
           verifies(p).replace(p["ca-a.pem"], too_many))
    with Httpd(p, [("a.test", verifies(p))]) as httpd:
        for text in bad:
            httpd.configure([("a.test", text)])
            done = subprocess.run(httpd.command("-k", "graceful"), capture_output=True, text=True)
            check(done.returncode != 0, True, done.stdout + done.stderr)
            outcome = httpd.probe(offer="flag", cert="agent-a")
            check((outcome.code, outcome.requests, httpd.starts()), (200, 1, 1), text)


@case
def httpd_refuses_to_start_without_usable_authorities(p):
    none = p.write("none.pem", "no certificate\n")
    for file, says in ((p.many_names("crowd", 75), "64511"), (none, "none.pem")):
        httpd = Httpd(p, [("a.test", verifies(p).replace(p["ca-a.pem"], file))])
        code, text = httpd.refuses_to_start()
        check(code, 1, text)
        check(says in text and "SSLClientAuthOffer" in text, True, text)
        done = subprocess.run(httpd.command("-t"), capture_output=True, text=True)
        check(done.returncode, 1, "configtest finds it, too")


@case
def httpd_refuses_to_start_without_mod_ssl(p):
    httpd = Httpd(p, [])
    with open(os.path.join(httpd.folder, "httpd.conf"), "w") as file:
        file.write("\n".join([
            "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so",
            f"LoadModule ssl_offer_module {BUILD}/mod_ssl_offer.so",
            f"Listen 127.0.0.1:{httpd.port}", "ServerName localhost",
            f"DefaultRuntimeDir {httpd.folder}", "ErrorLog error.log", "SSLClientAuthOffer on", ""]))
    code, text = httpd.refuses_to_start()
    check((code, "mod_ssl is not loaded" in text), (1, True), text)


@case
def httpd_refuses_authorities_by_openssl_command(p):
    text = verifies(p) + f"SSLOpenSSLConfCmd VerifyCAFile {p['ca-b.pem']}\n"
    code, said = Httpd(p, [("a.test", text)]).refuses_to_start()
    check((code, "SSLOpenSSLConfCmd" in said), (1, True), said)


@case
def a_thousand_servers(p):
    servers = [(f"h{number}.many.test", verifies(p, ("ca-a", "ca-b")[number % 2]))
               for number in range(1000)]
    with Httpd(p, servers) as httpd:
        scopes = [f"h{number}.many.test:{httpd.port}" for number in (0, 1)]
        for number in (0, 1, 2, 499, 998, 999):
            cert = ("agent-a", "agent-b")[number % 2]
            outcome = httpd.probe(f"h{number}.many.test", offer="flag", cert=cert)
            check(outcome.result, result(scopes[number % 2], "SUCCESS", cert, "flag", 1))
            check(httpd.probe(f"h{number}.many.test", cert=cert).requests, 0)
        for target, code in (("h0.many.test/", 200), ("h999.many.test/", 421)):
            outcome = httpd.probe("h998.many.test", ["h998.many.test/", target], offer="flag",
                                  cert="agent-a")
            check(outcome.codes, [200, code])
        httpd.graceful()
        check(httpd.probe("h999.many.test", offer="flag", cert="agent-b").code, 200)


@case
def killed_children_are_replaced_and_behave_the_same(p):
    with Httpd(p, [("a.test", verifies(p))], settings="SSLSessionCache shmcb:cache(512000)") as httpd:
        for _ in range(3):
            check(httpd.probe(offer="flag", cert="agent-a", session="kept").code, 200)
            before = httpd.children()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            wait_for(lambda: len(httpd.children()) >= 2 and not set(before) & set(httpd.children()),
                     "new children")
            outcome = httpd.probe(offer="flag", cert="agent-a", session="kept")
            check((outcome.code, outcome.resumed), (200, 1), "the session of before")
            check("verify=SUCCESS cn=agent-a" in outcome.result, True, outcome.result)
            check([httpd.probe(offer=offer).requests for offer in OFFERS], [0, 1, 1, 1])


@case
def prefork_behaves_the_same(p):
    servers = [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b"))]
    with Httpd(p, servers, mpm="prefork", settings="SSLSessionCache shmcb:cache(512000)") as httpd:
        for version in (12, 13):
            check_resumption(httpd, version, 1)
        check([httpd.probe(offer=offer).requests for offer in OFFERS], [0, 1, 1, 1])
        httpd.graceful()
        check([httpd.probe(offer=offer).requests for offer in OFFERS], [0, 1, 1, 1])
        check(httpd.crashes(), [])


@case
def make_install_puts_the_module_where_httpd_and_a2enmod_look_for_it(p):
    root = p["installed"]
    make = ["make", "--silent", "-C", os.path.dirname(HERE), f"DESTDIR={root}", f"OUT={BUILD}", "-o",
            f"{BUILD}/mod_ssl_offer.so"]
    run(*make, "install")
    check(p.read("installed/etc/apache2/mods-available/ssl_offer.load"), "# Depends: ssl\n"
          f"LoadModule ssl_offer_module {MODULES}/mod_ssl_offer.so\n")
    installed = f"{root}{MODULES}/mod_ssl_offer.so"
    check(os.path.getsize(installed), os.path.getsize(f"{BUILD}/mod_ssl_offer.so"))
    run(*make, "uninstall")
    check([name for _, _, files in os.walk(root) for name in files], [])


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


class Behind(http.server.BaseHTTPRequestHandler):
    """A server behind httpd, which answers with its path and the certificate that it is passed."""

    def do_GET(self):
        answer = f"{self.headers.get('Client-Cert')} {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


@case
def the_page_of_the_guide_does_what_it_says(p):
    """Runs the blocks of docs/guide/apache.md: `Certificates for a first try`, `Configure`, `Check`."""
    with open(os.path.join(HERE, "../../../docs/guide/apache.md")) as file:
        page = file.read()
    marker = "<!-- tested by adapters/apache/tests/cases.py -->\n"
    certificates, commands = re.findall(rf"^{marker}```console\n(.*?)^```", page, re.M | re.S)
    configuration, = re.findall(r"^```apache\nListen 8443\n(.*?)^```", page, re.M | re.S)
    printed, = re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)
    folder = p["guide"]
    os.mkdir(folder)

    def shell(block):
        path = f"{os.path.dirname(os.environ['REXT'])}:{os.environ['PATH']}"
        return run("bash", "-euo", "pipefail", "-c", block, cwd=folder, env=dict(os.environ, PATH=path))
    shell(certificates)
    with http.server.HTTPServer(("127.0.0.1", 0), Behind) as behind:
        threading.Thread(target=behind.serve_forever, daemon=True).start()
        httpd = Httpd(p, [])

        def here(block):
            for name, value in (("/etc/apache2/tls", folder), ("/var/log/apache2", folder),
                                ("/var/www/html", f"{httpd.folder}/files"), ("8443", str(httpd.port)),
                                ("8080", str(behind.server_port)), ("*:", "127.0.0.1:")):
                block = block.replace(name, value)
            return block
        proxy = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
                        for name in ("proxy", "proxy_http"))
        httpd.configure([], settings=proxy + here(configuration))
        with httpd:
            check(httpd.warnings(), [])
            check(shell(here(commands)), here(printed))
            at = (f"--resolve www.example.org:{httpd.port}:127.0.0.1 --ca server.pem --keep-going "
                  f"https://www.example.org:{httpd.port}/agents/x 2> outcome.json || true")
            own = "".join(p.read("guide/agent.pem").split("-----")[2].split())
            agent = shell(f"rext connect --cert agent.pem --key agent.key --offer flag {at}")
            check(agent, f":{own}: /x\n", "an agent")
            check("403 Forbidden" in shell(f"rext connect {at}"), True, "another client")
            spoofed = shell(f"curl --silent --insecure -H 'Client-Cert: :AA==:' --resolve "
                            f"www.example.org:{httpd.port}:127.0.0.1 https://www.example.org:{httpd.port}/")
            check(spoofed, "ok", "a client that sets the field itself is served without it")
        behind.shutdown()


@case
def the_conformance_tester_finds_nothing(p):
    for mpm in ("event", "prefork"):
        with Httpd(p, [("localhost", verifies(p))], mpm=mpm) as httpd:
            report = subprocess.run(
                [os.environ["CONFORM"], "server", f"localhost:{httpd.port}", "--ca", p["server-ca.pem"],
                 "--cert", p["agent-a.pem"], "--key", p["agent-a.key"], "--timeout", "30"],
                capture_output=True, text=True)
            last = re.findall(r"^\d+ cases: .*", report.stdout, re.M)
            check(report.returncode, 0, report.stdout + report.stderr)
            failed, passed = re.search(r"(\d+) failed.* (\d+) passed", last[0]).groups()
            check((failed, int(passed) >= 95), ("0", True), last[0])
            print(f"    {mpm}: {last[0]}")
            check(httpd.crashes(), [])


def main():
    wanted = sys.argv[1:]
    with pki() as p:
        for function in CASES:
            if wanted and function.__name__ not in wanted:
                continue
            try:
                function(p)
            except Failed as failed:
                print(f"FAILED {function.__name__}: {failed}")
                return 1
            print(f"ok {function.__name__}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
