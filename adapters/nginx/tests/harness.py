"""An unmodified nginx with the module, in a folder of its own, and clients for it."""

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
from pathlib import Path

ADAPTER = Path(__file__).resolve().parent.parent
REPOSITORY = ADAPTER.parent.parent
# Where Cargo puts `librext.a` and `rext-conform`.
TARGET = Path(
    os.environ.get("REXT_TARGET") or Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug"
)
# The packages that `install` has installed.
INSTALLED = ADAPTER / "build" / "installed"
# What the tests need beside Rust: each package, and a file that it has.
PACKAGES = {
    "nginx": "/usr/sbin/nginx",
    "nginx-dev": "/usr/share/nginx/src/conf_flags",
    "gcc": "/usr/bin/gcc",
    "make": "/usr/bin/make",
    "pkg-config": "/usr/bin/pkg-config",
    "libssl-dev": "/usr/include/openssl/ssl.h",
    "openssl": "/usr/bin/openssl",
    "curl": "/usr/bin/curl",
    "valgrind": "/usr/bin/valgrind",
}
# A minute is enough for all that a test waits for; it is never reached unless something is wrong.
PATIENCE = 60
# The body of each response.
VARIABLES = (
    "offer=$client_auth_offer|origins=$client_auth_origins|acknowledged=$client_auth_acknowledged|"
    "scope=$client_auth_scope|"
    "verify=$ssl_client_verify|cert=$client_cert|chain=$client_cert_chain|reused=$ssl_session_reused|"
    "protocol=$ssl_protocol|http=$server_protocol"
)


class Failure(Exception):
    """A check that does not hold."""


def expect(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: {found!r} is not {wanted!r}")


def wait_for(condition, what):
    """Waits until a condition is true."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failure(f"this did not happen: {what}")
        time.sleep(0.01)
    return value


def packages():
    return set(
        subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package}\n"], check=True, capture_output=True, text=True
        ).stdout.split()
    )


def install():
    """Installs what is missing, and notes the packages that were not there before."""
    missing = [package for package, file in PACKAGES.items() if not os.path.exists(file)]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"error: install {' '.join(missing)}, or run this as root")
    before = packages()
    # A package's script must not start a server.
    guard = Path("/usr/sbin/policy-rc.d")
    ours = not guard.exists()
    if ours:
        guard.write_text("#!/bin/sh\nexit 101\n")
        guard.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        subprocess.run([*apt, "update"], check=True, env=environment)
        subprocess.run(
            [*apt, "install", "--no-install-recommends", *missing],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
    finally:
        if ours:
            guard.unlink()
    INSTALLED.parent.mkdir(exist_ok=True)
    with INSTALLED.open("a") as file:
        file.writelines(f"{package}\n" for package in sorted(packages() - before))


def remove():
    """Removes what `install` has installed."""
    if INSTALLED.exists():
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(
            ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "purge", *INSTALLED.read_text().split()],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        INSTALLED.unlink()


def build(out, library=None):
    """Builds the module and the client of the tests."""
    library = library or TARGET / "librext.a"
    if not library.exists():
        sys.exit(f"error: there is no {library}: run `cargo build -p rustls-ext-capi`, or set REXT_TARGET")
    done = subprocess.run(
        [
            "make",
            "-C",
            ADAPTER,
            "all",
            "client",
            f"OUT={out}",
            f"REXT_CFLAGS=-I{REPOSITORY}/rustls-ext-capi/include",
            f"REXT_LIBS={library} -lgcc_s -lpthread -ldl -lm",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nerror: the module does not build")


class Pki:
    """Authorities, and certificates of theirs, as NAME.pem with the chain, and NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def path(self, name):
        return self.folder / name

    def openssl(self, *arguments, **more):
        subprocess.run(
            ["openssl", *map(str, arguments)], check=True, cwd=self.folder, capture_output=True, text=True, **more
        )

    def key(self, name):
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")

    def authority(self, name, extra=""):
        self.key(name)
        self.openssl(
            "req",
            "-x509",
            "-new",
            "-key",
            f"{name}.key",
            "-subj",
            f"/CN={name}{extra}",
            "-days",
            "30",
            "-out",
            f"{name}.pem",
        )

    def issue(self, issuer, name, extensions, chain=()):
        self.key(name)
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        self.path(f"{name}.ext").write_text(extensions)
        self.openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            f"{issuer}.pem",
            "-CAkey",
            f"{issuer}.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            f"{name}.ext",
            "-out",
            f"{name}.pem",
        )
        own = self.path(f"{name}.pem").read_text()
        self.path(f"{name}.pem").write_text(own + "".join(self.path(f"{other}.pem").read_text() for other in chain))

    def client(self, issuer, name, chain=()):
        self.issue(issuer, name, "extendedKeyUsage=clientAuth\n", chain)

    def server(self, name, names):
        listed = ",".join(f"DNS:{one}" for one in names)
        self.issue("server-ca", name, f"subjectAltName={listed}\nextendedKeyUsage=serverAuth\n")

    def field(self, name):
        """The value of Client-Cert: of the first certificate of a file."""
        text = self.path(f"{name}.pem").read_text()
        body = text.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0]
        return f":{''.join(body.split())}:"

    def revoke(self, issuer, name, to):
        """A revocation list of an authority, with a certificate of its, or none."""
        base = self.path(f"{issuer}.revocation")
        if not base.exists():
            base.mkdir()
            (base / "index.txt").touch()
            (base / "number").write_text("01\n")
            (base / "conf").write_text(
                f"[ca]\ndefault_ca=it\n[it]\ndatabase={base}/index.txt\ncrlnumber={base}/number\n"
                "default_md=sha256\ndefault_crl_days=30\n"
            )
        of = ["-config", base / "conf", "-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key"]
        if name:
            self.openssl("ca", *of, "-revoke", f"{name}.pem")
        self.openssl("ca", *of, "-gencrl", "-out", to)


class Reply:
    """A response, or how its connection ended without one."""

    def __init__(self, output, report):
        self.report = json.loads(report) if report else {}
        self.alert = self.report.get("alert")
        head, _, body = output.partition("\r\n\r\n")
        self.status = int(head.split(" ")[1]) if head.startswith("HTTP/1.1 ") else None
        self.text = body
        self.values = dict(part.split("=", 1) for part in body.strip().split("|") if "=" in part)

    def __getitem__(self, name):
        return self.values.get(name)


class Nginx:
    """nginx with a configuration. It inherits its listen sockets, so that their ports are free and
    connections wait in them until it is ready."""

    def __init__(self, world, http, sockets=1, module=True, workers=1, single=False, wrapper=(), level="info"):
        self.world = world
        self.level = level
        self.workers = workers
        self.single = single
        self.wrapper = list(wrapper)
        self.folder = Path(tempfile.mkdtemp(dir=world.folder))
        self.log = self.folder / "error.log"
        self.sockets = []
        for _ in range(sockets):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
            # nginx without a master does not accept on sockets that it inherits. It can listen on a port
            # that is bound already, if the other socket does not listen.
            if not single:
                one.listen(511)
                # As nginx leaves them to its successor: a worker that is late for a connection must not block.
                one.setblocking(False)
            self.sockets.append(one)
        self.ports = [one.getsockname()[1] for one in self.sockets]
        self.port = self.ports[0]
        self.process = None
        self.tolerated = []
        self.configure(http, module)

    def configure(self, http, module=True):
        """Writes the configuration. `@PORT@`, `@PORT1@`, …, `@PKI@`, `@FOLDER@` and `@BODY@` are replaced."""
        http = (
            http.replace("@BODY@", VARIABLES)
            .replace("@PKI@", str(self.world.pki.folder))
            .replace("@FOLDER@", str(self.folder))
        )
        http = re.sub(r"@PORT(\d?)@", lambda found: str(self.ports[int(found.group(1) or 0)]), http)
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(
            (f"load_module {self.world.module};\n" if module else "")
            + f"user root;\nworker_processes {self.workers};\ndaemon off;\n"
            + ("master_process off;\n" if self.single else "")
            + f"pid {self.folder}/nginx.pid;\nerror_log {self.log} {self.level};\nevents {{ worker_connections 1000; }}\n"
            f"http {{\naccess_log off;\n{temporary}{http}\n}}\n"
        )

    def command(self, *more):
        return [
            "/usr/sbin/nginx",
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
            "-e",
            str(self.log),
            *more,
        ]

    def check(self):
        """What `nginx -t` says, and whether it accepts the configuration."""
        done = subprocess.run(self.command("-t"), capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode == 0, done.stderr

    def start(self):
        descriptors = [] if self.single else [one.fileno() for one in self.sockets]
        self.process = subprocess.Popen(
            self.wrapper + self.command(),
            pass_fds=descriptors,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **({} if self.single else {"NGINX": "".join(f"{one};" for one in descriptors)})},
        )
        if self.single:
            wait_for(self.listens, "nginx listens")
        return self

    def listens(self):
        """Whether it accepts connections."""
        if self.process.poll() is not None:
            raise Failure(f"nginx does not start: {self.process.stderr.read()}")
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        try:
            self.stop(check=kind is None)
        finally:
            for one in self.sockets:
                one.close()
            if kind is not None and self.log.exists():
                print("".join(self.log.read_text().splitlines(True)[-15:]), file=sys.stderr)

    def stop(self, check=True):
        if self.process is None:
            return
        # Not SIGTERM: after a second, nginx then kills workers that have not ended yet.
        self.process.send_signal(signal.SIGQUIT)
        try:
            said = self.process.communicate(timeout=PATIENCE)[1]
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL) # with its workers
            raise Failure("nginx does not end") from None
        code, self.process = self.process.returncode, None
        if check:
            expect(code, 0, f"the exit code of nginx, which says {said}")
            self.check_log()

    def check_log(self):
        """nginx writes an alert when a worker dies, and when errors are left in OpenSSL's queue. A failed
        handshake is `crit` for it."""
        for line in self.log.read_text().splitlines():
            if re.search(r"\[crit\].* SSL_(do_handshake|read_early_data)\(\) failed", line):
                continue
            if re.search(r"\[(alert|emerg|crit)\]", line) and not any(part in line for part in self.tolerated):
                raise Failure(f"in nginx's log: {line}")

    def running(self):
        """The processes of the workers that nginx has now."""
        main = self.process.pid
        return set(map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split()))

    def ready(self):
        """Waits until nginx has its workers."""
        wait_for(lambda: "start worker process" in self.log.read_text() if self.log.exists() else False, "nginx starts")
        return self.running()

    def reload(self, http=None, module=True):
        """Reloads the configuration. Returns whether nginx has taken it, when all old workers are gone."""
        before = self.ready()
        refusals = self.log.read_text().count("[emerg]")
        starts = self.log.read_text().count("start worker process ")
        if http is not None:
            self.configure(http, module)
        self.process.send_signal(signal.SIGHUP)

        def done():
            text = self.log.read_text()
            if text.count("[emerg]") > refusals:
                return "refused"
            new = text.count("start worker process ") - starts >= self.workers
            return "taken" if new and not before & self.running() else None

        return wait_for(done, "nginx reloads") == "taken"

    def ask(
        self,
        offer="none",
        identity=None,
        name="a.test",
        host=None,
        version="1.3",
        session=None,
        path="/",
        port=None,
        requests=None,
        alpn=None,
        groups=None,
        more=(),
    ):
        """Sends a request on a connection of its own."""
        host = host or name or "none"
        data = requests or f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        done = subprocess.run(
            self.client(offer, identity, name, version, session, port, alpn, groups, more),
            input=data.encode(),
            capture_output=True,
            timeout=PATIENCE,
        )
        report = done.stderr.decode()
        if done.returncode != 0:
            raise Failure(f"the client: {report}")
        return Reply(done.stdout.decode(), report)

    def client(self, offer, identity, name, version, session, port, alpn, groups, more):
        command = [
            self.world.client,
            str(port or self.port),
            self.world.pki.path("server-ca.pem"),
            "--offer",
            offer,
            "--version",
            version,
            *more,
        ]
        for option, value in (
            ("--name", name),
            ("--alpn", alpn),
            ("--groups", groups),
            ("--identity", identity and self.world.pki.path(identity)),
            ("--session", session and self.folder / session),
        ):
            if value:
                command += [option, value]
        return list(map(str, command))

    def ask_http2(self, hosts, offer="none", identity=None, name="a.test", more=()):
        """Sends a request for each host on one HTTP/2 connection, one after the other. Returns status and body of each."""
        command = self.client(offer, identity, name, "1.3", None, None, "h2", None, ["--brief", *more])
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
            client.stdin.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
            replies = []
            for index, host in enumerate(hosts):
                stream = 2 * index + 1
                # GET, https and / are in the static table; :authority is a literal.
                block = b"\x82\x87\x84\x01" + bytes([len(host)]) + host.encode()
                client.stdin.write(frame(1, 5, stream, block))
                client.stdin.flush()
                replies.append(read_stream(client.stdout, stream))
            client.stdin.close()
            report = client.stderr.read().decode()
            if client.wait(PATIENCE) != 0 or json.loads(report)["alpn"] != "h2":
                raise Failure(f"the client: {report}")
        return replies


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def read_stream(source, stream):
    """The status and body of a response of HTTP/2 (RFC 9113, RFC 7541), whose header block begins with the status."""
    status, body = None, b""
    indexed = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
    while True:
        head = source.read(9)
        if len(head) < 9:
            raise Failure("the server ends the connection of HTTP/2")
        payload = source.read(int.from_bytes(head[:3], "big"))
        kind, flags, number = head[3], head[4], int.from_bytes(head[5:], "big")
        if number != stream:
            continue
        if kind == 1:
            block = payload
            while block[0] & 0xE0 == 0x20:  # a new size of the table
                block = block[1:]
            status = indexed[block[0] & 0x7F] if block[0] & 0x80 else int(block[2 : 2 + (block[1] & 0x7F)])
        elif kind == 0:
            body += payload
        elif kind == 3:
            raise Failure("the server resets the stream")
        if flags & 1:
            return status, body.decode()


class World:
    """A folder with what all tests share; it is removed at the end."""

    def __init__(self, library=None):
        self.folder = Path(tempfile.mkdtemp(prefix="rext-nginx-"))
        self.folder.chmod(0o755)
        out = Path(os.environ.get("REXT_OUT") or self.folder / "build")
        try:
            build(out, library)
        except SystemExit:
            self.close()
            raise
        self.module = out / "ngx_http_client_auth_offer_module.so"
        self.client = out / "offer-client"
        self.pki = Pki(self.folder / "pki")

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
