#!/usr/bin/env python3
"""httpd in one process under valgrind's memcheck: connections of each kind, and no error or leak that has
a function of the module, of the OpenSSL adapter or of librext in its stack."""

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


def main():
    with pki() as p:
        servers = [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b")),
                   ("c.test", verifies(p)), verifies_by_directory(p)[1]]
        httpd = Httpd(p, servers, settings="SSLSessionCache shmcb:cache(512000)",
                      limits=["ThreadsPerChild 4", "MaxRequestWorkers 4", "StartServers 1",
                              "MinSpareThreads 1", "MaxSpareThreads 4"])
        report = os.path.join(p.folder, "memcheck")
        try:
            httpd.start(prefix=["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,possible",
                                "--num-callers=40", f"--log-file={report}"], arguments=("-X",))
            traffic(httpd, p)
            httpd.stop()
            with open(report) as file:
                text = re.sub(r"^==\d+== ?", "", file.read(), flags=re.M)
            blocks = [block for block in text.split("\n\n") if block.strip()]
            ours = [block for block in blocks if is_ours(block)]
            check(ours, [], "errors with a function of ours")
            check(httpd.crashes(), [])
        except Failed as failed:
            print(f"FAILED memory: {failed}")
            return 1
        finally:
            httpd.stop()
        print(f"ok memory: none of ours; {len(blocks)} without us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
