"""Passwords in memcached's protocols: SASL PLAIN, and the login that looks like a set.

Of clients first: a memcached that asks for passwords itself and a proxy that asks for the same ones
are to say the same. Then of nodes: memcached -S (binary only) and -Y (text only) behind a proxy
that knows the password, for clients of every protocol. SLIPRING_TEST_DIRECT=1 tests the tests.
"""

import collections
import os
import re
import subprocess

import pytest

import mc_wire
import servers
import slipring
import test_mc_clients
import wire
from conftest import start_all
from mc_wire import (
    AUTH_CONTINUE, AUTH_ERROR, INVALID, NOT_FOUND, OK, OPCODES, TEMPORARY, TEXTS, BinConnection,
    MetaConnection, count, flush, packet, store, touch,
)
from test_mc_clients import nodes  # which ask nobody for anything

FRONT, OTHER, BACK = "front-of:the-house", "others-word", "back:of-the-house"
SECRETS = (FRONT, OTHER, BACK)
USERS = {"default": FRONT, "app": OTHER, "node": BACK}
LOGIN = b"default " + FRONT.encode()


class SaslMemcached(servers.Memcached):
    """memcached -S: it speaks the binary protocol alone, and VERSION before the password."""

    def __init__(self, folder, **options):
        super().__init__(**options)
        self.folder = folder

    def command(self):
        return ["env", f"SASL_CONF_PATH={self.folder}", *super().command(), "-S"]

    def connect(self, **options):
        return BinConnection(self.address, **options)

    def ping(self, conn):
        return conn.ask(packet("VERSION")).status == OK

    def login(self, user="node"):
        conn = self.connect()
        assert conn.ask(plain(user, USERS[user])).status == OK
        return conn


class TextMemcached(servers.Memcached):
    """memcached -Y: text and meta commands after a login."""

    def __init__(self, folder, **options):
        super().__init__(**options)
        self.folder = folder

    def command(self):
        return [*super().command(), "-Y", str(self.folder / "passwords")]

    def ping(self, conn):
        return conn.call(b"version") == UNAUTHENTICATED

    def login(self, user="node"):
        conn = self.connect()
        assert conn.call(text_login(f"{user} {USERS[user]}".encode())[:-2]) == b"STORED\r\n"
        return conn


def plain(user, password, mechanism=b"PLAIN", opcode="SASL_AUTH", authorize="", **rest):
    value = f"{authorize}\0{user}\0{password}".encode()
    return packet(opcode, mechanism, value=value, opaque=5, **rest)


def text_login(token, line=b"set key 0 0 %d\r\n"):
    return line % len(token) + token + b"\r\n"


def users_of(path):
    """A folder with what both kinds of server read their users from."""
    for user, password in USERS.items():
        subprocess.run([servers.program("saslpasswd2"), "-p", "-c", "-a", "memcached", "-f",
                        str(path / "users"), user], input=password.encode(), check=True)
    (path / "memcached.conf").write_text(
        f"mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
        f"sasldb_path: {path}/users\nlog_level: 0\n")
    (path / "passwords").write_text("".join(f"{user}:{word}\n" for user, word in USERS.items()))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return users_of(tmp_path_factory.mktemp("users"))


@pytest.fixture(scope="module")
def guarded(module_proxy, nodes):
    """A proxy that asks for passwords, before nodes that do not."""
    return module_proxy(slipring.pool(
        "memcached", nodes, clients={"password": FRONT},
        users=[{"name": "app", "password": OTHER}, {"name": "node", "password": BACK}]))


def direct(request, kind):
    server, = start_all(kind, 1, folder=request.getfixturevalue("folder"))
    request.addfinalizer(server.kill)
    return server.address


ONLY_DIRECT = bool(os.environ.get("SLIPRING_TEST_DIRECT"))
BOTH = ["direct"] if ONLY_DIRECT else ["direct", "proxy"]


@pytest.fixture(scope="module", params=BOTH)
def binary(request):
    if request.param == "direct":
        return direct(request, SaslMemcached)
    return request.getfixturevalue("guarded").address()


@pytest.fixture(scope="module", params=BOTH)
def text(request):
    if request.param == "direct":
        return direct(request, TextMemcached)
    return request.getfixturevalue("guarded").address()


@pytest.fixture(scope="module")
def no_direct():
    if ONLY_DIRECT:
        pytest.skip("this is about the proxy")


# -- clients: SASL --------------------------------------------------------------------------------

NOOP, VERSION, LIST = packet("NOOP", opaque=5), packet("VERSION", opaque=5), packet("SASL_LIST")
GET = packet("GET", b"no-such-key", opaque=5)
RIGHT, WRONG = plain("default", FRONT), plain("default", OTHER)
YES, NO = (OK, b"Authenticated"), (AUTH_ERROR, TEXTS[AUTH_ERROR])
DONE, VERSIONED, MECHANISMS, BAD = (OK, b""), (OK, b"#"), (OK, b"PLAIN"), (INVALID, TEXTS[INVALID])
MISS = (NOT_FOUND, TEXTS[NOT_FOUND])

# What is sent, and what is said until the connection closes, of itself or since the client does.
SASL = {
    "right": ([RIGHT, NOOP, GET, NOOP], [YES, DONE, MISS, DONE]),
    "another": ([plain("app", OTHER), NOOP], [YES, DONE]),
    "listed": ([LIST, RIGHT, NOOP], [MECHANISMS, YES, DONE]),
    "version_before": ([VERSION, RIGHT, VERSION, NOOP], [VERSIONED, YES, VERSIONED, DONE]),
    "nothing_before": ([VERSION, GET, RIGHT, NOOP], [VERSIONED, NO]),
    "noop_before": ([NOOP, RIGHT, NOOP], [NO]),
    "wrong": ([WRONG, GET], [NO, NO]),
    "wrong_then_right": ([WRONG, LIST, VERSION, RIGHT, NOOP],
                         [NO, MECHANISMS, VERSIONED, YES, DONE]),
    "of_another": ([plain("app", FRONT), plain("default", OTHER), RIGHT], [NO, NO, YES]),
    "nobody": ([plain("nobody", FRONT), plain("", FRONT), plain("", ""), RIGHT], [NO, NO, NO, YES]),
    "empty_password": ([plain("default", ""), NOOP], [NO, NO]),
    "longer": ([plain("default", FRONT + "x"), plain("default", FRONT[:-1]), RIGHT], [NO, NO, YES]),
    "no_such_mechanism": ([plain("default", FRONT, b"CRAM-MD5"), plain("default", FRONT, b"X"),
                           LIST, RIGHT, NOOP], [NO, NO, MECHANISMS, YES, DONE]),
    "mechanism_in_any_case": ([plain("default", FRONT, b"plain"), NOOP], [YES, DONE]),
    "mechanism_of_length": ([plain("default", FRONT, b"X" * 32), plain("default", FRONT, b"X" * 33),
                             plain("default", FRONT, b"X" * 250), VERSION],
                            [NO, BAD, BAD, VERSIONED]),
    "no_mechanism": ([plain("default", FRONT, b""), VERSION], [BAD]),
    "extras": ([packet("SASL_AUTH", b"PLAIN", b"1234", b"\0default\0" + FRONT.encode(), opaque=5),
                VERSION], [BAD]),
    "parts_missing": ([packet("SASL_AUTH", b"PLAIN", value=value, opaque=5)
                       for value in (b"default", b"\0default", b"\0", b"\0\0")], [NO] * 4),
    "parts_too_many": ([plain("default", FRONT + "\0more"), RIGHT], [NO, YES]),
    "as_oneself": ([plain("default", FRONT, authorize="default"), NOOP], [YES, DONE]),
    "as_another": ([plain("default", FRONT, authorize="app"), NOOP], [NO, NO]),
    "step_first": ([plain("default", FRONT, opcode="SASL_STEP"), VERSION, RIGHT, NOOP],
                   [NO, VERSIONED, YES, DONE]),
    "list_with_a_body": ([packet("SASL_LIST", value=b"x"), VERSION], [BAD]),
    "long": ([plain("default", "x" * 5000), VERSION, RIGHT, NOOP], [NO, VERSIONED, YES, DONE]),
}


def said(replies):
    return [(one.status, b"#" if one.opcode == OPCODES["VERSION"] and one.status == OK
             else one.value) for one in replies]


@pytest.mark.parametrize("name", SASL)
@pytest.mark.parametrize("cut", ["whole", "one by one", "bytes"])
def test_sasl(binary, name, cut):
    packets, wanted = SASL[name]
    data = b"".join(packets)
    pieces = {"whole": [data], "one by one": packets,
              "bytes": [data[i : i + 1] for i in range(len(data))]}[cut]
    with BinConnection(binary) as conn:
        replies = conn.drain(*pieces)
    assert said(replies) == wanted
    for sent, reply in zip(packets, replies):
        assert (reply.opcode, reply.key, reply.extras, reply.cas) == (sent[1], b"", b"", 0)


BEFORE = {
    **{name: packet(name, b"k") for name in (
        "GET", "GETQ", "GETK", "GETKQ", "DELETE", "DELETEQ", "APPEND", "APPENDQ", "PREPEND")},
    **{name: store(name, b"k", b"v") for name in ("SET", "SETQ", "ADD", "ADDQ", "REPLACEQ")},
    **{name: count(name, b"k") for name in ("INCREMENT", "DECREMENTQ")},
    **{name: touch(name, b"k", 0) for name in ("TOUCH", "GAT", "GATQ", "GATK", "GATKQ")},
    **{name: packet(name) for name in ("NOOP", "QUIT", "QUITQ", "FLUSH", "FLUSHQ", "STAT")},
    "unknown": packet(0x55), "bad": packet("GET"),
}


def test_each_command_before_sasl(binary, fresh):
    """It is refused, and the connection ends."""
    for name, data in BEFORE.items():
        with BinConnection(binary) as conn:
            assert said(conn.drain(VERSION + data + RIGHT + NOOP)) == [VERSIONED, NO], name
    key = fresh()
    with BinConnection(binary) as conn:
        assert conn.ask(RIGHT).status == OK
        assert conn.set(key, b"v") == OK
        for data in (flush(), flush("FLUSHQ"), packet("DELETEQ", key), store("SETQ", key, b"w")):
            with BinConnection(binary) as other:
                assert said(other.drain(data)) == [NO]
        assert conn.get(key) == b"v"


def test_sasl_in_two_steps(binary):
    """An empty first word is asked for the rest by memcached; to refuse it is right too."""
    with BinConnection(binary) as conn:
        first = conn.ask(packet("SASL_AUTH", b"PLAIN", opaque=5))
        assert first.status in (AUTH_CONTINUE, AUTH_ERROR)
        if first.status == AUTH_CONTINUE:
            step = plain("default", FRONT, opcode="SASL_STEP")
            assert said([conn.ask(step)]) == [YES]
            conn.assert_empty()


def test_a_second_sasl(binary):
    """memcached refuses it and forgets the first; a proxy may take it. A wrong one never is."""
    with BinConnection(binary) as conn:
        assert said(conn.drain(RIGHT + NOOP + WRONG + NOOP))[:3] == [YES, DONE, NO]
    with BinConnection(binary) as conn:
        assert said(conn.drain(RIGHT + NOOP + RIGHT + NOOP)) in (
            [YES, DONE, YES, DONE], [YES, DONE, NO, NO])


def test_too_much_sasl(binary):
    """It is an error, and either skipped or the end."""
    for size in (100_000, 2_000_000):
        with BinConnection(binary) as conn:
            replies = conn.drain(plain("default", "x" * size) + VERSION)
            assert replies[0].status != OK and said(replies[1:]) in ([], [VERSIONED])


def test_sasl_is_of_one_connection(binary, fresh):
    with BinConnection(binary) as one, BinConnection(binary) as two:
        assert one.ask(RIGHT).status == OK
        assert two.ask(WRONG).status == AUTH_ERROR
        assert one.set(fresh(), b"v") == OK
        assert two.ask(NOOP).status == AUTH_ERROR
        two.expect_closed()
        one.assert_empty()


# -- clients: text --------------------------------------------------------------------------------

UNAUTHENTICATED = b"CLIENT_ERROR unauthenticated\r\n"
FAILURE = b"CLIENT_ERROR authentication failure\r\n"
FORMAT = b"CLIENT_ERROR bad authentication token format\r\n"
TERMINATION = b"CLIENT_ERROR bad command line termination\r\n"
STORED, END = b"STORED\r\n", b"END\r\n"
IN, ASK = text_login(LOGIN), b"get no-such-key\r\n"

# What is sent after the reply before it, and the reply.
TEXT = {
    "right": [(IN, STORED), (ASK, END), (b"version\r\n", b"VERSION #\r\n"), (b"mn\r\n", b"MN\r\n")],
    "another": [(text_login(b"app " + OTHER.encode()), STORED), (ASK, END)],
    "wrong": [(text_login(b"default nope"), FAILURE), (ASK, UNAUTHENTICATED)],
    "wrong_then_right": [(text_login(b"default nope"), FAILURE),
                         (text_login(b"app " + FRONT.encode()), FAILURE), (IN, STORED), (ASK, END)],
    "nobody": [(text_login(b"nobody " + FRONT.encode()), FAILURE), (IN, STORED)],
    "longer": [(text_login(LOGIN + b"x"), FAILURE), (text_login(LOGIN[:-1]), FAILURE),
               (IN, STORED)],
    "no_password": [(text_login(b"default"), FORMAT), (text_login(b""), FORMAT),
                    (text_login(b" "), FORMAT), (IN, STORED), (ASK, END)],
    "large": [(text_login(b"x" * 2047), FORMAT), (IN, STORED), (ASK, END)],
    "noreply": [(text_login(LOGIN, b"set key 0 0 %d noreply\r\n"), STORED), (ASK, END)],
    "any_numbers": [(text_login(LOGIN, b"set k 7 99 %d\r\n"), STORED), (ASK, END)],
    "any_key": [(text_login(LOGIN, b"set " + b"k" * 250 + b" 0 0 %d\r\n"), STORED), (ASK, END)],
    "other_storage": [(line, UNAUTHENTICATED) for line in (
        b"add k 0 0 %d\r\n" % len(LOGIN), LOGIN + b"\r\n", b"cas k 0 0 3 1\r\n", b"a b\r\n",
        b"ms k 3\r\n", b"a b\r\n")] + [(IN, STORED)],
    "commands_before": [(line + b"\r\n", UNAUTHENTICATED) for line in (
        b"get a", b"gets a", b"version", b"stats", b"flush_all", b"verbosity 0", b"delete a",
        b"incr a 1", b"touch a 0", b"gat 0 a", b"nope", b"", b"set", b"set a 0 0", b"set a 0 0 x",
        b"SET a 0 0 1", b"mn", b"mg a v", b"md a", b"ma a", b"me a", b"quit", b"get a b c",
        b"delete a noreply", b"mg a q",
    )] + [(IN, STORED), (ASK, END)],
    "no_line_end_after_it": [(text_login(LOGIN)[:-2] + b"XX", TERMINATION), (IN, STORED)],
    "then_a_set_is_a_set": [(IN, STORED), (b"set <K> 5 0 6\r\na nope\r\n", STORED),
                            (b"get <K>\r\n", b"VALUE <K> 5 6\r\na nope\r\nEND\r\n")],
}


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_text_login(text, fresh, name, cut):
    key = fresh()
    with wire.McConnection(text) as conn:
        for sent, wanted in TEXT[name]:
            sent, wanted = (one.replace(b"<K>", key) for one in (sent, wanted))
            for i in range(len(sent)) if cut == "bytes" and len(sent) < 100 else [None]:
                conn.send(sent if i is None else sent[i : i + 1])
            got = re.sub(rb"^VERSION .*\r", rb"VERSION #\r", conn.read_reply())
            assert got == wanted, sent
        assert conn.call(b"version").startswith((UNAUTHENTICATED, b"VERSION "))
        assert not conn.buffer


def test_before_a_login_nothing_is_done(text, fresh):
    key = fresh()
    with wire.McConnection(text) as conn, wire.McConnection(text) as other:
        for one in (conn, other):
            assert one.call(IN[:-2]) == STORED
        assert other.set(key, b"v") == STORED
        with wire.McConnection(text) as third:
            for line in (b"flush_all", b"delete %s" % key, b"md %s" % key, b"touch %s 1" % key):
                assert third.call(line) == UNAUTHENTICATED
        assert conn.get(key) == ({key: (0, b"v")}, END)


def test_a_text_login_in_one_write_with_what_follows(text, fresh):
    key = fresh()
    with wire.McConnection(text) as conn:
        conn.send(IN + b"set %s 0 0 1\r\nv\r\nget %s\r\nmg %s v\r\n" % (key, key, key))
        conn.expect(STORED * 2 + b"VALUE %s 0 1\r\nv\r\nEND\r\n" % key + b"VA 1\r\nv\r\n")


def test_each_protocol_by_itself(no_direct, guarded, fresh):
    """A proxy asks for a password in the words of each connection's protocol."""
    key = fresh()
    with guarded.connect() as text, BinConnection(guarded.address()) as binary:
        assert text.call(b"get a") == UNAUTHENTICATED
        assert binary.ask(RIGHT).status == OK
        assert text.call(b"get a") == UNAUTHENTICATED
        assert text.call(IN[:-2]) == STORED
        assert text.set(key, b"v") == STORED
        assert binary.get(key) == b"v"


def test_no_secret_is_told(no_direct, guarded):
    with BinConnection(guarded.address()) as conn:
        replies = conn.drain(*(plain("nobody", secret) for secret in SECRETS))
    with MetaConnection(guarded.address()) as conn:
        said_in_text = conn.drain(*(text_login(b"nobody " + one.encode()) for one in SECRETS))
    told = [guarded.log(), str(replies), str(said_in_text)]
    told += [guarded.get(path)[1] for path in ("/metrics", "/v1/status", "/readyz")]
    for secret in SECRETS:
        assert not any(secret in one for one in told)


# -- clients: libraries ---------------------------------------------------------------------------

LIBRARIES = ["php-memcached-binary", "pylibmc-binary", "dalli", "memjs"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_with_sasl(binary, library, fresh):
    """Their first words, with a right password and a wrong one; then a step of test_mc_clients."""
    def run(steps, password):
        return test_mc_clients.run(library, steps, "%s:%d" % binary, fresh().decode(),
                                   USER_NAME="app", PASSWORD=password)

    assert run(["login", "many"], OTHER) == {
        "login": {"set": True, "get": True}, "many": test_mc_clients.STEPS["many"]}
    assert run(["login"], "wrong") == {"login": {"set": False, "get": False}}


# -- nodes that ask -------------------------------------------------------------------------------

CREDENTIALS = {"username": "node", "password": BACK}
Pool = collections.namedtuple("Pool", "proxy nodes")


@pytest.fixture(scope="module", params=["sasl", "text"])
def asking(request, no_direct, module_proxy, folder):
    """A proxy that knows the password of its three nodes, of one kind or the other."""
    kind = SaslMemcached if request.param == "sasl" else TextMemcached
    started = start_all(kind, 3, folder=folder)
    settings = {"node_protocol": "binary"} if request.param == "sasl" else {}
    proxy = module_proxy(slipring.pool("memcached", started, credentials=CREDENTIALS, **settings))
    yield Pool(proxy, started)
    for server in started:
        server.kill()


def test_text_clients_of_nodes_that_ask(asking, fresh):
    keys = [fresh() for _ in range(100)]
    with asking.proxy.connect() as conn:
        for i, key in enumerate(keys):
            assert conn.set(key, b"%d" % i, flags=i) == STORED
        assert conn.get(*keys)[0] == {key: (i, b"%d" % i) for i, key in enumerate(keys)}
        key = keys[0]
        cas = conn.call(b"gets %s" % key).split()[4]
        for line, wanted in (
            (b"add %s 0 0 1\r\nx", b"NOT_STORED"), (b"replace %s 1 0 2\r\n10", b"STORED"),
            (b"append %s 0 0 1\r\n5", b"STORED"), (b"prepend %s 0 0 1\r\n1", b"STORED"),
            (b"get %s", b"VALUE <K> 1 4\r\n1105\r\nEND"), (b"incr %s 5", b"1110"),
            (b"decr %s 1000", b"110"), (b"touch %s 100", b"TOUCHED"),
            (b"gat 100 %s", b"VALUE <K> 1 4\r\n110 \r\nEND"),
            (b"cas %s 0 0 1 " + cas + b"\r\nx", b"EXISTS"), (b"delete %s", b"DELETED"),
            (b"delete %s", b"NOT_FOUND"), (b"get %s", b"END"), (b"incr %s 1", b"NOT_FOUND"),
            (b"append %s 0 0 1\r\nx", b"NOT_STORED"), (b"touch %s 1", b"NOT_FOUND"),
            (b"cas %s 0 0 1 5\r\nx", b"NOT_FOUND"), (b"set %s 0 0 1\r\nx", b"STORED"),
            (b"incr %s 1", b"CLIENT_ERROR cannot increment or decrement non-numeric value"),
        ):
            assert conn.call(line % key) == wanted.replace(b"<K>", key) + b"\r\n", line
        conn.send(b"set %s 0 0 1 noreply\r\n7\r\nincr %s 1 noreply\r\nget %s\r\n" % ((key,) * 3))
        conn.expect(b"VALUE %s 0 1\r\n8\r\nEND\r\n" % key)
        assert conn.set(key, b"x" * 1_000_000) == STORED
        assert conn.get(key)[0][key] == (0, b"x" * 1_000_000)
        assert conn.call(b"version").startswith(b"VERSION ")
        assert int(conn.stats()[b"curr_items"]) >= 100
        assert conn.call(b"flush_all") == b"OK\r\n"
        assert conn.get(*keys) == ({}, END)
        conn.assert_empty()


def test_a_set_of_a_text_client_is_no_login(asking, fresh):
    """No client asks for or sends a password here; what looks like one is a value."""
    key = fresh()
    with asking.proxy.connect() as conn:
        token = f"node {BACK}".encode()
        assert conn.set(key, token) == STORED
        assert conn.get(key)[0] == {key: (0, token)}


def test_binary_clients_of_nodes_that_ask(asking, fresh):
    """A node that speaks only text answers them with an error at worst, and at once."""
    keys = [fresh() for _ in range(60)]
    sasl = isinstance(asking.nodes[0], SaslMemcached)
    with BinConnection(asking.proxy.address()) as conn:
        got = conn.exchange(*(store("SETQ", key, b"v") for key in keys))
        if sasl or not got:
            assert got == []
            assert len(conn.exchange(*(packet("GETKQ", key) for key in keys))) == 60
            assert conn.ask(count("INCREMENT", fresh(), 1, 5)).value[-1] == 5
            assert conn.ask(packet("STAT", opaque=1)).status == OK
        else:
            assert {one.status for one in got} <= {TEMPORARY, AUTH_ERROR, mc_wire.UNKNOWN_COMMAND}


def test_meta_clients_of_nodes_that_ask(asking, fresh):
    """memcached -S has no meta commands: there they are an error, which says so."""
    key = fresh()
    with MetaConnection(asking.proxy.address()) as conn:
        got = conn.ask(b"ms %s 2\r\nhi" % key)
        if isinstance(asking.nodes[0], TextMemcached):
            assert got == b"HD\r\n"
            assert conn.ask(b"mg %s v" % key) == b"VA 2\r\nhi\r\n"
            assert conn.exchange(b"md %s q\r\nmg %s q\r\n" % (key, key)) == []
        else:
            assert got in (b"HD\r\n", b"ERROR\r\n") or got.startswith(
                (b"SERVER_ERROR slipring", b"CLIENT_ERROR")), got
        conn.assert_empty()


def test_a_node_that_was_away_is_logged_in_to_again(asking, ring, fresh):
    prefix = fresh()
    keys = [ring.key(name, prefix) for name in ring.names]
    with asking.proxy.connect() as conn:
        asking.nodes[1].kill()
        wire.wait_until(lambda: conn.set(keys[1], b"v").startswith(b"SERVER_ERROR slipring"), "b")
        assert conn.set(keys[0], b"v") == STORED
        asking.nodes[1].start()
        wire.wait_until(lambda: conn.set(keys[1], b"v") == STORED, "shard b")
        assert conn.get(*keys[:2])[0] == {key: (0, b"v") for key in keys[:2]}
    with asking.nodes[1].login() as node:
        assert node.get(keys[1]) in (b"v", ({keys[1]: (0, b"v")}, END))


@pytest.mark.parametrize("kind", [SaslMemcached, TextMemcached])
@pytest.mark.parametrize("credentials", [
    None, {"username": "node", "password": "guess-me"}, {"username": "nobody", "password": BACK}])
def test_wrong_credentials_are_told_and_not_shown(no_direct, own_servers, make_proxy, folder, kind,
                                                  credentials):
    some = own_servers(kind, 2, folder=folder)
    settings = {"node_protocol": "binary"} if kind is SaslMemcached else {}
    if credentials:
        settings["credentials"] = credentials
    proxy = make_proxy(slipring.pool("memcached", some, **settings), wait=None)
    wire.wait_until(lambda: proxy.get_status("/healthz") == 200, "the proxy")
    assert proxy.get_status("/readyz") == 503
    with proxy.connect() as conn:
        reply = conn.set(b"k", b"v")
        assert reply.startswith(b"SERVER_ERROR slipring: shard "), reply
        assert re.search(rb"password|credential|authenti", reply, re.I), reply
    for secret in ("guess-me", BACK):
        assert secret not in proxy.log() + reply.decode()


def test_clients_and_nodes_have_passwords_of_their_own(no_direct, own_servers, make_proxy, folder,
                                                       fresh):
    some = own_servers(SaslMemcached, 3, folder=folder)
    proxy = make_proxy(slipring.pool("memcached", some, node_protocol="binary",
                                     credentials=CREDENTIALS, clients={"password": FRONT}))
    with BinConnection(proxy.address()) as conn:
        assert conn.ask(plain("node", BACK)).status == AUTH_ERROR
        assert conn.ask(RIGHT).status == OK
        assert conn.set(fresh(), b"v") == OK
    with proxy.connect() as conn:
        assert conn.call(text_login(f"node {BACK}".encode())[:-2]) == FAILURE
        assert conn.call(IN[:-2]) == STORED
        assert conn.set(fresh(), b"v") == STORED
