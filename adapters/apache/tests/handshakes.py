"""Which clients are asked for a certificate, and the outcome."""

import itertools

from httpd import (CERTIFICATE_REQUIRED, ILLEGAL_PARAMETER, OFFERS, UNKNOWN_CA, Httpd, case, check, counts,
                   result, verifies, without)


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
def revoked_certificates_are_refused(p):
    listed = f"SSLCARevocationFile {p['ca-a.crl']}\nSSLCARevocationCheck chain\n"
    with Httpd(p, [("a.test", verifies(p) + listed)]) as httpd:
        for offer, version in (("flag", 13), ("care", 12)):
            good = httpd.probe(offer=offer, version=version, cert="agent-a")
            check((good.code, good.requests), (200, 1))
            gone = httpd.probe(offer=offer, version=version, cert="gone-a")
            check((gone.code, gone.alert), (None, 44), f"{offer} {version}")


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
def optional_no_ca_requests_by_offer_and_passes_on_no_certificate_that_is_not_verified(p):
    servers = [("a.test", verifies(p, mode="optional_no_ca")),
               ("off.test", verifies(p, "ca-a", "optional_no_ca", "off"))]
    with Httpd(p, servers, settings="SSLSessionCache shmcb:cache(512000)") as httpd:
        for name, offer, version in (("a.test", "flag", 13), ("a.test", "care", 12),
                                     ("off.test", "flag", 13), ("off.test", "care", 12)):
            for cert in ("agent-a", "agent-b"):
                for _ in range(2):
                    outcome = httpd.probe(name, [f"{name}/", f"{name}/cert.html"], offer=offer,
                                          version=version, cert=cert, session=f"{name}{version}{cert}")
                    # mod_ssl alone takes the certificate of a resumed session for verified.
                    accepted = (cert == "agent-a", outcome.resumed == 0 or cert == "agent-a")
                    check((outcome.codes, outcome.requests), ([200, 200], 1 - outcome.resumed))
                    check(("verify=SUCCESS" in outcome.results[0], True), accepted, outcome.results)
                    check(outcome.results[1].startswith(":MI"), cert == "agent-a", outcome.results)
        check(httpd.probe(cert="agent-a").requests, 0)
        check(httpd.warnings(), [])
