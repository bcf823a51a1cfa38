#!/usr/bin/env python3
"""Tests of mod_ssl_offer with Debian's httpd: one line for each case, and exit code 1 at the first that
fails. Arguments are names of cases, in place of all; the module and the probe are in $OUT."""

import http.server
import os
import re
import subprocess
import sys
import threading

import handshakes  # noqa: F401, it registers its cases
import hosts  # noqa: F401
import life  # noqa: F401
from httpd import CASES, HERE, MODULES, Failed, Httpd, case, check, pki, run, verifies


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
