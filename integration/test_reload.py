"""A change of the configuration while clients go on: each way that it can come, what it may change,
and files that are wrong, half written, or no files at all.
"""

import json
import os
import re
import signal
import socket
import time

import pytest

import load
import servers
import slipring
import wire
from wire import OK, array, bulk, command, wait_until

RATE = 2000
RELOADS = 50
LETTERS = "abcde"


class Live:
    """A proxy whose file is changed; nodes are the shards a, b, c, ... as far as they are used."""

    def __init__(self, proxy, nodes):
        self.proxy, self.nodes = proxy, nodes

    file = property(lambda self: self.proxy.file)

    def config(self, letters=None, pool=None, **settings):
        """The configuration as it is now, with other shards or other settings of its pool."""
        config = json.loads(json.dumps(self.proxy.config))
        name = pool or self.proxy.first_pool()
        if letters:
            config["pools"][name]["shards"] = [
                {"name": one, "primary": self.nodes[LETTERS.index(one)].name} for one in letters]
        config["pools"][name].update(settings)
        return config

    def change(self, letters=None, **settings):
        """By POST; it is in force when that is answered."""
        code, body = self.proxy.reload(self.config(letters, **settings))
        assert code == 200, body

    def letters(self):
        return "".join(sorted(self.proxy.shards()))

    def wait(self, letters):
        wait_until(lambda: self.letters() == letters, f"the shards to be {letters}")


@pytest.fixture
def live(own_servers, make_proxy):
    """A factory: live("abc", workers=2, reads="primary") has these of five Redis for its shards."""

    def make(letters="abc", workers=1, kind=servers.Redis, **settings):
        nodes = own_servers(kind, len(LETTERS))
        protocol = "memcached" if kind is servers.Memcached else "redis"
        pool = slipring.pool(protocol, [nodes[LETTERS.index(one)] for one in letters],
                             names=list(letters), **settings)
        return Live(make_proxy(pool, workers=workers), nodes)

    return make


def text_of(config):
    return slipring.to_yaml(config) + "\n"


def key_of(letters, name, prefix=b"key"):
    return wire.Ring(letters).key(name, prefix)


def assert_at(some, conn, letters, name):
    """A key that belongs to this shard is written to its node, and to no other."""
    key = key_of(letters, name, b"at%d" % time.monotonic_ns())
    assert conn.call("SET", key, "v") == OK
    for one, node in zip(LETTERS, some.nodes):
        with node.connect() as direct:
            assert direct.call("GET", key) == bulk("v" if one == name else None), (one, name)


# -- each way -------------------------------------------------------------------------------------


def edit_in_place(file, text):
    with open(file, "r+", encoding="utf-8") as handle:
        handle.write(text)
        handle.truncate()


def swap(file, text):
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.rename(file)


def replace(file, text):
    """As editors that remove the old file first."""
    file.unlink()
    file.write_text(text)


@pytest.mark.parametrize("way", [edit_in_place, swap, replace], ids=lambda way: way.__name__)
def test_a_change_of_the_file(live, way):
    some = live()
    with some.proxy.connect() as conn:
        for letters in ("abcd", "abce", "ab", "abc"):
            way(some.file, text_of(some.config(letters)))
            some.wait(letters)
            assert_at(some, conn, letters, letters[-1])
        conn.assert_empty()


def test_a_config_map(live, tmp_path):
    """Kubernetes: the file is a symlink through a directory's symlink, and that is what changes."""
    some = live()
    some.proxy.stop()
    mount = tmp_path / "mount"

    def publish(number, config):
        place = mount / f"..{number}"
        place.mkdir(parents=True)
        (place / "slipring.yaml").write_text(text_of(config))
        (mount / "..data_tmp").symlink_to(place.name)
        (mount / "..data_tmp").rename(mount / "..data")
        for old in mount.glob("..[0-9]*"):
            if old != place:
                (old / "slipring.yaml").unlink()
                old.rmdir()

    publish(0, some.config())
    (mount / "slipring.yaml").symlink_to("..data/slipring.yaml")
    some.proxy = slipring.Proxy(tmp_path / "again", some.config(),
                                ["run", "-c", str(mount / "slipring.yaml")])
    try:
        with some.proxy.connect() as conn:
            for number, letters in enumerate(("abcd", "ab", "abce"), 1):
                publish(number, some.config(letters))
                some.wait(letters)
                assert_at(some, conn, letters, letters[-1])
            conn.assert_empty()
    finally:
        some.proxy.stop()


def test_post_is_answered_when_it_is_done(live):
    some = live(workers=2)
    with some.proxy.connect() as conn:
        for letters in ("abcd", "abcde", "bcde", "abc") * 3:
            some.change(letters)
            assert some.letters() == letters
            assert_at(some, conn, letters, letters[-1])


@pytest.mark.parametrize("way", ["HUP", "POST"])
def test_what_is_not_in_the_file_itself(live, way):
    """A password's file is read anew when somebody asks for it, though the configuration is as it
    was."""
    some = live()
    secret = some.proxy.directory / "secret"
    secret.write_text("one\n")
    some.change(clients={"password_file": str(secret)})
    with some.proxy.connect() as conn:
        assert conn.call("AUTH", "one") == OK
    secret.write_text("two\n")
    if way == "HUP":
        some.proxy.signal(signal.SIGHUP)
    else:
        assert some.proxy.reload()[0] == 200

    def takes(password):
        with some.proxy.connect() as conn:
            return conn.call("AUTH", password) == OK

    wait_until(lambda: takes("two"), "the new password to be taken")
    assert not takes("one")


def test_hup_of_a_changed_file(live):
    some = live()
    some.file.write_text(text_of(some.config("abcd")))
    some.proxy.signal(signal.SIGHUP)
    some.wait("abcd")


def test_a_reload_without_a_change(live):
    some = live()
    with some.proxy.connect() as conn:
        for _ in range(20):
            assert some.proxy.reload()[0] == 200
            assert conn.call("PING") == b"+PONG\r\n"
    for node in some.nodes[:3]:  # no connection was made anew
        assert int(servers.info(node, "stats")["total_connections_received"]) < 20


def test_the_log_tells_what_changed(live):
    some = live()
    before = len(some.proxy.log())
    some.change("abcd")
    said = some.proxy.log()[before:]
    assert re.search(r"\bd\b", said) and re.search(r"\d+(\.\d+)? ?%", said), said
    share = float(re.search(r"(\d+(\.\d+)?) ?%", said)[1])
    assert 15 < share < 35, said  # a quarter, as the ring has it


def test_what_cannot_change_says_so(live):
    some = live()
    config = some.config("abcd")
    config["workers"] = 2
    code, body = some.proxy.reload(config)
    assert code == 200 and some.letters() == "abcd"
    assert "workers" in body + some.proxy.log()
    assert some.proxy.status()["workers"] == 1


# -- under load -----------------------------------------------------------------------------------


def stays(key):
    """Neither d nor e ever owns it, so it never moves."""
    return wire.Ring(LETTERS).index(key) < 3


@pytest.mark.timeout(150)
@pytest.mark.parametrize("workers", [1, 2])
def test_fifty_reloads_under_load(live, rng, workers):
    """No error; what need not move does not; every INCR is applied once, wherever its key was."""
    some = live(workers=workers)
    with load.Load(some.proxy.address(), rate=RATE, seed=rng.randrange(1 << 32), steady=stays,
                   judges=False) as clients:
        clients.wait_more(500)
        for i in range(RELOADS):
            letters = rng.choice([one for one in ("abc", "abcd", "abce", "abcde")
                                  if one != some.letters()])
            if i % 2:
                some.change(letters)
            else:
                swap(some.file, text_of(some.config(letters)))
                some.wait(letters)
            clients.wait_more(60)
    clients.check(load.read_from(*some.nodes))
    clients.assert_no_errors()
    for node in some.nodes[3:]:  # they were used
        with node.connect() as conn:
            assert conn.ask("DBSIZE") > 0


@pytest.mark.timeout(120)
def test_reloads_under_load_of_memcached(live, rng):
    some = live(kind=servers.Memcached)
    with load.Load(some.proxy.address(), "memcached", rate=RATE, seed=rng.randrange(1 << 32),
                   steady=stays) as clients:
        for _ in range(15):
            clients.wait_more(100)
            some.change(rng.choice(["abc", "abcd", "abce", "abcde"]))
    clients.check(load.read_from(*some.nodes))
    clients.assert_no_errors()
    assert clients.misses == 0  # nothing of what stays was looked for elsewhere


@pytest.mark.timeout(120)
def test_a_shard_at_another_address(live):
    """Its name decides, so no key moves; the new node is asked at once, and the old one let go."""
    some = live()
    with load.Load(some.proxy.address(), rate=RATE, judges=False,
                   steady=lambda key: wire.Ring("abc").index(key) < 2) as clients:
        for i in range(10):
            clients.wait_more(100)
            config = some.config("abc")
            config["pools"]["main"]["shards"][2]["primary"] = some.nodes[2 + (i + 1) % 3].name
            assert some.proxy.reload(config)[0] == 200
    clients.check(load.read_from(*some.nodes))
    clients.assert_no_errors()
    used = config["pools"]["main"]["shards"][2]["primary"]
    for node in some.nodes[2:]:
        if node.name != used:
            wait_until(lambda n=node: others(n) == 0, f"{node.name} to be let go")


def others(node):
    """How many connections it has but for the one that asks."""
    return int(servers.info(node, "clients")["connected_clients"]) - 1


def test_descriptors_do_not_grow(live):
    some = live(workers=2)
    with some.proxy.connect() as conn:
        some.change("abcde")
        some.change("abc")
        before = settled(some.proxy)
        for _ in range(25):
            some.change("abcde")
            some.change("abc")
            assert conn.call("PING") == b"+PONG\r\n"
        assert settled(some.proxy) <= before


def settled(proxy):
    """How many descriptors it has, once that has not changed for a second."""
    counts = []

    def is_still():
        counts.append(proxy.descriptors())
        return len(counts) > 20 and len(set(counts[-20:])) == 1

    wait_until(is_still, "the descriptors to settle", pause=0.05)
    return counts[-1]


# -- wrong files ----------------------------------------------------------------------------------


WRONG = {
    "an unknown key": lambda text: text + "no_such_key: 1\n",
    "no YAML": lambda text: text + "}}: [\n",
    "nothing": lambda text: "",
    "no pools": lambda text: "workers: 1\n",
    "bytes": lambda text: "\x00\x01\x02\x7f" * 100,
    "a bad address": lambda text: re.sub(r"primary: \S+", "primary: \":::\"}", text, 1),
    "half of it": lambda text: text[: text.index("shards")] + "shards: [{na",
    "a port that is taken": None,
}


def assert_serves_as_before(some, conn):
    assert some.letters() == "abc"
    for name in "abc":
        assert_at(some, conn, "abc", name)
    with some.proxy.connect() as other:
        assert other.call("PING") == b"+PONG\r\n"


def failures(proxy):
    """All counters of reloads that came to nothing."""
    return proxy.metric_sum(r"^slipring_\w*reload\w*_total\b.*|^slipring_config\w*_total\b.*")


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_changes_nothing(live, what):
    some = live()
    right, taken = some.file.read_text(), socket.create_server((servers.LOOPBACK, 0))
    if what == "a port that is taken":
        listen = f"{servers.LOOPBACK}:{taken.getsockname()[1]}"
        wrong = text_of(some.config("abcd", listen=listen))
    else:
        wrong = WRONG[what](right)
    with some.proxy.connect() as conn, taken:
        count = failures(some.proxy)
        swap(some.file, wrong)
        code, body = some.proxy.reload()
        assert code == 422, body
        json.loads(body)
        assert_serves_as_before(some, conn)
        assert failures(some.proxy) > count
        assert len(some.proxy.log()) > 0
        swap(some.file, right)
        code, body = some.proxy.reload()
        assert code == 200, body
        assert_serves_as_before(some, conn)
        conn.assert_empty()


def test_every_error_is_told(live):
    """In the answer, on the status, in the log: with its place, until the file is right again."""
    some = live()
    right = some.file.read_text()
    swap(some.file, right.replace("workers: 1", "workers: many") + "no_such_key: 1\n")
    code, body = some.proxy.reload()
    assert code == 422
    for place in (body, json.dumps(some.proxy.status()), some.proxy.log()):
        assert "no_such_key" in place, place
        assert "workers" in place, place
    line = right.count("\n") + 1
    assert f":{line}:" in body or f'"line": {line}' in body or f'"line":{line}' in body, body
    swap(some.file, right)
    assert some.proxy.reload()[0] == 200
    assert "no_such_key" not in json.dumps(some.proxy.status())


def test_a_wrong_file_is_noticed_by_itself(live):
    some = live()
    swap(some.file, some.file.read_text() + "no_such_key: 1\n")
    wait_until(lambda: "no_such_key" in json.dumps(some.proxy.status()), "the status to tell it")
    with some.proxy.connect() as conn:
        assert_serves_as_before(some, conn)


def test_no_secret_is_told(live):
    some = live()
    config = some.config(clients={"password": "s3cr3t-w0rd"})
    assert some.proxy.reload(config)[0] == 200
    swap(some.file, text_of(config) + "no_such_key: s3cr3t-w0rd\n")
    code, body = some.proxy.reload()
    assert code == 422
    for said in (body, json.dumps(some.proxy.status()), some.proxy.get("/metrics")[1],
                 some.proxy.log()):
        assert "s3cr3t" not in said


@pytest.mark.parametrize("what", ["a directory", "nothing", "a dangling link", "a pipe"])
def test_no_file(live, what):
    some = live()
    right = some.file.read_text()
    with some.proxy.connect() as conn:
        some.file.unlink()
        {"a directory": some.file.mkdir, "nothing": lambda: None,
         "a dangling link": lambda: some.file.symlink_to("nowhere"),
         "a pipe": lambda: os.mkfifo(some.file)}[what]()
        code, body = some.proxy.reload()
        assert code == 422 and "slipring.yaml" in body, body
        some.proxy.signal(signal.SIGHUP)
        assert_serves_as_before(some, conn)
        if what == "a directory":
            some.file.rmdir()
        elif what != "nothing":
            some.file.unlink()
        some.file.write_text(right)
        assert some.proxy.reload()[0] == 200
        swap(some.file, text_of(some.config("abcd")))  # what is there now is watched
        some.wait("abcd")


@pytest.mark.timeout(120)
def test_a_file_that_is_written_slowly(live, rng):
    """A few bytes at a time: what is half there is not taken, though much of it would be right."""
    some = live()
    with load.Load(some.proxy.address(), rate=500, steady=stays, judges=False) as clients:
        for letters in ("abcde", "abcd", "abc", "abcde"):
            was, text = some.letters(), text_of(some.config(letters)).encode()
            with open(some.file, "wb", buffering=0) as file:
                for at in range(0, len(text), 40):
                    file.write(text[at : at + 40])
                    time.sleep(rng.uniform(0, 0.01))
                    assert some.letters() in (was, letters)
            some.wait(letters)
    clients.check(load.read_from(*some.nodes))
    clients.assert_no_errors()


def test_half_a_file_for_long(live):
    """No writer is waited for: what is wrong is told, and right when it is."""
    some = live()
    text = text_of(some.config("abcd"))
    cut = text.index("primary", text.index("shards")) + 10
    some.file.write_text(text[:cut])
    wait_until(lambda: failures(some.proxy) > 0, "it to be found wrong")
    with some.proxy.connect() as conn:
        assert_serves_as_before(some, conn)
    with open(some.file, "a", encoding="utf-8") as file:
        file.write(text[cut:])
    some.wait("abcd")


@pytest.mark.timeout(120)
def test_files_swapped_ten_times_a_second(live, rng):
    some = live(workers=2)
    with load.Load(some.proxy.address(), rate=RATE, steady=stays, judges=False) as clients:
        for i in range(60):
            text = text_of(some.config(rng.choice(["abc", "abcd", "abcde"])))
            if i % 3 == 2:
                text = text[: rng.randrange(len(text))] + "{"
            rng.choice([swap, edit_in_place, replace])(some.file, text)
            if i % 7 == 0:
                some.proxy.signal(signal.SIGHUP)
            time.sleep(0.1)
        swap(some.file, text_of(some.config("abce")))
        some.wait("abce")
        clients.wait_more(500)
    clients.check(load.read_from(*some.nodes))
    clients.assert_no_errors()


# -- what may change ------------------------------------------------------------------------------


def test_pools_come_and_go(live, memcacheds):
    some = live()
    with some.proxy.connect("main") as conn:
        config = some.config()
        config["pools"]["pages"] = slipring.pool("memcached", memcacheds[:3])
        assert some.proxy.reload(config)[0] == 200
        with some.proxy.connect("pages") as pages:
            assert pages.set(b"k", b"v") == b"STORED\r\n"
        assert conn.call("SET", "k", "v") == OK
        address = some.proxy.address("pages")
        del config["pools"]["pages"]
        assert some.proxy.reload(config)[0] == 200
        with pytest.raises(OSError):
            wire.connect_socket(address)
        assert [pool["name"] for pool in some.proxy.status()["pools"]] == ["main"]
        assert conn.call("GET", "k") == bulk("v")
        conn.assert_empty()


def test_a_pool_before_others(live, memcacheds):
    """Pools are known by their names: one that is put first takes no other's place."""
    some = live()
    with some.proxy.connect("main") as conn:
        assert conn.call("SET", "k", "v") == OK
        config = some.config()
        config["pools"] = {"all": slipring.pool("memcached", memcacheds[:3]), **config["pools"]}
        assert some.proxy.reload(config)[0] == 200
        assert conn.call("GET", "k") == bulk("v")
        with some.proxy.connect("main") as other, some.proxy.connect("all") as pages:
            assert other.call("GET", "k") == bulk("v")
            assert pages.call(b"version").startswith(b"VERSION")
        conn.assert_empty()


def test_listeners(live):
    some = live()
    old, new = some.proxy.address(), (servers.LOOPBACK, servers.free_port())
    path = str(some.proxy.directory / "sock")
    with some.proxy.connect() as conn:
        first = some.proxy.config["pools"]["main"]["listen"]
        some.change(listen=[first, f"{new[0]}:{new[1]}", f"unix:{path}"])
        for address in (old, new, path):
            with wire.RespConnection(address) as other:
                assert other.call("PING") == b"+PONG\r\n"
        some.change(listen=[f"{new[0]}:{new[1]}"])
        for address in (old, path):
            with pytest.raises(OSError):
                wire.connect_socket(address)
        assert conn.call("SET", "k", "v") == OK  # it came by a door that is closed now
        with wire.RespConnection(new) as other:
            assert other.call("GET", "k") == bulk("v")


def test_limits(live):
    some = live(limits={"request": "64k"})
    with some.proxy.connect() as conn:
        assert conn.call("SET", "k", "v" * 60_000) == OK
        some.change(limits={"request": "1m"})
        assert conn.call("SET", "k", "v" * 900_000) == OK
        some.change(limits={"request": "64k"})
        with some.proxy.connect() as other:
            assert other.call("SET", "k", "v" * 200_000).startswith(b"-ERR ")
        assert conn.call("GET", "k") == bulk("v" * 900_000)


def test_the_limit_of_clients(live):
    some = live(limits={"clients": 2})
    wait_until(lambda: some.proxy.status()["pools"][0]["clients"] == 0, "the first to be gone")
    with some.proxy.connect() as one, some.proxy.connect() as two:
        assert [conn.call("PING") for conn in (one, two)] == [b"+PONG\r\n"] * 2
        with some.proxy.connect() as three:
            assert b"PONG" not in three.read_to_end()
        wait_until(lambda: some.proxy.status()["pools"][0]["clients"] == 2, "it to be gone")
        some.change(limits={"clients": 3})
        with some.proxy.connect() as three:
            assert three.call("PING") == b"+PONG\r\n"
            some.change(limits={"clients": 1})
            assert [conn.call("PING") for conn in (one, two, three)] == [b"+PONG\r\n"] * 3


def test_timeouts(live):
    some = live(timeouts={"request": "20s"})
    some.change(timeouts={"request": "300ms"})
    key = key_of("abc", "a")
    with some.proxy.connect() as conn:
        assert conn.call("SET", key, "v") == OK
        some.nodes[0].pause()
        try:
            assert b"no reply" in conn.call("INCR", key)
        finally:
            some.nodes[0].resume()


def test_passwords_of_clients(live):
    some = live()
    with some.proxy.connect() as old:
        assert old.call("SET", "k", "v") == OK
        some.change(clients={"password": "one"})
        with some.proxy.connect() as conn:
            assert conn.call("GET", "k").startswith(b"-NOAUTH")
            assert conn.call("AUTH", "one") == OK
            assert conn.call("GET", "k") == bulk("v")
            some.change(clients={"password": "two"})
            assert conn.call("GET", "k") == bulk("v")
        with some.proxy.connect() as conn:
            assert conn.call("AUTH", "one").startswith(b"-")
            assert conn.call("AUTH", "two") == OK


def test_the_password_of_the_nodes(live):
    """Changed at the nodes and then in the file: whoever connects anew needs the new one."""
    some = live()
    with load.Load(some.proxy.address(), rate=500) as clients:
        clients.wait_more(200)
        for word in ("one", "two"):
            for node in some.nodes[:3]:
                set_password(node, word)
            some.change(credentials={"password": word})
            clients.wait_more(200)
    clients.assert_no_errors()
    for node in some.nodes[:3]:
        with node.connect() as conn:
            assert conn.call("AUTH", "two") == OK
            conn.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with some.proxy.connect() as conn:
        for name in "abc":
            key = key_of("abc", name)
            wait_until(lambda k=key: conn.call("SET", k, "v") == OK, f"shard {name}")


def set_password(node, word):
    with node.connect() as conn:
        if not conn.call("CONFIG", "SET", "requirepass", word) == OK:
            assert conn.call("AUTH", "one") == OK
            assert conn.call("CONFIG", "SET", "requirepass", word) == OK


def test_policies(live):
    some = live()
    with some.proxy.connect() as conn:
        assert conn.call("SET", "k:1", "v") == OK
        some.change(prefixes=[{"match": "k:", "refuse": ["set"]}])
        assert conn.call("SET", "k:1", "w").startswith(b"-")
        assert conn.call("SET", "l:1", "w") == OK
        some.change(prefixes=[{"match": "l:", "refuse": ["set"]}])
        assert conn.call("SET", "k:1", "w") == OK
        assert conn.call("SET", "l:1", "w").startswith(b"-")


def test_weights(live):
    some = live()
    config = some.config("abc")
    config["pools"]["main"]["shards"][0]["weight"] = 8
    with some.proxy.connect() as conn:
        assert some.proxy.reload(config)[0] == 200
        assert some.proxy.shards()["a"]["weight"] == 8
        for i in range(300):
            assert conn.call("SET", f"w{i}", i) == OK
    with some.nodes[0].connect() as direct:
        assert direct.ask("DBSIZE") > 180


def test_replicas_come_and_go(own_servers, make_proxy):
    primary, = own_servers(servers.Redis, 1)
    replica, = own_servers(servers.Replica, 1, primary=primary)
    pool = slipring.pool("redis", [primary], reads="prefer-replica",
                         health={"every": "100ms", "timeout": "2s"})
    some = Live(make_proxy(pool), [primary])
    with some.proxy.connect() as conn:
        assert conn.call("SET", "k", "v") == OK
        wait_until(replica.follows, "the replica")
        config = some.config()
        config["pools"]["main"]["shards"][0]["replicas"] = [replica.name]
        assert some.proxy.reload(config)[0] == 200
        wait_until(lambda: conn.call("GET", "k") == bulk("v") and reads(replica) > 0,
                   "the replica to be read")
        assert some.proxy.reload(some.config("a"))[0] == 200
        before = reads(replica)
        for _ in range(50):
            assert conn.call("GET", "k") == bulk("v")
        assert reads(replica) == before


def reads(node):
    found = servers.info(node, "commandstats").get("cmdstat_get", "calls=0")
    return int(re.search(r"calls=(\d+)", found)[1])


# -- what is under way ----------------------------------------------------------------------------


def test_a_request_finishes_where_it_was_sent(live):
    """Its shard leaves the ring, or moves, while its node takes its time."""
    some = live("abcd", timeouts={"request": "20s"})
    key = key_of("abcd", "d")
    with some.proxy.connect() as conn, some.nodes[3].connect() as direct:
        assert direct.call("SET", key, "v") == OK
        assert conn.call("GET", key) == bulk("v")
        some.nodes[3].pause()
        conn.send(command("GET", key) + command("ECHO", "next"))
        wait_until(lambda: some.proxy.shards()["d"]["endpoint"]["in_flight"] > 0, "it to be sent")
        some.change("abc")
        some.nodes[3].resume()
        conn.expect(bulk("v") + bulk("next"))
        assert conn.call("GET", key) == bulk(None)  # its owner is another now


def test_a_client_that_waits(live):
    """BLPOP goes on at the node that left; what is pushed there comes."""
    some = live("abcd")
    key = key_of("abcd", "d")
    with some.proxy.connect() as conn, some.nodes[3].connect() as direct:
        conn.send(command("BLPOP", key, 30))
        wait_until(lambda: servers.info(some.nodes[3], "clients")["blocked_clients"] == "1", "it")
        some.change("abc")
        assert direct.call("RPUSH", key, "v") == b":1\r\n"
        conn.expect(array([key, "v"]))
        conn.assert_empty()


def test_a_transaction_that_was_begun(live):
    """It ends where it began, or is refused as a whole: never half."""
    some = live("abcd")
    key = key_of("abcd", "d")
    with some.proxy.connect() as conn:
        assert conn.pipeline([command("MULTI"), command("INCR", key)]) == [OK, b"+QUEUED\r\n"]
        some.change("abc")
        done = wire.decode(conn.pipeline([command("INCR", key), command("EXEC")])[-1])
        assert done == [1, 2] or isinstance(done, wire.ErrorReply), done
        conn.assert_empty()
    values = []
    for node in some.nodes:
        with node.connect() as direct:
            values.append(direct.ask("GET", key))
    assert sorted(value for value in values if value) == ([b"2"] if done == [1, 2] else [])


def test_a_subscriber(live):
    """It hears of every message that is published after a change, as before it."""
    some = live()
    channels = [b"news:%d" % i for i in range(12)]
    with some.proxy.connect() as conn, some.proxy.connect() as publisher:
        conn.send(command("SUBSCRIBE", *channels))
        for _ in channels:
            conn.read_reply()
        for letters in ("abcde", "ab", "abcd", "abc"):
            some.change(letters)
            for channel in channels:
                heard = wait_until(lambda c=channel: publisher.ask("PUBLISH", c, letters),
                                   f"somebody to hear of {channel}")
                assert heard == 1
            got = set()
            while len(got) < len(channels):
                got.add(tuple(wire.decode(conn.read_reply())))
            assert got == {(b"message", one, letters.encode()) for one in channels}


def test_a_long_reply(live):
    some = live("abcd", limits={"request": "64m"})
    key, value = key_of("abcd", "d"), b"v" * 20_000_000
    with some.proxy.connect(rcvbuf=65536) as conn, some.nodes[3].connect() as direct:
        assert direct.call("SET", key, value) == OK
        conn.send(command("GET", key))
        conn.need(100)
        some.change("abc")
        assert conn.read_reply() == bulk(value)
        conn.assert_empty()


def test_cursors_survive(live):
    """SCAN ends, and has every key that was there all the time, though a shard came."""
    some = live()
    keys = {b"scan:%d" % i for i in range(300) if wire.Ring("abcd").index(b"scan:%d" % i) < 3}
    with some.proxy.connect() as conn:
        for key in keys:
            assert conn.call("SET", key, 1) == OK
        cursor, found = b"0", set()
        for turn in range(5000):
            reply = conn.ask("SCAN", cursor, "COUNT", 10)
            assert not isinstance(reply, wire.ErrorReply), reply
            cursor, some_keys = reply
            found |= set(some_keys)
            if turn == 3:
                some.change("abcd")
            if cursor == b"0":
                break
        assert cursor == b"0" and found >= keys


def test_a_hundred_shards(make_proxy, redises):
    """As many as are many; each reload gives every one of them another weight."""
    rows = [{"name": f"s{i}", "primary": redises[i % 3].name} for i in range(100)]
    pool = slipring.pool("redis", redises[:1])
    pool["shards"] = rows
    proxy = make_proxy(pool, workers=2)
    config = json.loads(json.dumps(proxy.config))
    with load.Load(proxy.address(), rate=500, judges=False) as clients:
        for weight in (2, 3, 1):
            config["pools"]["main"]["shards"] = [dict(row, weight=weight) for row in rows]
            assert proxy.reload(config)[0] == 200
            clients.wait_more(100)
    clients.assert_no_errors()
