"""A certificate authority, an httpd with its own configuration, and the probe, for the tests."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("OUT", os.path.join(os.path.dirname(HERE), "build"))
HTTPD = "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"
CASES = []
OFFERS = ("none", "flag", "care", "both")
UNKNOWN_CA, ILLEGAL_PARAMETER, CERTIFICATE_REQUIRED = 48, 47, 116
NAMES = "localhost a.test b.test c.test off.test none.test must.test old.test".split()

# So that a test that is ended stops its httpd.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Failed(Exception):
    """A check that failed."""


def check(actual, expected, what=""):
    if actual != expected:
        raise Failed(f"{what}\n    expected {expected!r}\n    but got  {actual!r}")


def wait_for(condition, what, seconds=60):
    """Waits until a condition holds; that is how these tests wait, never for a time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what} did not happen within {seconds} s")
        time.sleep(0.01)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Pki:
    """Authorities server-ca, ca-a, ca-b and ca-sub (below ca-a), and what they issued."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("server-ca", "ca-a", "ca-b"):
            self.key(name)
            run("openssl", "req", "-x509", "-new", "-key", self[f"{name}.key"], "-subj", f"/CN={name}",
                "-days", "30", "-out", self[f"{name}.pem"])
        alternatives = ",".join(f"DNS:{name}" for name in NAMES + ["*.many.test"])
        self.issue("server-ca", "server", f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth")
        client = "extendedKeyUsage=clientAuth"
        self.issue("ca-a", "agent-a", client)
        self.issue("ca-a", "gone-a", client)
        self.issue("ca-b", "agent-b", client)
        self.issue("ca-a", "ca-sub", "basicConstraints=critical,CA:true\nkeyUsage=keyCertSign")
        self.issue("ca-sub", "agent-sub", client)
        with open(self["agent-sub-chain.pem"], "w") as chain:
            chain.write(self.read("agent-sub.pem") + self.read("ca-sub.pem"))
        self.revoke("ca-a", "gone-a")

    def __getitem__(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self[name]) as file:
            return file.read()

    def write(self, name, text):
        with open(self[name], "w") as file:
            file.write(text)
        return self[name]

    def key(self, name):
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
            self[f"{name}.key"])

    def issue(self, authority, name, extensions):
        self.key(name)
        request, settings = self[f"{name}.csr"], self.write(f"{name}.ext", extensions + "\n")
        run("openssl", "req", "-new", "-key", self[f"{name}.key"], "-subj", f"/CN={name}", "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self[f"{authority}.pem"], "-CAkey",
            self[f"{authority}.key"], "-CAcreateserial", "-days", "30", "-extfile", settings, "-out",
            self[f"{name}.pem"])

    def revoke(self, authority, name):
        self.write("index.txt", "")
        self.write("crlnumber", "01\n")
        settings = self.write("ca.cnf", f"[ca]\ndefault_ca = it\n[it]\ndatabase = {self['index.txt']}\n"
                              f"crlnumber = {self['crlnumber']}\ndefault_md = sha256\n"
                              "default_crl_days = 30\n")
        by = ("-config", settings, "-cert", self[f"{authority}.pem"], "-keyfile", self[f"{authority}.key"])
        run("openssl", "ca", *by, "-gencrl", "-out", self[f"{authority}-before.crl"])
        run("openssl", "ca", *by, "-revoke", self[f"{name}.pem"])
        run("openssl", "ca", *by, "-gencrl", "-out", self[f"{authority}.crl"])

    def many_names(self, name, count):
        """A file of authorities with long names: `count` takes about 1 kB each in a CertificateRequest."""
        self.key(name)
        texts = []
        for number in range(count):
            long = "".join(f"/OU={letter * 60}" for letter in "abcdefghijklmn")
            run("openssl", "req", "-x509", "-new", "-key", self[f"{name}.key"], "-days", "30", "-subj",
                f"{long}/CN={name} {number}", "-out", self[f"{name}.one"])
            texts.append(self.read(f"{name}.one"))
        return self.write(f"{name}.pem", "".join(texts))


class Httpd:
    """An httpd in a folder of its own; stopped at the end of a `with` block."""

    RESULT = ("offer=%{SSL_CLIENT_AUTH_OFFER}e acknowledged=%{SSL_CLIENT_AUTH_ACKNOWLEDGED}e "
              "scope=%{SSL_CLIENT_AUTH_SCOPE}e verify=%{SSL_CLIENT_VERIFY}s cn=%{SSL_CLIENT_S_DN_CN}s")

    def __init__(self, pki, servers, mpm="event", module=True, general="", settings="", limits=None,
                 port=None):
        self.pki = pki
        self.port = port or free_port()
        self.folder = tempfile.mkdtemp(prefix="httpd-", dir=pki.folder)
        os.chmod(self.folder, 0o755)
        os.mkdir(os.path.join(self.folder, "files"))
        for name in ("index.html", "staff.html", "cert.html", "maybe.html"):
            with open(os.path.join(self.folder, "files", name), "w") as file:
                file.write("ok")
        self.mpm, self.limits = mpm, limits
        self.process = None
        self.configure(servers, module, general, settings)

    def configure(self, servers, module=True, general="", settings=""):
        """Writes the configuration: `general` for all servers, `settings` for the main one only."""
        load = "authz_core authn_core setenvif env headers dir socache_shmcb ssl http2".split()
        lines = [f"LoadModule mpm_{self.mpm}_module {MODULES}/mod_mpm_{self.mpm}.so"]
        lines += [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in load]
        if module:
            lines.append(f"LoadModule ssl_offer_module {BUILD}/mod_ssl_offer.so")
        lines += [f"ServerRoot {self.folder}", "ServerName localhost", f"DefaultRuntimeDir {self.folder}",
                  "PidFile pid", f"Listen 127.0.0.1:{self.port}", "ErrorLog error.log",
                  "LogLevel warn" + (" ssl_offer:info" if module else ""), "KeepAliveTimeout 60", "Timeout 60",
                  f"DocumentRoot {self.folder}/files", "DirectoryIndex index.html",
                  "CustomLog access.log \"%{SSL_CLIENT_AUTH_OFFER}e %{SSL_CLIENT_AUTH_SCOPE}e %>s\"",
                  f"Header always set X-Result \"{self.RESULT}\"",
                  "<Location /cert.html>\nHeader always set X-Result "
                  "\"%{CLIENT_CERT}e %{CLIENT_CERT_CHAIN}e\"\n</Location>",
                  f"SSLCertificateFile {self.pki['server.pem']}",
                  f"SSLCertificateKeyFile {self.pki['server.key']}"]
        if os.getuid() == 0:
            lines += ["User www-data", "Group www-data"]
        lines += self.limits or ["StartServers 2", "ServerLimit 4" if self.mpm == "event" else ""]
        lines += [general, settings]
        for name, text in servers:
            lines.append(f"<VirtualHost 127.0.0.1:{self.port}>\nServerName {name}\nSSLEngine on\n{text}\n"
                         "</VirtualHost>")
        with open(os.path.join(self.folder, "httpd.conf"), "w") as file:
            file.write("\n".join(lines) + "\n")

    def command(self, *arguments):
        return [HTTPD, "-d", self.folder, "-f", os.path.join(self.folder, "httpd.conf"), *arguments]

    def log(self):
        try:
            with open(os.path.join(self.folder, "error.log")) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def warnings(self):
        """The messages of the module at level warn."""
        return re.findall(r"\[ssl_offer:warn\] \[pid [^\]]*\] (.*)", self.log())

    def starts(self):
        return self.log().count("resuming normal operations")

    def start(self, prefix=(), arguments=("-D", "FOREGROUND")):
        with open(os.path.join(self.folder, "output"), "w") as output:
            # Of a session of its own: to end, it sends a signal to all of its process group.
            self.process = subprocess.Popen([*prefix, *self.command(*arguments)], stdout=output,
                                            stderr=output, start_new_session=True)

        def ready():
            if self.process.poll() is not None:
                with open(os.path.join(self.folder, "output")) as file:
                    raise Failed(f"httpd does not start: {file.read()}{self.log()}")
            # With -X, it says nothing: it is one process, which has started when it accepts.
            return accepts(self.port) if "-X" in arguments else self.starts() > 0
        wait_for(ready, "the start of httpd", 300)
        return self

    def refuses_to_start(self):
        """Starts it, and returns its exit code and messages."""
        try:
            self.start()
        except Failed:
            with open(os.path.join(self.folder, "output")) as file:
                return self.process.returncode, file.read() + self.log()
        self.stop()
        raise Failed("httpd starts")

    def graceful(self):
        before = self.starts()
        run(*self.command("-k", "graceful"))
        wait_for(lambda: self.starts() > before, "the graceful restart")

    def children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return sorted(int(pid) for pid in file.read().split())

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *error):
        self.stop()
        shutil.rmtree(self.folder)

    def crashes(self):
        """Children that ended by a signal of which httpd has written a line."""
        return re.findall(r"exit signal .*", self.log())

    def probe(self, name="a.test", get="/", cert=None, session=None, **options):
        """Makes a connection. `get` is a path, or a list of HOST/PATH for more than one request."""
        gets = [f"{name or 'a.test'}{get}"] if isinstance(get, str) else get
        arguments = [f"port={self.port}", f"ca={self.pki['server-ca.pem']}"]
        arguments += [f"get={target}" for target in gets]
        if name is not None:
            arguments.append(f"name={name}")
        if cert is not None:
            key = cert.replace("-chain", "")
            arguments += [f"cert={self.pki[cert + '.pem']}", f"key={self.pki[key + '.key']}"]
        if session is not None:
            arguments.append(f"session={os.path.join(self.folder, session)}")
        arguments += [f"{option}={value}" for option, value in options.items()]
        return Outcome(json.loads(run(os.path.join(BUILD, "probe"), *arguments)))


class Outcome:
    """Of a connection."""

    def __init__(self, told):
        self.codes = [code for code, _, _ in told["responses"]]
        self.results = [result for _, result, _ in told["responses"]]
        self.__dict__.update({name: value for name, value in told.items() if name != "responses"})

    @property
    def code(self):
        return self.codes[-1] if self.codes else None

    @property
    def result(self):
        return self.results[-1] if self.results else None


@contextlib.contextmanager
def pki():
    folder = tempfile.mkdtemp(prefix="mod-ssl-offer-")
    os.chmod(folder, 0o755)
    try:
        yield Pki(folder)
    finally:
        shutil.rmtree(folder)


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
