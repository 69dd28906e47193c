"""Load from real clients while a test does things to the servers, and the books kept of it.

Every client keeps a ledger of its own keys: what was acknowledged, and what may have run or not. A
reply that the ledger does not allow is wrong at once; check() compares with what the nodes have.

An error reply is taken at its word: unless it says "may have run", the command did not run. So a
server that runs what it refused, or runs a command twice, is found out by its counters.

Clients do not reconnect unless they are told to: a connection that breaks is counted, and that
client has left.
"""

import array
import collections
import os
import random
import threading
import time

import pymemcache
import redis

import fleet
import wire

REQUESTS_MAX = 600_000  # of one load, whatever the test does
SECONDS_MAX = 240
SOCKET_SECONDS = 30  # longer than any request timeout of the proxy's
MAY_HAVE_RUN = "may have run"
KEYS_EACH = 12

Failure = collections.namedtuple("Failure", "at client command text unknown")


class LedgerError(AssertionError):
    """The servers do not have what they acknowledged, or have what nobody asked for."""


class Refused(Exception):
    """The answer is an error."""


class Broken(Exception):
    """There is no answer, and no connection any more."""


# -- the books ------------------------------------------------------------------------------------


class Counter:
    """What is known of one counter that is only ever incremented by one."""

    def __init__(self, lossy=False):
        self.acknowledged = self.unknown = 0
        self.lossy = lossy

    def allows(self, value):
        """A final value."""
        least = 0 if self.lossy else self.acknowledged
        return least <= value <= self.acknowledged + self.unknown

    def __str__(self):
        return f"{self.acknowledged} acknowledged, {self.unknown} of unknown fate"


class Cell:
    """What is known of one key that is only ever set, by one client, each time to a new value."""

    def __init__(self, lossy=False):
        self.last, self.unknown, self.lossy = None, set(), lossy

    def allows(self, value):
        """A write of unknown fate may come to light at any later time: it may have been waiting."""
        return self.lossy or value == self.last or value in self.unknown

    def __str__(self):
        return f"last acknowledged {self.last!r}, {len(self.unknown)} of unknown fate"


# -- clients of libraries -------------------------------------------------------------------------


class RedisPy:
    """redis-py, with a connection that is made once."""

    def __init__(self, address, reconnect, password=None):
        outer = self

        class OnceConnection(redis.Connection):
            """Counts how often it was made."""

            def connect(self):
                if self._sock is None:
                    outer.made += 1
                    if outer.made > 1 and not reconnect:
                        raise redis.ConnectionError("it does not reconnect")
                super().connect()

        self.made = 0
        host, port = address
        pool = redis.ConnectionPool(connection_class=OnceConnection, host=host, port=port,
                                    socket_timeout=SOCKET_SECONDS, password=password,
                                    socket_connect_timeout=SOCKET_SECONDS)
        self.redis = redis.Redis(connection_pool=pool, single_connection_client=True)

    def ask(self, call, *args):
        try:
            return call(*args)
        except (redis.ResponseError, redis.exceptions.BusyLoadingError) as err:
            raise Refused(str(err)) from err
        except (redis.RedisError, OSError) as err:
            raise Broken(repr(err)) from err

    def incr(self, key):
        return self.ask(self.redis.incr, key)

    def set(self, key, value):
        self.ask(self.redis.set, key, value)

    def get(self, key):
        return self.ask(self.redis.get, key)

    def mget(self, keys):
        return self.ask(self.redis.mget, keys)

    def close(self):
        self.redis.close()  # gives the connection back to its pool, which keeps it
        self.redis.connection_pool.disconnect()


class Pymemcache:
    """pymemcache, likewise. A counter that is not there is made by `add`."""

    def __init__(self, address, reconnect):
        outer = self

        class OnceClient(pymemcache.Client):
            """Counts how often its connection was made."""

            def _connect(self):
                outer.made += 1
                if outer.made > 1 and not reconnect:
                    raise OSError("it does not reconnect")
                super()._connect()

        self.made = 0
        self.client = OnceClient(address, timeout=SOCKET_SECONDS, connect_timeout=SOCKET_SECONDS,
                                 no_delay=True)

    def ask(self, call, *args, **options):
        try:
            return call(*args, **options)
        except pymemcache.MemcacheError as err:
            if isinstance(err, pymemcache.MemcacheUnexpectedCloseError):
                raise Broken(repr(err)) from err
            text = err.args[0] if err.args else b""
            self.made = 0  # it has closed its connection itself, as it does at every error reply
            raise Refused(text.decode() if isinstance(text, bytes) else str(text)) from err
        except OSError as err:
            raise Broken(repr(err)) from err

    def incr(self, key):
        value = self.ask(self.client.incr, key, 1, noreply=False)
        if value is None and self.ask(self.client.add, key, b"1", noreply=False):
            return 1
        return value

    def set(self, key, value):
        if not self.ask(self.client.set, key, value, noreply=False):
            raise Refused("NOT_STORED")

    def get(self, key):
        return self.ask(self.client.get, key)

    def mget(self, keys):
        found = self.ask(self.client.get_many, keys)
        return [found.get(key) for key in keys]

    def close(self):
        self.client.close()


# -- one client -----------------------------------------------------------------------------------


class Client(threading.Thread):
    """Commands one after the other, at a rate, from a seed of its own."""

    def __init__(self, load, number, rate):
        super().__init__(daemon=True, name=f"client-{number}")
        self.load, self.number, self.interval = load, number, 1 / rate
        self.rng = random.Random(load.seed * 1000 + number)
        self.library = None
        self.latencies = array.array("d")
        self.served = self.misses = self.serial = 0
        counters, cells = load.keys_of(number)
        self.counters = {key: Counter(load.lossy) for key in counters}
        self.cells = {key: Cell(load.lossy) for key in cells}

    def run(self):
        due = time.monotonic()
        try:
            self.connect()
            while self.load.goes_on() and self.turn():
                # What was missed while the servers stood still is not made up for in a burst.
                due = max(due + self.interval, time.monotonic() - 0.05)
                time.sleep(max(0.0, due - time.monotonic()))
        except Broken as err:
            self.load.broke(self, err)
        except Exception as err:  # pylint: disable=broad-except
            self.load.wrong(f"{self.name}: {err!r}")
        finally:
            if self.library:
                self.library.close()

    def turn(self):
        """One round; False when the client has lost its connection and leaves."""
        try:
            self.round()
            return True
        except Broken as err:
            self.load.broke(self, err)
            if self.load.reconnect:
                time.sleep(0.02)
                self.connect()
            return self.load.reconnect

    def connect(self):
        self.library = self.load.library()

    def round(self):
        kind = self.rng.choices(("incr", "set", "get", "mget"), self.load.mix)[0]
        begun = time.monotonic()
        try:
            getattr(self, kind)()
            self.latencies.append(time.monotonic() - begun)
            self.load.served(self, begun, kind in ("incr", "set"))
        except Refused:
            pass  # in the books already

    def attempt(self, what, key, call, *args):
        """What the library returns; an error is noted, and goes on to whoever keeps the books."""
        try:
            return call(key, *args)
        except (Refused, Broken) as err:
            err.unknown = isinstance(err, Broken) or MAY_HAVE_RUN in str(err)
            self.load.failed(self, what, key, err)
            raise

    def incr(self):
        key = self.rng.choice(list(self.counters))
        counter = self.counters[key]
        try:
            value = self.attempt("incr", key, self.library.incr)
        except (Refused, Broken) as err:
            counter.unknown += err.unknown
            raise
        counter.acknowledged += 1
        self.judge_count(key, counter, value)

    def judge_count(self, key, counter, value):
        if self.load.judges and (not isinstance(value, int) or not counter.allows(value)):
            self.load.wrong(f"INCR {key!r} said {value!r}: {counter}")

    def new_value(self, key):
        self.serial += 1
        return b"%s=%d.%s" % (key, self.serial, b"v" * self.rng.choice((0, 20, 200)))

    def set(self):
        key = self.rng.choice(list(self.cells))
        value = self.new_value(key)
        try:
            self.attempt("set", key, self.library.set, value)
        except (Refused, Broken) as err:
            if err.unknown:
                self.cells[key].unknown.add(value)
            raise
        self.cells[key].last = value

    def get(self):
        key = self.rng.choice(list(self.cells))
        self.judge_value(key, self.attempt("get", key, self.library.get))

    def mget(self):
        keys = self.rng.sample(list(self.cells), min(6, len(self.cells)))
        for key, value in zip(keys, self.attempt("mget", keys, self.library.mget)):
            if isinstance(value, redis.ResponseError):  # of this key alone
                value.unknown = False
                self.load.failed(self, "mget", key, value)
            else:
                self.judge_value(key, value)

    def judge_value(self, key, value):
        """In a cache what was stored may be gone; what never was, or no longer is, may not come."""
        cell = self.cells[key]
        if value is None and cell.last is not None and self.load.is_cache:
            self.misses += 1
        elif not cell.allows(value):
            self.load.stale(f"GET {key!r} said {value!r}: {cell}")


class Pipeliner(Client):
    """One long-lived connection of bytes, on which batches are sent at once; Redis."""

    BATCH = 25

    def __init__(self, load, number, rate):
        super().__init__(load, number, rate / self.BATCH)

    def connect(self):
        try:
            self.library = wire.RespConnection(self.load.address, timeout=SOCKET_SECONDS)
            if self.load.password:
                assert self.library.call("AUTH", self.load.password) == wire.OK
        except OSError as err:
            raise Broken(repr(err)) from err

    def round(self):
        plan = [self.plan_one() for _ in range(self.BATCH)]
        begun = time.monotonic()
        left = collections.deque(plan)
        try:
            self.library.send(b"".join(wire.command(*words) for words in plan))
            while left:
                self.settle(left, wire.decode(self.library.read_reply()), begun)
                left.popleft()
        except (OSError, wire.WireError) as err:
            for words in left:
                self.fail(words, Broken(repr(err)), True)
            raise Broken(repr(err)) from err

    def plan_one(self):
        kind = self.rng.choices(("INCR", "SET", "GET"), self.load.mix[:3])[0]
        if kind == "INCR":
            return kind, self.rng.choice(list(self.counters))
        key = self.rng.choice(list(self.cells))
        return (kind, key, self.new_value(key)) if kind == "SET" else (kind, key)

    def settle(self, left, reply, begun):
        """The reply of the first that is left."""
        words = left[0]
        kind, key = words[:2]
        if isinstance(reply, wire.ErrorReply):
            self.fail(words, reply, MAY_HAVE_RUN in str(reply))
            return
        self.latencies.append(time.monotonic() - begun)
        self.load.served(self, begun, kind != "GET")
        if kind == "INCR":
            self.counters[key].acknowledged += 1
            self.judge_count(key, self.counters[key], reply)
        elif kind == "SET":
            self.cells[key].last = words[2]
        elif not self.load.overtaken or ("SET", key, reply) not in left:
            self.judge_value(key, reply)

    def fail(self, words, err, unknown):
        err.unknown = unknown
        self.load.failed(self, words[0].lower(), words[1], err)
        if words[0] == "INCR":
            self.counters[words[1]].unknown += unknown
        elif words[0] == "SET" and unknown:
            self.cells[words[1]].unknown.add(words[2])


# -- all of them ----------------------------------------------------------------------------------


class Load:
    """Clients of one address, from start() to stop(); as a context, over its block.

    rate         requests a second of all clients together, a quarter of them by the pipeline
    steady       which keys hold values that are read back; all, unless keys move between nodes
    judges       replies of INCR are compared with the ledger; not where a counter's key moves
    is_cache     a value may be gone, and counters have no ledger: memcached
    counted      which keys are counters, likewise
    reconnect    a client whose connection breaks makes another; it is counted all the same
    mix          how often INCR, SET, GET, MGET
    lossy        the servers may lose what they acknowledged, as a primary that is killed before its
                 replica has all: what is left to see is that nothing was applied twice
    overtaken    a read may see a write that stands behind it in the pipeline, as the two go to a replica
                 and to its primary
    """

    def __init__(self, address, protocol="redis", clients=6, rate=2000, seed=None, steady=None,
                 counted=None, judges=True, reconnect=False, mix=(3, 2, 3, 1), password=None,
                 prefix=b"", lossy=False, overtaken=False):
        self.address, self.protocol, self.reconnect = address, protocol, reconnect
        self.password, self.mix, self.overtaken = password, mix, overtaken
        self.is_cache = protocol == "memcached"
        self.judges, self.lossy = judges and not self.is_cache, lossy
        self.seed = seed or int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
        self.prefix = prefix + b"load%x:" % self.seed
        self.steady = steady or (lambda key: True)
        self.counted = counted or (lambda key: True)
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.errors, self.wrongs, self.stales, self.broken = [], [], [], []
        self.requests = self.writes = 0
        self.begun = self.last_write = self.ended = None
        self.longest_gap, self.marks = 0.0, []
        piped = 0 if self.is_cache else rate // 4
        self.clients = [Client(self, i, (rate - piped) / clients) for i in range(clients)]
        if piped:
            self.clients.append(Pipeliner(self, clients, piped))

    def keys_of(self, number):
        """A client's counters, and its keys with values."""
        return (self.keys(b"n%d" % number, self.counted), self.keys(b"c%d" % number, self.steady))

    def keys(self, kind, wanted):
        """The first keys of a client that are of the wanted ones."""
        found, i = [], 0
        while len(found) < KEYS_EACH:
            key = b"%s%s:%d" % (self.prefix, kind, i)
            if wanted(key):
                found.append(key)
            i += 1
            assert i < 100_000, "no key is wanted"
        return found

    def library(self):
        """A library's client; redis-py connects at once, pymemcache with its first command."""
        try:
            if self.is_cache:
                return Pymemcache(self.address, self.reconnect)
            return RedisPy(self.address, self.reconnect, self.password)
        except (redis.RedisError, OSError) as err:
            raise Broken(repr(err)) from err

    # -- its life

    def start(self):
        print(f"SEED={self.seed} (load on {self.address})")
        self.begun = self.last_write = time.monotonic()
        for client in self.clients:
            client.start()
        return self

    def stop(self):
        if self.ended is None:
            self.ending.set()
            for client in self.clients:
                client.join(SOCKET_SECONDS * 2)
                assert not client.is_alive(), f"{client.name} hangs"
            self.ended = time.monotonic()
            self.longest_gap = max(self.longest_gap, self.ended - self.last_write)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.stop()
        print(self.report())

    def goes_on(self):
        return not (self.ending.is_set() or self.requests >= REQUESTS_MAX
                    or time.monotonic() - self.begun > SECONDS_MAX)

    def wait_more(self, requests, seconds=60):
        """Go on when so many more requests have been served."""
        wanted = self.requests + requests
        wire.wait_until(lambda: self.requests >= wanted or not self.is_alive(),
                        f"{requests} more requests; {self.report()}", seconds)
        assert self.requests >= wanted, f"every client has left: {self.report()}"

    def wait_writes(self, writes, seconds=60):
        """Likewise of writes."""
        wanted = self.writes + writes
        wire.wait_until(lambda: self.writes >= wanted or not self.is_alive(),
                        f"{writes} more writes; {self.report()}", seconds)
        assert self.writes >= wanted, f"every client has left: {self.report()}"

    def is_alive(self):
        return any(client.is_alive() for client in self.clients)

    # -- what clients tell

    def served(self, client, begun, is_write):
        now = time.monotonic()
        with self.lock:
            client.served += 1
            self.requests += 1
            if is_write:
                self.writes += 1
                self.longest_gap = max(self.longest_gap, now - self.last_write)
                self.last_write = now
                for mark in self.marks:
                    if mark["served"] is None and begun >= mark["at"]:
                        mark["served"] = now - mark["at"]

    def failed(self, client, what, key, err):
        with self.lock:
            self.errors.append(Failure(round(time.monotonic() - self.begun, 3), client.number,
                                       f"{what} {key!r}", str(err), err.unknown))

    def broke(self, client, err):
        with self.lock:
            self.broken.append(f"{client.name}: {err}")

    def wrong(self, text):
        with self.lock:
            self.wrongs.append(text)

    def stale(self, text):
        with self.lock:
            self.stales.append(text)

    def mark(self, name):
        """From this moment on: how long until a write that begins after it is served?"""
        with self.lock:
            self.marks.append({"name": name, "at": time.monotonic(), "served": None})

    # -- what came of it

    unknown = property(lambda self: [err for err in self.errors if err.unknown])
    refused = property(lambda self: [err for err in self.errors if not err.unknown])
    misses = property(lambda self: sum(client.misses for client in self.clients))

    def latency_ms(self, percent):
        """A percentile of the latencies of all that was served; of the pipeline, of its batches."""
        all_of_them = sorted(one for client in self.clients for one in client.latencies)
        if not all_of_them:
            return None
        return 1000 * all_of_them[min(len(all_of_them) - 1, int(len(all_of_them) * percent / 100))]

    def report(self):
        seconds = (self.ended or time.monotonic()) - self.begun
        p50, p99, p100 = (self.latency_ms(percent) or 0 for percent in (50, 99, 100))
        lines = [
            f"{self.requests} requests in {seconds:.1f} s ({self.requests / seconds:.0f}/s), "
            f"{self.writes} writes; latency ms p50 {p50:.1f} p99 {p99:.1f} max {p100:.1f}; "
            f"longest without a served write {self.longest_gap * 1000:.0f} ms",
            f"{len(self.errors)} errors ({len(self.unknown)} of unknown fate), "
            f"{len(self.broken)} broken connections, {self.misses} misses, "
            f"{len(self.stales)} stale reads, {len(self.wrongs)} wrong"]
        for mark in self.marks:
            after = f"{mark['served'] * 1000:.0f} ms" if mark["served"] is not None else "never"
            lines.append(f"after {mark['name']}: the first write served {after} later")
        lines += [f"  {err}" for err in self.errors[:3]] + self.broken[:3] + self.wrongs[:3]
        return "\n".join(lines + self.stales[:3])

    def assert_no_errors(self):
        """Nothing that a client could have noticed."""
        assert not self.errors and not self.broken, self.report()

    def check(self, read):
        """Compare the ledgers with the nodes: read(key) is the list of values of a key that the
        nodes have, one at most unless keys moved. Raises LedgerError with all that is wrong."""
        self.stop()
        faults = self.wrongs + self.stales
        for client in self.clients:
            if not self.is_cache:
                for key, counter in client.counters.items():
                    total = sum(int(value) for value in read(key))
                    if not counter.allows(total):
                        faults.append(f"{key!r} is {total}: {counter}")
            for key, cell in client.cells.items():
                values = read(key) or [None]
                if not all(self.is_right(cell, value) for value in values):
                    faults.append(f"{key!r} is {values!r}: {cell}")
        if faults:
            raise LedgerError(f"{len(faults)} faults, seed {self.seed}:\n" + "\n".join(faults[:20]))
        assert self.requests > 0, "there was no load"

    def is_right(self, cell, value):
        return cell.allows(value) or (self.is_cache and value is None)


def read_from(*nodes):
    """For check(): asks each of these Redis, or memcached, itself."""
    connections = [node.connect() for node in nodes]

    def read(key):
        found = []
        for conn in connections:
            if isinstance(conn, wire.McConnection):
                values = [value for _, value in conn.get(key)[0].values()]
            else:
                values = [conn.ask("GET", key)]
            found += [value for value in values if value is not None]
        return found

    return read


def read_from_cluster(cluster):
    """For check(): asks the node that has the key's slot."""
    rows = {node: row[2] for node, row in cluster.rows().items() if row[2]}
    connections = {node: node.connect() for node in rows}

    def read(key):
        slot = fleet.slot_of(key)
        node = next(node for node, slots in rows.items() if slot in slots)
        value = connections[node].ask("GET", key)
        assert not isinstance(value, wire.ErrorReply), value
        return [] if value is None else [value]

    return read


def hold_back(conns, limit, told=b"-ERR slipring: "):
    """All of them increment `n` while nobody can. Those that wait, as many as may: the others are told."""
    for conn in conns:
        conn.send(wire.command("INCR", "n"))
    time.sleep(0.5)
    refused = [conn for conn in conns if not conn.is_silent(0.01)]
    assert len(refused) == len(conns) - limit
    for conn in refused:
        assert conn.read_reply().startswith(told)
    return [conn for conn in conns if conn not in refused]
