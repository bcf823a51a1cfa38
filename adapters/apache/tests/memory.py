#!/usr/bin/env python3
"""httpd under valgrind's memcheck: in one process, with connections of each kind, and with graceful
restarts. No error or leak may have a function of the module, of the OpenSSL adapter or of librext in its
stack."""

import glob
import itertools
import os
import re
import sys

from hosts import verifies_by_directory
from httpd import OFFERS, Failed, Httpd, check, pki, verifies
from life import check_resumption

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = [os.path.basename(path) for path in glob.glob(f"{HERE}/../../openssl/src/*.c")] + ["mod_ssl_offer.c"]


def is_ours(block):
    frames = re.findall(r"(?:at|by) 0x[0-9A-F]+: (.*)", block)
    return any(re.search(r"rext|mod_ssl_offer", frame) or
               any(f"({name}:" in frame for name in OURS) for frame in frames)


def traffic(httpd, p):
    for version, offer, cert in itertools.product((12, 13), OFFERS, (None, "agent-a", "agent-b")):
        httpd.probe(offer=offer, version=version, cert=cert)
    for flags in ("", "00", "0100"):
        httpd.probe(flags=flags, version=13)
    httpd.probe(None, ["a.test/", "b.test/"], offer="flag", cert="agent-a")
    httpd.probe("c.test", ["c.test/", "a.test/"], offer="flag", cert="agent-a")
    httpd.probe(get="/cert.html", offer="flag", cert="agent-a")
    for version in (12, 13):
        httpd.probe("none.test", ["none.test/", "none.test/staff.html"], version=version, offer="both",
                    cert="agent-a", after=1)
        check_resumption(httpd, version, 1)


def memcheck(p, arguments, use):
    """Runs httpd under memcheck, uses it, and returns how many errors there are in others' code."""
    servers = [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b")), ("c.test", verifies(p)),
               verifies_by_directory(p)[1]]
    report = os.path.join(p.folder, "memcheck")
    httpd = Httpd(p, servers, settings="SSLSessionCache shmcb:cache(512000)",
                  limits=["ThreadsPerChild 4", "MaxRequestWorkers 4", "StartServers 1", "MinSpareThreads 1",
                          "MaxSpareThreads 4"])
    try:
        httpd.start(prefix=["valgrind", "--quiet", "--leak-check=full", "--num-callers=40",
                            f"--log-file={report}.%p"], arguments=arguments)
        use(httpd)
        httpd.stop()
    finally:
        httpd.stop()
    check(httpd.crashes(), [])
    blocks = []
    for name in os.listdir(p.folder):
        if name.startswith("memcheck."):
            blocks += re.sub(r"^==\d+== ?", "", p.read(name), flags=re.M).split("\n\n")
            os.remove(p[name])
    blocks = [block for block in blocks if block.strip()]
    check([block for block in blocks if is_ours(block)], [], "errors with a function of ours")
    return len(blocks)


def main():
    def one_process(httpd):
        traffic(httpd, httpd.pki)

    def restarts(httpd):
        for _ in range(2):
            check([httpd.probe(offer=offer).requests for offer in OFFERS], [0, 1, 1, 1])
            httpd.graceful()
        check([httpd.probe(offer=offer).requests for offer in OFFERS], [0, 1, 1, 1])
    with pki() as p:
        try:
            others = memcheck(p, ("-X",), one_process)
            others += memcheck(p, ("-D", "FOREGROUND"), restarts)
        except Failed as failed:
            print(f"FAILED memory: {failed}")
            return 1
        print(f"ok memory: no error of ours under memcheck; {others} in the code of others")
    return 0


if __name__ == "__main__":
    sys.exit(main())
