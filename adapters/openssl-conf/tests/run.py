"""The checks of `../test`: programs that know nothing of offers, with the modules in their configuration."""
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parent
REPOSITORY = FOLDER.parent.parent
BIN = pathlib.Path(sys.argv[1])
PYTHON = "/usr/bin/python3"
SYSTEM = pathlib.Path(
    subprocess.run(["openssl", "version", "-d"], check=True, capture_output=True, text=True)
    .stdout.split('"')[1]
) / "openssl.cnf"
LIBREXT = "%s/librext.a -lgcc_s -lpthread -ldl -lm" % BIN
GRACE = 300  # seconds after which a program is given up

checks = 0


def check(what, seen, expected):
    global checks
    if seen != expected:
        print("FAILED: %s\n  expected: %r\n  seen:     %r" % (what, expected, seen))
        sys.exit(1)
    checks += 1
    print("ok: %s" % what, flush=True)


def run(*command, conf=None, input=None, cwd=None, **variables):
    """Runs a program to its end: exit code, standard output and standard error."""
    environment = dict(os.environ, **variables)
    environment.pop("OPENSSL_CONF", None)
    if conf is not None:
        environment["OPENSSL_CONF"] = str(conf)
    done = subprocess.run([str(part) for part in command], env=environment, input=input, cwd=cwd,
                          capture_output=True, text=True, timeout=GRACE)
    return done.returncode, done.stdout, done.stderr


def must(*command, **options):
    code, out, err = run(*command, **options)
    if code != 0:
        print("FAILED: %s: exit code %d\n%s%s" % (" ".join(map(str, command)), code, out, err))
        sys.exit(1)
    return out


@contextlib.contextmanager
def server(*command, conf=None, prefix="listening on "):
    """A server that prints its address, until the end of the block; its port."""
    environment = dict(os.environ)
    environment.pop("OPENSSL_CONF", None)
    if conf is not None:
        environment["OPENSSL_CONF"] = str(conf)
    with open("server.log", "w") as log:
        process = subprocess.Popen([str(part) for part in command], env=environment, stderr=log,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if line.startswith(prefix):
                break
        else:
            print("FAILED: %s does not start" % command[0])
            sys.exit(1)
        # Nobody reads the rest, and a full pipe must not stop the server.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield int(line.rsplit(":", 1)[1])
    finally:
        process.kill()
        process.wait()


def rext_serve(policy="offered", *options):
    return server(BIN / "rext", "serve", "--listen", "127.0.0.1:0", "--cert", "server.pem", "--key",
                  "server.key", "--client-ca", "ca.pem", "--policy", policy, *options)


def python_server(*options, conf=None):
    return server(PYTHON, HERE / "server.py", "--cert", "server.pem", "--key", "server.key", "--ca",
                  "ca.pem", *options, conf=conf)


# -- Clients. Each gets a page of a server at a port, and returns it.

PYTHON_CLIENT = """
import ssl, sys, urllib.request
url, cert, key = sys.argv[1:]
context = ssl.create_default_context(cafile="ca.pem")
if cert:
    context.load_cert_chain(cert, key)
sys.stdout.write(urllib.request.urlopen(url, context=context).read().decode())
"""
REQUESTS_CLIENT = """
import requests, sys
url, cert, key = sys.argv[1:]
sys.stdout.write(requests.get(url, verify="ca.pem", cert=(cert, key) if cert else None).text)
"""


def curl(port, conf, cert="ec", *options, host="localhost"):
    identity = ["--cert", cert + ".pem", "--key", cert + ".key"] if cert else []
    return must("curl", "-sS", "--max-time", GRACE, "--cacert", "ca.pem", "--connect-to",
                "::localhost:%d" % port, *identity, *options, "https://%s:%d/debug" % (host, port),
                conf=conf)


def python(port, conf, cert="ec", script=PYTHON_CLIENT):
    identity = [cert + ".pem", cert + ".key"] if cert else ["", ""]
    return must(PYTHON, "-c", script, "https://localhost:%d/debug" % port, *identity, conf=conf)


def requests(port, conf, cert="ec"):
    return python(port, conf, cert, REQUESTS_CLIENT)


def s_client(port, conf, cert="ec", *options, host="localhost"):
    identity = ["-cert", cert + ".pem", "-key", cert + ".key"] if cert else []
    request = "GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    name = ["-servername", host] if host else ["-noservername"]
    return must("openssl", "s_client", "-quiet", "-ign_eof", "-connect", "localhost:%d" % port, *name,
                "-CAfile", "ca.pem", *identity, *options, conf=conf, input=request)


CLIENTS = {"curl": curl, "Python's ssl": python, "requests": requests, "s_client": s_client}


def page(text):
    """The line of JSON in a response."""
    return json.loads(next(line for line in text.splitlines() if line.startswith("{")))


def of_rext(text):
    """What rext serve knows: offered by, status, acknowledged."""
    body = page(text)
    return body["offered_by"], body["status"], body["acknowledged"]


OFFERED = ("flag", "authenticated", True)
NOT_ASKED = ("none", "not_asked", False)


def subject(text):
    return page(text)["subject"]


def conform(port):
    out = must(BIN / "rext-conform", "server", "localhost:%d" % port, "--ca", "ca.pem", "--cert",
               "ec.pem", "--key", "ec.key", "--timeout", GRACE)
    return dict((what, int(number)) for number, what in
                (part.split() for part in out.splitlines()[-1].split(": ")[1].split(" in ")[0].split(", ")))


# -- What is used by all.

def authority(name):
    must("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=" + name, "-days", "2", "-keyout", name + ".key", "-out", name + ".pem")


def issue(name, kind, names="localhost"):
    new = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    must("openssl", "req", "-newkey", *new, "-nodes", "-subj", "/CN=" + name, "-keyout",
         name + ".key", "-out", name + ".csr")
    pathlib.Path("extensions").write_text(
        "subjectAltName=%s\n" % ",".join("DNS:" + name for name in names.split()))
    must("openssl", "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
         "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", name + ".pem")


def configuration(name, lines, ask="", diagnostics=0, modules=("offer", "ask"), head=""):
    """A file that loads modules; `lines` and `ask` are for their sections."""
    path = pathlib.Path(name + ".cnf").resolve()
    sections = {"offer": lines, "ask": ask}
    text = "openssl_conf = init\nconfig_diagnostics = %d\n%s[init]\n" % (diagnostics, head)
    text += "".join("rext_%s = the_%s\n" % (module, module) for module in modules)
    for module in modules:
        text += "[the_%s]\npath = %s/lib/rext/rext_%s.so\n%s\n" % (
            module, prefix, module, sections[module])
    path.write_text(text)
    return path


def build():
    out = FOLDER / "build"
    variables = ["REXT_CFLAGS=-I%s" % (REPOSITORY / "rustls-ext-capi/include"), "REXT_LIBS=" + LIBREXT]
    must("make", "-C", FOLDER, *variables, "all", "examples", "contexts")
    must("make", "-C", FOLDER, *variables, "PREFIX=%s" % prefix, "install")
    must("make", "-C", FOLDER.parent / "openssl", *variables, "OUT=%s" % (out / "adapter"),
         out / "adapter/librext_openssl.so")
    for name in "offer", "ask":
        module = prefix / ("lib/rext/rext_%s.so" % name)
        symbols = must("nm", "-D", "--defined-only", module).split()[2::3]
        check("rext_%s.so exports what OpenSSL looks up, and nothing else" % name,
              sorted(symbols), ["OPENSSL_finish", "OPENSSL_init"])
        dynamic = must("readelf", "-d", module)
        check("rext_%s.so is never unloaded, and needs no librext.so" % name,
              ("NODELETE" in dynamic, "librext" in dynamic.replace("rext_%s.so" % name, "")),
              (True, False))
    return out


def clients():
    offer = prefix / "share/rext/openssl-offer.cnf"
    with rext_serve() as port:
        for name, client in CLIENTS.items():
            check("%s offers by the sample configuration" % name, of_rext(client(port, offer)), OFFERED)
            check("%s does not offer without it" % name, of_rext(client(port, None)), NOT_ASKED)
            check("%s does not offer without a certificate" % name,
                  of_rext(client(port, offer, None)), NOT_ASKED)
        check("curl -v, which takes the message callback, offers",
              of_rext(curl(port, offer, "ec", "-v")), OFFERED)
        check("curl offers by both", of_rext(curl(port, configuration("both", "offer = both"))),
              ("both", "authenticated", True))
        check("curl offers by CARE", of_rext(curl(port, configuration("care", "offer = care"))),
              ("care", "authenticated", False))
    with rext_serve("offered", "--code-point", "0xfe01", "--flag", "81", "--care", "0xff50") as port:
        numbers = configuration("numbers", "tls_flags = 0xFE01\nflag = 81\ncare = 65360\noffer = both")
        check("code points are configurable",
              of_rext(curl(port, numbers))[1:], ("authenticated", True))
        check("with other code points, the offer is not seen", of_rext(curl(port, offer)), NOT_ASKED)


def sessions():
    offer = prefix / "share/rext/openssl-offer.cnf"
    with rext_serve() as port:
        def resumed(*options, conf=offer, cert="ec"):
            body = page(s_client(port, conf, cert, *options))
            return body["resumed"], body["offered_by"], body["status"]
        first = resumed("-sess_out", "with.pem")
        check("s_client -sess_out", first, (False, "flag", "authenticated"))
        check("s_client -sess_in resumes a session of an authenticated client",
              resumed("-sess_in", "with.pem"), (True, "flag", "authenticated"))
        check("a session of an authenticated client without its certificate is not resumed",
              resumed("-sess_in", "with.pem", cert=None), (False, "none", "not_asked"))
        resumed("-sess_out", "without.pem", cert=None)
        check("a session of before the certificate is resumed, without an offer",
              resumed("-sess_in", "without.pem"), (True, "none", "not_asked"))
        resumed("-sess_out", "before.pem", conf=None)
        check("a session of before the module is resumed, without an offer",
              resumed("-sess_in", "before.pem"), (True, "none", "not_asked"))
        check("s_client -reconnect", of_rext(s_client(port, offer, "ec", "-reconnect")), OFFERED)


def versions():
    """Under TLS 1.2, the certificate is sent as without the module."""
    both = configuration("both", "offer = both")
    with rext_serve("always", "--tls12") as port:
        for title, conf, offered in ("without the module", None, "none"), \
                ("with an offer by CARE", both, "care"), \
                ("with an offer by flag", prefix / "share/rext/openssl-offer.cnf", "none"):
            check("TLS 1.2 %s: the certificate is sent" % title,
                  of_rext(curl(port, conf, "ec", "--tls-max", "1.2")),
                  (offered, "authenticated", False))


def hosts():
    narrow = configuration("hosts", "hosts = a.example , *.B.example")
    with rext_serve() as port:
        for host, offers in ("a.example", True), ("A.EXAMPLE", True), ("x.b.example", True), \
                ("b.example", False), ("x.y.b.example", False), ("localhost", False):
            check("hosts: %s %s" % (host, "offers" if offers else "does not offer"),
                  of_rext(s_client(port, narrow, host=host)), OFFERED if offers else NOT_ASKED)
        check("hosts: without a server name, no offer",
              of_rext(s_client(port, narrow, host=None)), NOT_ASKED)


def page_block(section):
    """The block in a section of the guide that is tested here, with this prefix."""
    text = (REPOSITORY / "docs/guide/curl-and-python.md").read_text()
    part = text.split("\n## %s\n" % section)[1].split("\n## ")[0]
    block = part.split("<!-- tested by adapters/openssl-conf/tests/run.py -->\n```")[1].split("```")[0]
    return block.split("\n", 1)[1].replace("/usr/local", str(prefix))


def guide():
    """The page, as an operator follows it; its port becomes a free one."""
    pathlib.Path("guide").mkdir()
    os.chdir("guide")
    version = must("openssl", "version")
    check("guide: 'Install'", must("bash", "-euc", page_block('Install')), version * 2)
    must("bash", "-euc", page_block('Certificates for a first try'))
    script = page_block('A server').replace("8443", "0").replace(
        "server.serve_forever()", "print('listening on :%d' % server.server_port, flush=True)\n"
        "server.serve_forever()")
    clients = page_block('Clients').replace("python3", PYTHON)
    for title, conf, expected in (
            ("Clients", prefix / "share/rext/openssl-ask.cnf", "hello agent\n" * 3 + "hello nobody\n"),
            ("A server, without the module", None, "hello agent\n" * 4)):
        with server(PYTHON, "-c", script, conf=conf) as port:
            check("guide: '%s'" % title, must("bash", "-euc", clients.replace("8443", str(port))), expected)
    os.chdir("..")


# Lines of a section, and what the error says behind its start.
WRONG = [
    ("ofer = flag", "has the unknown key 'ofer' with the value 'flag'; keys are hosts, both_roles, "
                    "tls_flags, flag, care, offer, tokens and path"),
    ("offer = flags", "key 'offer': the value 'flags' must be flag, care or both"),
    ("offer =", "key 'offer': the value '' must be flag, care or both"),
    ("tokens = 1", "key 'tokens': the value '1' must be yes or no"),
    ("both_roles = true", "key 'both_roles': the value 'true' must be yes or no"),
    ("flag = 2040", "key 'flag': the value '2040' must be a number from 0 to 2039, decimal or 0x..."),
    ("flag = -1", "key 'flag': the value '-1' must be a number from 0 to 2039, decimal or 0x..."),
] + [
    ("tls_flags = " + value, "key 'tls_flags': the value '%s' must be a number from 0 to 65535, "
                             "decimal or 0x..." % value)
    for value in ("0x", "65536", "62a", "0x10000", "99999999999999999999")
] + [
    ("hosts = " + value, "key 'hosts': the value '%s' must be server names with commas between them, "
                         "such as a.example, *.b.example; an address is not sent as a server name" % value)
    for value in ("", "a.example,", "*", "*.", "a..example", "*a.example", "a.*.example", "192.0.2.1",
                  "a b.example", "x" * 64 + ".example", "m\u00fcller.example")
] + [
    ("tls_flags = 0", "keys 'tls_flags', 'flag' and 'care' with the values 0, 80 and 0xffca: "
                      "TLS extension 0 (0x0000) is already taken: server_name"),
    ("care = 62", "keys 'tls_flags', 'flag' and 'care' with the values 62, 80 and 0x003e: "
                  "TLS extension 62 (0x003e) is already taken: tls_flags"),
]


def bad_configurations():
    with rext_serve() as port:
        for lines, expected in WRONG:
            code, _, err = run("openssl", "version", conf=configuration("wrong", lines, "", 1, ["offer"]))
            separator = " " if expected.startswith("has ") else ", "
            expected = "rext_offer: section 'the_offer'%s%s" % (separator, expected)
            check("'%s' is an error" % lines, (code, expected in err), (1, True))
            wrong = configuration("wrong", lines, "", 0, ["offer"])
            check("'%s' without diagnostics: openssl starts" % lines,
                  run("openssl", "version", conf=wrong)[::2], (0, ""))
        for diagnostics in 0, 1:
            wrong = configuration("wrong", "ofer = flag", "", diagnostics, ["offer"])
            for name, client in CLIENTS.items():
                if name != "s_client" or diagnostics == 0:
                    check("%s with a wrong configuration, config_diagnostics = %d: as without the module"
                          % (name, diagnostics), of_rext(client(port, wrong)), NOT_ASKED)
        for title, old, new, expected in (
                ("a path that does not exist", "rext_offer.so", "none.so",
                 "%s/lib/rext/none.so: cannot open shared object file" % prefix),
                ("a section that does not exist", "[the_offer]", "[another]",
                 "could not load the shared library")):
            wrong = configuration("wrong", "", "", 1, ["offer"])
            wrong.write_text(wrong.read_text().replace(old, new))
            code, _, err = run("openssl", "version", conf=wrong)
            check("%s is an error" % title, (code, expected in err), (1, True))
            check("curl with %s: as without the module" % title, of_rext(curl(port, wrong)), NOT_ASKED)
        check("curl with a configuration file that does not exist: as without the module",
              of_rext(curl(port, "none.cnf")), NOT_ASKED)
        code, _, err = run("openssl", "version",
                           conf=configuration("wrong", "", "offer = flag", 1, ["ask"]))
        check("rext_ask.so has no key 'offer'",
              (code, "rext_ask: section 'the_ask' has the unknown key 'offer' with the value 'flag'; keys "
                     "are hosts, both_roles, tls_flags, flag, care and path" in err), (1, True))
    wrong = configuration("wrong", "", "ofer = flag", 0, ["ask"])
    with python_server(conf=wrong) as port:
        check("a Python server with a wrong configuration requests a certificate from each client, as without the module",
              (subject(curl(port, None)), subject(curl(port, None, None))), ("ec", None))


def servers():
    offer, ask = (prefix / "share/rext" / name for name in ("openssl-offer.cnf", "openssl-ask.cnf"))
    with python_server(conf=ask) as port:
        for name, client in CLIENTS.items():
            check("%s, offering, is asked by a Python server" % name, subject(client(port, offer)), "ec")
            check("%s, not offering, is not" % name, subject(client(port, None)), None)
        result = conform(port)
        check("conformance of a Python server: %(passed)d passed, %(failed)d failed" % result,
              (result["failed"], result["passed"] >= 95), (0, True))
        check("the Python server still serves", subject(curl(port, offer)), "ec")
    with python_server("--method", "both", conf=ask) as port:
        check("a Python server by PROTOCOL_TLS asks by offer, too",
              (subject(curl(port, offer)), subject(curl(port, None))), ("ec", None))
    with python_server("--method", "both", conf=offer) as port:
        check("a Python server by PROTOCOL_TLS with the client's module serves clients that offer",
              (subject(curl(port, offer)), subject(curl(port, None))), ("ec", "ec"))
    with python_server("--verify", "required", conf=ask) as port:
        check("a Python server that requires a certificate requires it of all",
              (subject(curl(port, None)), subject(curl(port, offer))), ("ec", "ec"))
        code, out, err = run("curl", "-sS", "--cacert", "ca.pem", "https://localhost:%d/" % port)
        check("... and refuses a client without one", (code in (55, 56), out), (True, ""))
    with python_server("--verify", "none", conf=ask) as port:
        check("a Python server that does not verify requests no certificate", subject(curl(port, offer)), None)
    with python_server("--post-handshake", conf=ask) as port:
        check("a Python server that asks after the handshake does not ask in it",
              subject(curl(port, offer)), None)
    with python_server("--tls12", conf=ask) as port:
        care = configuration("care", "offer = care")
        check("TLS 1.2: by CARE only",
              [subject(curl(port, conf)) for conf in (None, offer, care)], [None, None, "ec"])
    with python_server("--other", "x.b.example", "ca.pem", conf=ask) as port:
        check("another context for a server name: as without the module",
              (subject(curl(port, None)), subject(curl(port, None, host="x.b.example")),
               subject(curl(port, offer, host="x.b.example"))), (None, "ec", "ec"))
    with python_server(conf=configuration("narrow", "", "hosts = *.b.example", 1, ["ask"])) as port:
        check("hosts of a server: for other names, it requests a certificate from each client",
              (subject(curl(port, None)), subject(curl(port, None, host="x.b.example")),
               subject(curl(port, offer, host="x.b.example"))), ("ec", None, "ec"))
    with server("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key",
                "server.key", "-CAfile", "ca.pem", "-verify", "1", "-www", conf=ask,
                prefix="ACCEPT ") as port:
        asked = ["Client certificate" in curl(port, conf) for conf in (None, offer)]
        check("s_server -verify 1 asks by offer", asked, [False, True])
        result = conform(port)
        check("conformance of s_server -verify 1: %(passed)d passed, %(failed)d failed" % result,
              (result["failed"], result["passed"] >= 95), (0, True))
    with server("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key",
                "server.key", "-CAfile", "ca.pem", "-Verify", "1", "-www", conf=ask,
                prefix="ACCEPT ") as port:
        check("s_server -Verify 1 requests a certificate from each client", "Client certificate" in curl(port, None), True)


# What tests/contexts.c prints, by configuration and case.
YES, NO, ASKED = " offered requested certificate", "", " requested"


def lines(*pairs):
    return "".join("%s: %s\n" % pair for pair in pairs)


def methods(*outcomes):
    """For a client with a certificate, and one without."""
    titles = ("client and server methods", "client of both", "server of both", "both of both",
              "TLS 1.2 by method")
    pairs = []
    for title, outcome in zip(titles, outcomes):
        version = "TLSv1.2" if "1.2" in title else "TLSv1.3"
        for who, result in zip(("certificate", "no certificate"), outcome):
            pairs.append(("%s, %s" % (title, who), version + result))
    return lines(*pairs)


IN_MEMORY = [("no certificate", "TLSv1.3"), ("a certificate without its key", "TLSv1.3")] + [
    (key, "TLSv1.3" + YES)
    for key in ("EC", "RSA", "EC, legacy", "RSA, legacy", "two certificates")]
IN_TOKENS = ("RSA of an engine", "two certificates, one of an engine")
ALL, NONE, BY_OFFER = (ASKED + " certificate", ASKED), (NO, NO), (YES, NO)
# A server that requests a certificate from each client.
ALL_OFFERING = (YES, ASKED)
CASES = [
    ("keys", "both", lines(*IN_MEMORY, *((key, "TLSv1.3") for key in IN_TOKENS))),
    ("keys", "tokens", lines(*IN_MEMORY, *((key, "TLSv1.3" + YES) for key in IN_TOKENS))),
    ("names", "hosts", lines(*((name, "TLSv1.3" + (YES if good else NO)) for name, good in (
        ("a.example", True), ("A.Example", True), ("b.example", False), ("x.b.example", True),
        ("x.y.b.example", False), ("xb.example", False), ("a.example.evil", False),
        (".b.example", False), ("no name", False))))),
    ("methods", "offer", methods(ALL_OFFERING, ALL_OFFERING, ALL_OFFERING, ALL_OFFERING, ALL)),
    ("methods", "ask", methods(NONE, NONE, NONE, NONE, NONE)),
    ("methods", "both", methods(BY_OFFER, BY_OFFER, ALL_OFFERING, ALL_OFFERING, NONE)),
    ("methods", "ask first", methods(BY_OFFER, NONE, BY_OFFER, NONE, NONE)),
    ("methods", "one role", methods(BY_OFFER, NONE, ALL_OFFERING, ALL, NONE)),
    ("restarts", "both", lines(
        ("first", "TLSv1.3" + YES), ("the same authorities", "TLSv1.3 offered certificate resumed"),
        ("other authorities", "refused offered requested"), ("one more authority", "TLSv1.3" + YES),
        ("the same again", "TLSv1.3 offered certificate resumed"))),
    ("changes", "both", lines(
        ("at first", "TLSv1.3" + YES), ("unchanged", "TLSv1.3 offered certificate resumed"),
        ("an authority more", "TLSv1.3 offered certificate resumed"),
        ("a list of names", "TLSv1.3" + YES), ("unchanged", "TLSv1.3 offered certificate resumed"),
        ("revocation is checked, and there is no list", "refused offered requested"))),
    ("modes", "both", lines(
        ("none, certificate", "TLSv1.3 offered"), ("none, no certificate", "TLSv1.3"),
        ("optional, certificate", "TLSv1.3" + YES), ("optional, no certificate", "TLSv1.3"),
        ("optional, once, certificate", "TLSv1.3" + YES), ("optional, once, no certificate", "TLSv1.3"),
        ("required, certificate", "TLSv1.3" + YES), ("required, no certificate", "refused requested"),
        ("after the handshake, certificate", "TLSv1.3 offered"),
        ("after the handshake, no certificate", "TLSv1.3"),
        ("a store for clients, certificate", "TLSv1.3" + YES),
        ("a store for clients, no certificate", "TLSv1.3 requested"))),
    ("reloads", "both", lines(
        ("loaded", "TLSv1.3" + YES), ("unloaded, SSL_CTXs of before", "TLSv1.3" + YES),
        ("unloaded, a new client", "TLSv1.3"), ("loaded again", "TLSv1.3" + YES))),
    ("forks", "both", "80 of 80 in threads, and 4 children\n"),
]


def contexts(program):
    configurations = {
        "both": configuration("both", "", "", 1),
        "tokens": configuration("tokens", "tokens = yes", "", 1),
        "hosts": configuration("hosts", "hosts = a.example, *.b.example", "", 1),
        "offer": configuration("offer", "", "", 1, ["offer"]),
        "ask": configuration("ask", "", "", 1, ["ask"]),
        "ask first": configuration("first", "", "", 1, ["ask", "offer"]),
        "one role": configuration("one", "both_roles = no", "both_roles = no", 1),
    }
    for case, conf, expected in CASES:
        check("contexts %s, configuration '%s'" % (case, conf),
              run(program, case, ".", conf=configurations[conf]), (0, expected, ""))
    for case in sorted({case for case, _, _ in CASES}):
        # A child frees nothing.
        leaks = "no" if case == "forks" else "full"
        code, out, err = run(
            "valgrind", "-q", "--child-silent-after-fork=yes", "--error-exitcode=9", "--leak-check=" + leaks,
            "--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible",
            program, case, ".", conf=configurations["both"])
        check("valgrind: contexts %s" % case, (code, err), (0, ""))
    # A program with its own copy of OpenSSL.
    must("cc", "-D_GNU_SOURCE", HERE / "contexts.c", "-o", "static", "-l:libssl.a", "-l:libcrypto.a", "-ldl",
         "-lpthread")
    check("a program with its own copy of OpenSSL: as without the modules",
          run("./static", "methods", ".", conf=configurations["both"]),
          (0, methods(ALL, ALL, ALL, ALL, ALL), ""))


def tokens():
    """A key in a token, which the engine of libp11 uses."""
    pathlib.Path("token").mkdir()
    pathlib.Path("softhsm.conf").write_text("directories.tokendir = %s\n" % pathlib.Path("token").resolve())
    files = must("dpkg", "-L", "libsofthsm2").split()
    variables = {"SOFTHSM2_CONF": str(pathlib.Path("softhsm.conf").resolve()),
                 "PKCS11_MODULE_PATH": next(file for file in files if file.endswith("/libsofthsm2.so"))}
    must("softhsm2-util", "--init-token", "--free", "--label", "t", "--pin", "1234", "--so-pin", "1234",
         **variables)
    must("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "ec.key", "-out", "ec.pkcs8")
    must("softhsm2-util", "--import", "ec.pkcs8", "--token", "t", "--label", "k", "--id", "01", "--pin",
         "1234", **variables)
    with rext_serve() as port:
        for title, more, expected in ("by default", "", NOT_ASKED), ("with 'tokens = yes'", "tokens = yes", OFFERED):
            text = must("curl", "-sS", "--cacert", "ca.pem", "--engine", "pkcs11", "--cert", "ec.pem",
                        "--key-type", "ENG", "--key", "pkcs11:token=t;object=k;type=private;pin-value=1234",
                        "https://localhost:%d/debug" % port, conf=configuration("token", more), **variables)
            check("curl with a key in a token, %s" % title, of_rext(text), expected)


# Contexts that offer.py must refuse, and the reason.
REFUSED = """
import ctypes, ssl, sys
sys.path.insert(0, sys.argv[1])
import offer
def reason(context):
    try:
        offer.enable(context, sys.argv[2])
    except offer.OfferError as error:
        return str(error)
print(reason(None))
print(reason(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)).split(" (")[0])
context = ssl.create_default_context()
print(reason(context))
print(reason(context))
context = ssl.create_default_context()
field = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
kept = field.value
for pointer in 0, 8, kept + 1, 1 << 63, id(context):
    field.value = pointer
    print(reason(context).split(" (")[0])
field.value = kept
"""


# Prints the size of the struct and the offset of each field that offer.py repeats.
LAYOUT = """
import ctypes, sys
sys.path.insert(0, sys.argv[1])
from offer import _Config
print(ctypes.sizeof(_Config), *("%s=%d" % (name, getattr(_Config, name).offset) for name, _ in _Config._fields_))
"""


def layout():
    """No compiler compares the struct of offer.py with that of the header."""
    seen = must(PYTHON, "-B", "-c", LAYOUT, FOLDER / "examples")
    names = [field.split("=")[0] for field in seen.split()[1:]]
    printed = "".join('printf(" %s=%%zu", offsetof(rext_ossl_client_config, %s));' % (name, name) for name in names)
    pathlib.Path("layout.c").write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <rext_openssl.h>\n"
        'int main(void) { printf("%zu", sizeof(rext_ossl_client_config)); ' + printed + ' puts(""); return 0; }\n')
    must("cc", "-I%s" % (FOLDER.parent / "openssl/include"), "-I%s" % (REPOSITORY / "rustls-ext-capi/include"),
         "-o", "layout", "layout.c")
    check("offer.py has the struct of the header", seen, must("./layout"))


def examples(out):
    layout()
    library = out / "adapter/librext_openssl.so"
    with rext_serve() as port:
        url = "https://localhost:%d/debug" % port
        check("curl_offer offers, by CURLOPT_SSL_CTX_FUNCTION",
              of_rext(must(out / "curl_offer", url, "ca.pem", "ec.pem", "ec.key")), OFFERED)
        check("offer.py offers, by ctypes",
              of_rext(must(PYTHON, FOLDER / "examples/offer.py", library, url, "ca.pem", "ec.pem", "ec.key")),
              OFFERED)
    moved = "the SSL_CTX is not where it was in Python 3.6 to 3.13"
    other = "not an SSL_CTX for clients of the OpenSSL that the library uses"
    check("offer.py refuses what it cannot set up",
          must(PYTHON, "-B", "-c", REFUSED, FOLDER / "examples", library).splitlines(),
          ["not an ssl.SSLContext of CPython: None", other, "None", "the SSL_CTX has an adapter already",
           moved, moved, moved, moved, other])


def main():
    before = hashlib.sha256(SYSTEM.read_bytes()).hexdigest()
    out = build()
    authority("ca")
    authority("other")
    pathlib.Path("both.pem").write_text(pathlib.Path("ca.pem").read_text() + pathlib.Path("other.pem").read_text())
    issue("server", "ec", "localhost a.example x.b.example")
    issue("ec", "ec")
    issue("rsa", "rsa")
    guide()
    clients()
    sessions()
    versions()
    hosts()
    bad_configurations()
    servers()
    contexts(out / "contexts")
    tokens()
    examples(out)
    check("the system's configuration is as before", hashlib.sha256(SYSTEM.read_bytes()).hexdigest(), before)
    print("%d checks" % checks)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
with tempfile.TemporaryDirectory() as folder:
    prefix = pathlib.Path(folder) / "prefix"
    os.chdir(folder)
    try:
        main()
    finally:
        os.chdir("/")
