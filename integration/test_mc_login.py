"""Logins by memcached's text protocol: of clients as memcached -Y takes them, and to nodes of -Y.

Tests with the `place` fixture run against a memcached -Y and against the proxy.
"""

import pytest

import servers
import slipring
import wire

UNAUTHENTICATED = b"CLIENT_ERROR unauthenticated\r\n"
FAILURE = b"CLIENT_ERROR authentication failure\r\n"
FORMAT = b"CLIENT_ERROR bad authentication token format\r\n"
STORED = b"STORED\r\n"
USERS = {"default": "front:door", "app": "its-own", "node": "back-door"}
CREDENTIALS = {"username": "node", "password": USERS["node"]}


def login(user="default", password=None, line=b"set any 0 0 %d\r\n"):
    value = f"{user} {password or USERS[user]}".encode()
    return line % len(value) + value + b"\r\n"


class Guarded(servers.Memcached):
    """memcached -Y, with the users of a file."""

    def __init__(self, folder):
        super().__init__()
        self.users = folder / f"users-{self.port}"
        self.users.write_text("".join(f"{name}:{word}\n" for name, word in USERS.items()))
        folder.chmod(0o755)

    def command(self):
        return [*super().command(), "-Y", str(self.users)]

    def ping(self, conn):
        return conn.call(b"version") == UNAUTHENTICATED

    def connect(self, user=None, **options):
        conn = super().connect(**options)
        if user:
            assert conn.call(login(user)[:-2]) == STORED
        return conn


@pytest.fixture(scope="module")
def guarded_nodes(tmp_path_factory):
    started = [Guarded(tmp_path_factory.mktemp("users")).start() for _ in range(3)]
    yield started
    for server in started:
        server.kill()


@pytest.fixture(scope="module")
def inside(module_proxy, guarded_nodes):
    """A proxy that logs in to its nodes and asks its clients for nothing."""
    return module_proxy(slipring.pool("memcached", guarded_nodes, credentials=CREDENTIALS))


@pytest.fixture(scope="module")
def outside(module_proxy, inside):
    """A proxy in front of that one, which asks its clients."""
    return module_proxy(slipring.pool(
        "memcached", [f"{servers.LOOPBACK}:{inside.port()}"],
        clients={"password": USERS["default"]},
        users=[{"name": "app", "password": USERS["app"]}]))


@pytest.fixture(params=["direct", "proxy"])
def place(request):
    if request.param == "direct":
        return request.getfixturevalue("guarded_nodes")[0].address
    return request.getfixturevalue("outside").address()


# -- clients --------------------------------------------------------------------------------------


def test_any_set_is_a_login_until_one_is_right(place, fresh):
    key = fresh()
    with wire.McConnection(place) as conn:
        for sent, reply in (
            (b"get %s\r\n" % key, UNAUTHENTICATED),
            (login("app", "wrong"), FAILURE),
            (login("nobody", "wrong"), FAILURE),
            (login("app", USERS["default"]), FAILURE),
            (b"set %s 0 0 3\r\napp\r\n" % key, FORMAT),
            (b"quit\r\n", UNAUTHENTICATED),
            (login("app", line=b"set " + key + b" 9 9 %d noreply\r\n"), STORED),
            (b"get %s\r\n" % key, b"END\r\n"),
            (login("app", "wrong", b"set " + key + b" 0 0 %d\r\n"), STORED),
            (b"get %s\r\n" % key, b"VALUE %s 0 9\r\napp wrong\r\nEND\r\n" % key),
        ):
            conn.send(sent)
            conn.expect(reply)
        assert not conn.buffer


def test_a_login_may_come_byte_by_byte(place):
    with wire.McConnection(place) as conn:
        for i in range(len(login())):
            conn.send(login()[i : i + 1])
        conn.expect(STORED)


@pytest.mark.parametrize("data", [
    b"x" * 5000, b"set a 0 0 100000\r\n" + b"x" * 20000, b"get " + b"a " * 10000])
def test_a_stranger_that_says_too_much_is_closed(place, data):
    with wire.McConnection(place) as conn:
        conn.send(data)
        conn.expect_closed()


def test_each_line_in_one_piece_is_answered(outside):
    """memcached answers only the last of them."""
    with outside.connect() as conn:
        conn.send(b"version\r\n" + login("app", "wrong") + login() + b"get no-such-key\r\n")
        conn.expect(UNAUTHENTICATED + FAILURE + STORED + b"END\r\n")


def test_a_large_value_of_a_stranger_costs_no_memory(outside):
    with outside.connect() as conn:
        conn.send(b"add k 0 0 1000000\r\n")
        conn.expect(UNAUTHENTICATED)
        conn.send(b"x" * 100000)
        conn.expect_closed()


def test_a_user_without_a_password(make_proxy, memcacheds):
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:3], users=[{"name": "open"}]))
    with proxy.connect() as conn:
        assert conn.call(login("default")[:-2]) == FAILURE
        assert conn.call(login("open", "anything")[:-2]) == STORED
        assert conn.call(b"get no-such-key") == b"END\r\n"


# -- nodes ----------------------------------------------------------------------------------------


def test_keys_are_on_the_nodes(inside, guarded_nodes, ring, fresh):
    prefix = fresh()
    with inside.connect() as conn:
        for name, node in zip(ring.names, guarded_nodes):
            key = ring.key(name, prefix)
            assert conn.set(key, name.encode()) == STORED
            with node.connect("app") as direct:
                assert direct.get(key)[0] == {key: (0, name.encode())}


def test_a_node_that_comes_back_is_logged_in_to(tmp_path, own_servers, make_proxy):
    node, = own_servers(Guarded, 1, folder=tmp_path)
    proxy = make_proxy(slipring.pool("memcached", [node], credentials=CREDENTIALS))
    with proxy.connect() as conn:
        assert conn.set(b"k", b"v") == STORED
        node.kill()
        wire.wait_until(lambda: conn.call(b"get k").startswith(b"SERVER_ERROR"), "the loss")
        node.start()
        wire.wait_until(lambda: conn.set(b"k", b"v") == STORED, "the node")


@pytest.mark.parametrize("settings", [
    {}, {"credentials": {"username": "node", "password": "secret-word"}},
    {"credentials": {"password": "secret-word"}}])
def test_a_node_that_refuses_says_why(make_proxy, guarded_nodes, settings):
    proxy = make_proxy(slipring.pool("memcached", guarded_nodes[:1], **settings), wait="healthz")
    with proxy.connect() as conn:
        assert conn.call(b"get k") == (
            b"SERVER_ERROR slipring: shard a: %s refuses the user or password "
            b"(set 'credentials')\r\n" % guarded_nodes[0].name.encode())
    assert proxy.get_status("/readyz") == 503
    assert "secret-word" not in proxy.log()


def test_a_node_that_asks_for_nothing_keeps_no_password(make_proxy, memcacheds):
    """It cannot be told from one that does: the login is a set, which it carries out."""
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:1], credentials=CREDENTIALS))
    with proxy.connect() as conn:
        assert conn.get(b"slipring-login") == ({}, b"END\r\n")
        assert conn.call(b"mn") == b"MN\r\n"


# -- settings -------------------------------------------------------------------------------------


def test_what_the_check_says(make_proxy, memcacheds, tmp_path):
    proxy = make_proxy(slipring.pool("memcached", memcacheds[:1], credentials=CREDENTIALS))
    config = {"pools": {"main": slipring.pool(
        "memcached", memcacheds[:1], users=[{"name": "a b", "password": "c d"}])}}
    path = tmp_path / "check.yaml"
    path.write_text(slipring.to_yaml(config) + "\n")
    result = proxy.run("check", "-c", str(path))
    assert result.returncode == 0
    assert "users[0].name: it has a blank" in result.stderr
    assert "users[0].password: it has a blank" in result.stderr
    assert "c d" not in result.stderr
    config["pools"]["main"]["users"] = [{"name": "a", "prefixes": "x"}]
    path.write_text(slipring.to_yaml(config) + "\n")
    result = proxy.run("check", "-c", str(path))
    assert result.returncode == 1
    assert "users[0].prefixes: only with 'protocol: redis'" in result.stderr
