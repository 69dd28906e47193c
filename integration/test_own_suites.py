"""The tests that libraries have of themselves, over three shards.

Debian's sources of php-redis and hiredis have them (scripts/fetch-suites); neither its packages nor
those of npm do. A case that fails must be listed here, with the reason why it cannot pass.
"""

import json
import os
import pathlib
import re
import subprocess

import pytest

import servers
import slipring

CLIENTS = pathlib.Path(__file__).parent / "clients"
SUITES = slipring.ROOT / "build" / "suites"
DIRECT = bool(os.environ.get("SLIPRING_TEST_DIRECT"))

NEED_SECONDS = {"testObject": "expects that a second does not end while it runs"}
PHPREDIS = {} if DIRECT else {
    "testAcl": "users are those of the proxy's configuration",
    "testInfo": "INFO in a transaction, which is one shard's",
    "testMsetNX": "MSETNX of keys on several shards",
    "testMultiExec": "a transaction with keys on several shards",
    "testSerializerIGBinary": "a transaction with keys on several shards",
    "testSerializerJSON": "a transaction with keys on several shards",
    "testSerializerPHP": "a transaction with keys on several shards",
    "testSortAsc": "SORT BY and GET of keys on other shards than the list",
    "testSortDesc": "SORT BY and GET of keys on other shards than the list",
    "testSwapDB": "databases of several shards are not swapped at one moment",
    "testWait": "WAIT counts the replicas of one node",
}
HIREDIS = {"Does not return a reply when the command times out": "DEBUG SLEEP is not allowed"}


def folder(pattern):
    found = sorted(SUITES.glob(pattern))
    if not found:
        pytest.skip(f"no {SUITES / pattern}: scripts/fetch-suites has not been able to get it")
    return found[-1]


class RedisOnSocket(servers.Redis):
    """Listens on a UNIX socket too."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def command(self):
        return [*super().command(), "--unixsocket", self.path]


@pytest.fixture
def front(make_proxy, own_servers, tmp_path):
    """(host, port, path of a socket) of a proxy over three empty Redis, or of one such Redis."""
    path = str(tmp_path / "socket")
    if DIRECT:
        return (*own_servers(RedisOnSocket, 1, path=path)[0].address, path)
    listen = [f"{servers.LOOPBACK}:{servers.free_port()}", f"unix:{path}"]
    # Some of their commands take a server seconds: SETBIT at the last bit that there can be.
    proxy = make_proxy(slipring.pool("redis", own_servers(servers.Redis, 3), hash_tag="{}",
                                     listen=listen, timeouts={"request": "30s"},
                                     health={"every": "30s", "timeout": "30s"}))
    return (*proxy.address(), path)


@pytest.mark.slow
@pytest.mark.timeout(110)
def test_phpredis(front):
    host, port, _ = front
    tests = folder("redis-5*/tests")
    done = subprocess.run(
        ["php", "-d", "display_errors=stderr", "phpredis_own.php", str(tests), host, str(port)],
        capture_output=True, text=True, timeout=100, cwd=str(CLIENTS), check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:], done.stdout[-2000:])
    results = json.loads(done.stdout)
    assert len(results) > 150
    assert sum(errors == [] for errors in results.values()) > 130
    failed = {name: errors for name, errors in results.items() if errors and errors != ["skipped"]}
    expected = failed.keys() & (PHPREDIS.keys() | NEED_SECONDS.keys())
    assert {name: errors for name, errors in failed.items() if name not in expected} == {}
    assert {name: "passes" for name in PHPREDIS if name not in failed} == {}


def test_hiredis(front, tmp_path):
    host, port, path = front
    source = folder("hiredis-*/test.c")
    program = str(tmp_path / "hiredis-test")
    subprocess.run(["gcc", "-w", "-O1", f"-I{source.parent}", str(source), "-o", program,
                    "-lhiredis"], check=True)
    done = subprocess.run([program, "-h", host, "-p", str(port), "-s", path, "--skip-throughput"],
                          capture_output=True, text=True, timeout=50, check=False)
    out = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    cases = re.findall(r"^#\d+ (.*): (PASSED|FAILED)$", out, re.M)
    assert len(cases) == 85 and "inherited fd" in out, (out, done.stderr)
    assert {name for name, verdict in cases if verdict == "FAILED"} <= HIREDIS.keys(), out
