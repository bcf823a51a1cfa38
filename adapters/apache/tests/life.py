"""Sessions, restarts, and what keeps httpd from starting."""

import os
import signal
import subprocess

from httpd import (BUILD, HERE, MODULES, OFFERS, UNKNOWN_CA, Failed, Httpd, case, check, result, run,
                   verifies, wait_for, without)


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
