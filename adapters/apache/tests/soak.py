#!/usr/bin/env python3
"""Connections of all kinds to an httpd that is restarted gracefully twice in between: see soak."""

import os
import re
import subprocess
import sys

from httpd import BUILD, Failed, Httpd, check, pki, verifies


def soak(p, count):
    servers = [("a.test", verifies(p)), ("b.test", verifies(p, "ca-b")),
               ("off.test", verifies(p, offer="off")), ("must.test", verifies(p, mode="require", offer="off")),
               ("none.test", "")]
    with Httpd(p, servers, settings="SSLSessionCache shmcb:cache(4000000)\nProtocols h2 http/1.1") as httpd:
        client = subprocess.Popen([os.path.join(BUILD, "soak"), f"port={httpd.port}", f"folder={p.folder}",
                                   f"count={count}", "threads=8"], stdout=subprocess.PIPE, text=True)
        restarts = [count // 3, 2 * count // 3]
        for line in client.stdout:
            done = re.match(r"done (\d+)$", line)
            if done is None:
                print(f"    {line.strip()}")
            elif restarts and int(done[1]) >= restarts[0]:
                restarts.pop(0)
                httpd.graceful()
        check(client.wait(), 0, "wrong outcome, see above")
        check(restarts, [], "two graceful restarts")
        check((httpd.starts(), httpd.crashes()), (3, []))


def main():
    count = int(sys.argv[1])
    with pki() as p:
        try:
            soak(p, count)
        except Failed as failed:
            print(f"FAILED soak: {failed}")
            return 1
    print(f"ok soak: {count} connections and two graceful restarts, each outcome as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
