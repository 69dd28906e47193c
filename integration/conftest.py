"""Fixtures: real servers, scripted servers, the proxy, and a deadline for each test."""

import collections
import os
import random
import re
import signal

import pytest
from _pytest.runner import runtestprotocol

import servers
import slipring
import wire

TIMEOUT = 60
FACTOR = int(os.environ.get("TEST_TIMEOUT_FACTOR", "1"))  # for builds with a sanitizer


# -- the deadline ---------------------------------------------------------------------------------


class DeadlineError(Exception):
    """The test took longer than it may."""


def with_deadline(item):
    marker = item.get_closest_marker("timeout")
    seconds = (marker.args[0] if marker else TIMEOUT) * FACTOR

    def on_alarm(_number, _frame):
        raise DeadlineError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(int(seconds))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from with_deadline(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from with_deadline(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from with_deadline(item)


# -- a second run ---------------------------------------------------------------------------------

# Tests with real servers wait for what those do in their own time, on machines that may be busy. One that
# fails is run once more, alone in what it reports, and named at the end: it is to be mended. A proxy that
# crashed or that a sanitizer stopped is never given a second run.
BROKEN = re.compile(r"Sanitizer|runtime error|Assertion `|ended with|still there after TERM")
TWICE = "run twice"


def is_broken(reports):
    return any(report.failed and BROKEN.search(str(report.longrepr)) for report in reports)


def reason_of(report):
    lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
    return lines[0] if lines else ""


def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    failed = [report for report in reports if report.failed]
    if failed and not is_broken(reports):
        item._initrequest()  # pylint: disable=protected-access
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        reports[-1].user_properties.append((TWICE, reason_of(failed[0])))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter):
    """Names those that ran twice, in whichever process they did."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, reason in getattr(report, "user_properties", ()):
                if name == TWICE and report.when == "teardown":
                    terminalreporter.write_line(f"{TWICE}: {report.nodeid}: {reason}")


def pytest_report_header():
    return f"slipring: {slipring.binary()}"


# -- servers --------------------------------------------------------------------------------------


def start_all(kind, count, **options):
    started = [kind(**options) for _ in range(count)]
    for server in started:
        server.start()
    return started


@pytest.fixture(scope="session")
def memcacheds():
    """Three memcached and a fourth for direct comparison, kept for the whole run: never killed."""
    started = start_all(servers.Memcached, 4)
    yield started
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def redises():
    """As memcacheds."""
    started = start_all(servers.Redis, 4)
    yield started
    for server in started:
        server.kill()


@pytest.fixture
def own_servers():
    """A factory of servers that the test may kill, pause and start again."""
    started = []

    def make(kind, count, **options):
        some = [kind(**options) for _ in range(count)]
        started.extend(some)  # before they run, so that one that fails to start leaves nothing
        for server in some:
            server.start()
        return some

    yield make
    for server in started:
        server.kill()


@pytest.fixture
def scripted():
    """A factory of scripted servers: scripted("redis", 2)."""
    made = []

    def make(protocol, count=1, **options):
        split = servers.split_resp if protocol == "redis" else servers.split_mc
        some = [servers.Scripted(split, **options) for _ in range(count)]
        made.extend(some)
        return some

    yield make
    for server in made:
        server.stop()


# -- the proxy ------------------------------------------------------------------------------------


def proxy_factory(directory):
    """A function that starts proxies, and the list of those it started."""
    started = []

    def make(pools=None, wait="readyz", arguments=None, **settings):
        config = None
        if pools is not None:
            if "protocol" in pools:
                pools = {"main": pools}
            admin = {"listen": f"{servers.LOOPBACK}:{servers.free_port()}"}
            config = {"workers": 1, "admin": admin, "shutdown_grace": "5s", **settings}
            config["pools"] = pools
        place = directory / f"proxy-{len(started)}"
        started.append(slipring.Proxy(place, config, arguments, wait=None))
        if wait and config:
            started[-1].wait_ready(wait)
        return started[-1]

    return make, started


def stop_all(started):
    """Stop each even if one of them is a failure."""
    failures = []
    for proxy in started:
        try:
            proxy.stop()
        except AssertionError as err:
            failures.append(err)
    if failures:
        raise failures[0]


@pytest.fixture
def make_proxy(tmp_path):
    """A factory of proxies: make_proxy(slipring.pool(...), workers=2)."""
    make, started = proxy_factory(tmp_path)
    yield make
    stop_all(started)


@pytest.fixture(scope="module")
def module_proxy(tmp_path_factory):
    """As make_proxy, for one proxy that a whole file of tests shares."""
    make, started = proxy_factory(tmp_path_factory.mktemp("proxies"))
    yield make
    stop_all(started)


@pytest.fixture
def fresh():
    """Keys that no other test uses: fresh() -> b"t-4711-1"."""
    prefix, count = random.SystemRandom().randrange(1 << 40), iter(range(1 << 30))
    return lambda: b"t%x-%d" % (prefix, next(count))


@pytest.fixture
def rng(request):
    """Random, from a printed seed; SEED repeats it."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SEED={seed} ({request.node.name})")
    return random.Random(seed)


@pytest.fixture(scope="module")
def mc_proxy(module_proxy, memcacheds):
    """One proxy over the three memcached; values up to 4 MiB."""
    return module_proxy(slipring.pool("memcached", memcacheds[:3], limits={"request": "4m"}))


@pytest.fixture(scope="module")
def redis_proxy(module_proxy, redises):
    """One proxy over the three Redis."""
    return module_proxy(slipring.pool("redis", redises[:3]))


McPlace = collections.namedtuple("McPlace", "name address nodes proxy")


@pytest.fixture(scope="module")
def mc_places(module_proxy):
    """A memcached to compare with, and a proxy over one node and one over three, as McPlaces by
    name; all nodes are alike and of this file's own. SLIPRING_TEST_DIRECT=1 puts memcached itself
    in the proxies' places: the test of the tests."""
    places = {"direct": start_all(servers.Memcached, 1, item_max="1m")}
    for name, count in (("one_node", 1), ("three_nodes", 3)):
        only = bool(os.environ.get("SLIPRING_TEST_DIRECT"))
        places[name] = start_all(servers.Memcached, 1 if only else count, item_max="1m")
    yield {name: make_mc_place(name, nodes, module_proxy) for name, nodes in places.items()}
    for nodes in places.values():
        for node in nodes:
            node.kill()


def make_mc_place(name, nodes, make):
    if name == "direct" or os.environ.get("SLIPRING_TEST_DIRECT"):
        return McPlace(name, nodes[0].address, nodes, None)
    proxy = make(slipring.pool("memcached", nodes, limits={"request": "4m"}))
    return McPlace(name, proxy.address(), nodes, proxy)


Sharded = collections.namedtuple("Sharded", "address shards")


@pytest.fixture(scope="module")
def sharded(module_proxy):
    """What a client library connects to, and the Redis behind it: three, of which nobody else
    knows. SLIPRING_TEST_DIRECT=1 makes it one Redis without the proxy: the test of the test."""
    direct = bool(os.environ.get("SLIPRING_TEST_DIRECT"))
    started = start_all(servers.Redis, 1 if direct else 3)
    if direct:
        yield Sharded(started[0].address, started)
    else:
        proxy = module_proxy(slipring.pool("redis", started, hash_tag="{}"))
        yield Sharded(proxy.address(), started)
    for server in started:
        server.kill()


@pytest.fixture
def ring():
    """Which of the shards a, b, c a key belongs to."""
    return wire.Ring(["a", "b", "c"])
