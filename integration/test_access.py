"""Who may do what: passwords, users, credentials towards nodes, policies by prefix, and commands
that only the nodes know.

Tests with the `place` fixture run against a redis-server that asks for the same passwords itself
and against the proxy.
"""

import re
import time

import pytest

import servers
import slipring
import wire
from wire import OK, array, bulk, command, integer, wait_until

NOAUTH = b"-NOAUTH Authentication required.\r\n"
WRONGPASS = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
SECRETS = ("front door", "reader's own", "writer's own", "back door")
FRONT, READER, WRITER, BACK = SECRETS
USERS = [
    {"name": "reader", "password": READER, "commands": ["+read"], "prefixes": ["app1:", "both:"]},
    {"name": "writer", "password": WRITER, "commands": ["+all", "-flushall", "-@scripting"]},
    {"name": "open", "commands": ["+read", "+set"]},
]
ACL = [  # the same for a redis-server
    ["default", "on", ">" + FRONT, "~*", "&*", "+@all"],
    ["reader", "on", ">" + READER, "~app1:*", "~both:*", "+@read", "+@connection"],
    ["writer", "on", ">" + WRITER, "~*", "&*", "+@all", "-flushall", "-@scripting"],
    ["open", "on", "nopass", "~*", "+@read", "+set", "+@connection"],
]


@pytest.fixture(scope="module")
def guarded(module_proxy, redises):
    return module_proxy(slipring.pool("redis", redises[:3], clients={"password": FRONT},
                                      users=USERS))


@pytest.fixture(scope="module")
def guarded_server():
    """A redis-server with the same users; that it answers is asked before it has them."""
    node = servers.Redis().start()
    with node.connect() as conn:
        for user in ACL:
            assert conn.call("ACL", "SETUSER", *user) == OK
    yield node
    node.kill()


@pytest.fixture(params=["direct", "proxy"])
def place(request):
    return request.getfixturevalue(
        "guarded_server" if request.param == "direct" else "guarded")


# -- passwords ------------------------------------------------------------------------------------

SCRIPTS = {  # words are split at spaces, F R W are the passwords
    "nothing_before": ["GET k", "SET k v", "PING", "ECHO x", "MULTI", "EXEC", "SUBSCRIBE c",
                       "SELECT 0", "CLIENT ID", "COMMAND COUNT", "FLUSHALL", "DBSIZE", "EVAL x 0",
                       "UNSUBSCRIBE", "BLPOP k 0", "WATCH k", "PING"],
    "mistakes_before": ["NOPE", "GET", "NOPE a b", "AUTH", "AUTH a b c", "MULTI x"],
    "password": ["AUTH F", "PING", "EXISTS k"],
    "default_user": ["AUTH default F", "EXISTS k"],
    "named_user": ["AUTH reader R", "EXISTS app1:k", "PING"],
    "user_without_password": ["AUTH open anything", "EXISTS k", "AUTH open F", "EXISTS k"],
    "wrong": ["AUTH wrong", "GET k", "AUTH default wrong", "AUTH reader F", "AUTH nobody F",
              "AUTH F-", "AUTH default R", "GET k", "AUTH F", "EXISTS k"],
    "any_case": ["auth F", "EXISTS k"],
    "wrong_after_right": ["AUTH F", "AUTH wrong", "EXISTS k", "AUTH nobody F", "EXISTS k"],
    "from_one_to_another": ["AUTH F", "SET app1:k v", "AUTH reader R", "GET app1:k",
                            "AUTH writer W", "DEL app1:k", "AUTH F", "EXISTS app1:k"],
    "reset": ["AUTH F", "EXISTS k", "RESET", "EXISTS k", "AUTH F", "EXISTS k"],
    "reset_before": ["RESET", "EXISTS k"],
    "hello_before": ["HELLO", "HELLO 2", "HELLO 3", "HELLO 3 SETNAME n", "HELLO 4", "HELLO x"],
    "hello_wrong": ["HELLO 3 AUTH default wrong", "HELLO 2 AUTH nobody F", "HELLO 3 AUTH F",
                    "EXISTS k"],
    "auth_in_a_transaction": ["AUTH F", "MULTI", "EXISTS k", "EXEC", "EXISTS k"],
}


def fill(text):
    passwords = {"F": FRONT, "F-": FRONT[:-1], "R": READER, "W": WRITER}
    return [passwords.get(word, word) for word in text.split(" ")]


@pytest.mark.parametrize("in_one_write", [False, True], ids=["one-by-one", "in-one-write"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_script(place, guarded_server, name, in_one_write):
    both = []
    for one, at_once in ((guarded_server, False), (place, in_one_write)):
        with one.connect() as conn:
            commands = [command(*fill(text)) for text in SCRIPTS[name]]
            if at_once:
                both.append(conn.pipeline(commands))
            else:
                both.append([conn.pipeline([sent])[0] for sent in commands])
    for text, wanted, got in zip(SCRIPTS[name], *both):
        # Before AUTH the server names some mistakes first; that it is too early is as good.
        assert got == wanted or (name.endswith("_before") and got == NOAUTH
                                 and not text.startswith("HELLO")), text


def test_the_texts(place):
    """Whoever answers, byte for byte."""
    with place.connect() as conn:
        assert conn.call("GET", "k") == NOAUTH
        assert conn.call("AUTH", "wrong") == WRONGPASS
        assert conn.call("HELLO", 3, "AUTH", "default", "wrong") == WRONGPASS
        assert conn.call("HELLO", 3).startswith(b"-NOAUTH HELLO must be called with")
        assert conn.call("AUTH", FRONT) == OK
        assert conn.call("QUIT") == OK
        conn.expect_closed()
    with place.connect() as conn:
        assert conn.call("QUIT") == OK
        conn.expect_closed()


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("user, password", [("default", FRONT), ("reader", READER), ("open", "")])
def test_hello_auth(place, protocol, user, password):
    with place.connect() as conn:
        reply = wire.typed(conn.call("HELLO", protocol, "AUTH", user, password, "SETNAME", "me"))
        assert reply[0] == "*%"[protocol - 2], reply
        assert conn.call("EXISTS", "app1:k") == integer(0)
        assert conn.call("CLIENT", "GETNAME") == bulk("me")
        assert conn.call("GET", "app1:k") == (bulk(None) if protocol == 2 else b"_\r\n")


def test_auth_and_more_in_one_write(place, fresh):
    key = fresh()
    with place.connect() as conn:
        got = conn.pipeline([command("GET", key), command("AUTH", FRONT), command("SET", key, 1),
                             command("GET", key), command("AUTH", "wrong"), command("DEL", key)])
        assert got == [NOAUTH, OK, OK, bulk(1), WRONGPASS, integer(1)]


def test_auth_inline(place):
    with place.connect() as conn:
        conn.send(b'AUTH "%s"\r\nEXISTS k\r\n' % FRONT.encode())
        conn.expect(OK + integer(0))


@pytest.mark.parametrize("sent", [
    b"*11\r\n", b"*1000\r\n$4\r\n", b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", b"*1\r\n$500000000\r\n"])
def test_before_auth_nothing_large(place, guarded_server, sent):
    """An error that says so, then the end."""
    both = []
    for one in (guarded_server, place):
        with one.connect(timeout=5) as conn:
            conn.send(sent)
            both.append(conn.read_to_end())
    assert both[0] == both[1] and both[0].startswith(b"-ERR Protocol error: unauthenticated")


def test_subscribed_and_waiting_after_auth(place, fresh):
    channel, key = fresh(), fresh()
    with place.connect() as conn, place.connect() as other:
        for one in (conn, other):
            assert one.call("AUTH", "default", FRONT) == OK
        conn.send(command("BLPOP", key, 10))
        other.call("RPUSH", key, "v")
        conn.expect(array([key, "v"]))
        got = conn.pipeline([command("MULTI"), command("INCR", key), command("EXEC")])
        assert got[-1] == array([1])
        conn.send(command("SUBSCRIBE", channel))
        conn.expect(array(["subscribe", channel, 1]))
        other.call("PUBLISH", channel, "m")
        conn.expect(array(["message", channel, "m"]))
        other.call("DEL", key)


def test_without_a_password_auth_is_the_servers_error(redis_proxy, redises):
    with redis_proxy.connect() as conn, redises[3].connect() as direct:
        for words in (["AUTH", "x"], ["AUTH", "default", "x"], ["AUTH", "nobody", "x"],
                      ["HELLO", 3, "AUTH", "nobody", "x"]):
            assert conn.call(*words) == direct.call(*words), words


def test_passwords_out_of_files_and_the_environment(make_proxy, redises, monkeypatch, tmp_path):
    path = tmp_path / "secret"
    path.write_text(FRONT + "\n")
    monkeypatch.setenv("WALK_PASSWORD", FRONT)
    for clients in ({"password_file": str(path)}, {"password_env": "WALK_PASSWORD"}):
        proxy = make_proxy(slipring.pool("redis", redises[:3], clients=clients))
        with proxy.connect() as conn:
            assert conn.call("GET", "k") == NOAUTH
            assert conn.call("AUTH", FRONT) == OK
            assert conn.call("EXISTS", "k") == integer(0)


def assert_no_secret(proxy):
    told = [proxy.log()] + [proxy.get(path)[1] for path in ("/metrics", "/v1/status", "/readyz")]
    for secret in SECRETS:
        assert not any(secret in text for text in told)


def test_no_secret_is_told(guarded):
    with guarded.connect() as conn:
        for secret in SECRETS:
            reply = conn.call("AUTH", "nobody", secret) + conn.call(secret, secret)
            assert conn.call("AUTH", secret) in (OK, WRONGPASS), reply
    assert_no_secret(guarded)


# -- users ----------------------------------------------------------------------------------------

ALLOWED = {
    "reader": ["GET app1:k", "MGET app1:k both:k", "EXISTS app1:k", "TTL both:x", "PING",
               "HGETALL app1:h", "CLIENT SETNAME n", "TYPE app1:k",
               "XREAD COUNT 1 STREAMS app1:x 0"],
    "writer": ["SET k v", "GET k", "DEL k", "MSET app1:a 1 b 2", "DEL app1:a b", "PING",
               "EXPIRE k 5"],
    "open": ["GET k", "SET k v", "STRLEN k", "PING"],
}
DENIED = {
    "reader": ["SET app1:k v", "DEL app1:k", "GET k", "GET app2:k", "GET app1", "MGET app1:k k",
               "EXISTS k app1:k", "FLUSHALL", "XREAD COUNT 1 STREAMS app1:x x 0 0",
               "RENAME app1:k app1:l", "EVAL x 1 app1:k", "INCR app1:k", "BLPOP app1:k 1"],
    "writer": ["FLUSHALL", "EVAL x 0", "EVALSHA x 0", "SCRIPT FLUSH"],
    "open": ["DEL k", "SETEX k 5 v", "EVAL x 0", "FLUSHALL", "INCR k", "MSET k v"],
}
PASSWORD_OF = {"reader": READER, "writer": WRITER, "open": "any"}


@pytest.mark.parametrize("user", ALLOWED)
def test_what_a_user_may(place, user):
    with place.connect() as conn:
        assert conn.call("AUTH", user, PASSWORD_OF[user]) == OK
        for text in ALLOWED[user]:
            assert not conn.call(*text.split(" ")).startswith((b"-NOPERM", b"-ERR")), text
    with place.connect() as conn:
        conn.call("AUTH", FRONT)
        conn.call("DEL", "k")


@pytest.mark.parametrize("user", DENIED)
def test_what_a_user_may_not(place, user):
    with place.connect() as conn, place.connect() as other:
        assert conn.call("AUTH", user, PASSWORD_OF[user]) == OK
        assert other.call("AUTH", FRONT) == OK
        assert other.call("SET", "app1:k", "kept") == OK
        for text in DENIED[user]:
            assert conn.call(*text.split(" ")).startswith(b"-NOPERM "), text
        assert other.call("GET", "app1:k") == bulk("kept")
        assert other.call("DEL", "app1:k") == integer(1)
        assert conn.call("PING") == b"+PONG\r\n"


def test_what_a_user_may_not_aborts_a_transaction(place):
    with place.connect() as conn:
        assert conn.call("AUTH", "open", "x") == OK
        conn.call("AUTH", FRONT)
        assert conn.call("MULTI") == OK
        assert conn.call("EXEC") == array([])
        conn.call("AUTH", "writer", WRITER)
        assert conn.call("MULTI") == OK
        assert conn.call("SET", "k", "never") == b"+QUEUED\r\n"
        assert conn.call("EVAL", "x", 0).startswith(b"-NOPERM ")
        assert conn.call("EXEC").startswith(b"-EXECABORT ")
        assert conn.call("EXISTS", "k") == integer(0)


def test_rights_are_the_connections_own(guarded):
    with guarded.connect() as one, guarded.connect() as two, guarded.connect() as three:
        assert one.call("AUTH", "reader", READER) == OK
        assert two.call("AUTH", FRONT) == OK
        for _ in range(20):
            assert one.call("SET", "app1:k", 1).startswith(b"-NOPERM ")
            assert two.call("SET", "app1:k", 1) == OK
            assert three.call("GET", "app1:k") == NOAUTH
        assert two.call("DEL", "app1:k") == integer(1)


# -- towards the nodes ----------------------------------------------------------------------------


class Guarded(servers.Redis):
    """Asks for a password, of the default user or of another."""

    def __init__(self, user=None):
        super().__init__()
        self.user = user

    def command(self):
        if self.user:
            rules = [self.user, "on", ">" + BACK.replace(" ", "-"), "~*", "&*", "+@all"]
            return super().command() + ["--user", "default", "off", "--user", *rules]
        return super().command() + ["--requirepass", BACK.replace(" ", "-")]

    def connect(self, **options):
        conn = super().connect(**options)
        conn.call("AUTH", *([self.user] if self.user else []), BACK.replace(" ", "-"))
        return conn


@pytest.mark.parametrize("user", [None, "app"])
def test_credentials(own_servers, make_proxy, ring, fresh, user):
    """Every kind of connection to a node says who it is, also after the node was away."""
    nodes = own_servers(Guarded, 3, user=user)
    credentials = {"password": BACK.replace(" ", "-"), **({"username": user} if user else {})}
    proxy = make_proxy(slipring.pool("redis", nodes, credentials=credentials, timeouts={
        "connect": "200ms", "request": "1s"}))
    prefix = fresh()
    keys = [ring.key(name, prefix) for name in ring.names]
    with proxy.connect() as conn, proxy.connect() as other:
        for _ in range(2):
            wait_until(lambda: conn.call("MSET", *sum(([key, 1] for key in keys), [])) == OK,
                       "all nodes")
            assert conn.call("MGET", *keys) == array(["1"] * 3)
            got = conn.pipeline([command("MULTI"), command("INCR", keys[0]), command("EXEC")])
            assert got[-1] == array([2])
            conn.send(command("BLPOP", fresh(), "0.05"))
            assert conn.read_reply() == b"*-1\r\n"
            conn.send(command("SUBSCRIBE", keys[1]))
            conn.expect(array(["subscribe", keys[1], 1]))
            assert other.call("PUBLISH", keys[1], "m") == integer(1)
            conn.expect(array(["message", keys[1], "m"]))
            conn.call("UNSUBSCRIBE")
            with nodes[1].connect() as node:
                rows = node.ask("CLIENT", "LIST").decode().splitlines()
            assert all(f" user={user or 'default'} " in row for row in rows)
            for node in nodes:
                node.kill()
                node.start()
        assert conn.call("AUTH", BACK.replace(" ", "-")).startswith(b"-ERR AUTH ")
    assert BACK.replace(" ", "-") not in proxy.log()


@pytest.mark.parametrize("credentials", [
    None, {"password": "guess-me"}, {"username": "nobody", "password": BACK.replace(" ", "-")}])
def test_wrong_credentials_are_told_and_not_shown(own_servers, make_proxy, credentials):
    nodes = own_servers(Guarded, 2)
    settings = {"credentials": credentials} if credentials else {}
    proxy = make_proxy(slipring.pool("redis", nodes, **settings), wait=None)
    wait_until(lambda: proxy.get_status("/healthz") == 200, "the proxy")
    assert proxy.get_status("/readyz") == 503
    with proxy.connect() as conn:
        reply = conn.call("SET", "k", "v")
        assert reply.startswith(b"-ERR slipring: shard "), reply
        assert re.search(rb"password|NOAUTH|WRONGPASS|credential|authenti", reply, re.I), reply
    assert "guess-me" not in proxy.log() + reply.decode()
    assert BACK.replace(" ", "-") not in proxy.log() + reply.decode()


def test_clients_and_nodes_have_passwords_of_their_own(own_servers, make_proxy, fresh):
    nodes = own_servers(Guarded, 3)
    proxy = make_proxy(slipring.pool("redis", nodes, clients={"password": FRONT},
                                     credentials={"password": BACK.replace(" ", "-")}))
    with proxy.connect() as conn:
        assert conn.call("GET", "k") == NOAUTH
        assert conn.call("AUTH", BACK.replace(" ", "-")) == WRONGPASS
        assert conn.call("AUTH", FRONT) == OK
        assert conn.call("SET", fresh(), 1) == OK


# -- policies by prefix ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ruled(module_proxy, redises):
    return module_proxy(slipring.pool("redis", redises[:3], hash_tag="{}", prefixes=[
        {"match": "lock:", "reads": "primary", "refuse": ["del", "expire", "keys", "@sortedset"]},
        {"match": "lock:free:", "reads": "primary"},
        {"match": "ro:", "refuse": ["write"]},
    ]))


RULES = [
    ("DEL lock:a", False), ("DEL lock", True), ("DEL lock:free:a", True), ("DEL other", True),
    ("SET lock:a 1", True), ("GET lock:a", True), ("EXPIRE lock:a 5", False),
    ("EXPIRE lock:free:a 5", True), ("DEL {x}a {x}b", True), ("DEL lock:{x}a {x}b", False),
    ("DEL {x}b lock:{x}a", False), ("ZADD lock:z 1 a", False), ("ZRANGE lock:z 0 -1", False),
    ("ZADD z 1 a", True), ("DEL z", True), ("SET ro:a 1", False), ("GET ro:a", True),
    ("INCR ro:a", False), ("MGET ro:a lock:a x", True), ("MSET {x}a 1 ro:{x}b 2", False),
    ("MSET a 1 ro:b 2", False), ("EXISTS a", True), ("RENAME {x}a ro:{x}a", False),
    ("UNLINK lock:a", True), ("DEL a", True),
]


def test_rules_by_prefix(ruled):
    with ruled.connect() as conn:
        for text, passes in RULES:
            reply = conn.call(*text.split(" "))
            if passes:
                assert not reply.startswith((b"-ERR slipring", b"-NOPERM")), (text, reply)
            else:
                assert reply.startswith((b"-ERR slipring: ", b"-NOPERM ")), (text, reply)
        assert conn.call("EXISTS", "a", "{x}a", "ro:b", "ro:{x}b") == integer(0)
        conn.assert_empty()


def test_rules_by_prefix_in_a_transaction(ruled):
    with ruled.connect() as conn:
        got = conn.pipeline([command("MULTI"), command("SET", "lock:a", 1),
                             command("DEL", "lock:a"), command("EXEC"),
                             command("EXISTS", "lock:a")])
        assert got[:2] == [OK, b"+QUEUED\r\n"] and got[2][:1] == b"-"
        assert got[3].startswith(b"-EXECABORT ") and got[4] == integer(0)


# -- commands that only the nodes know ------------------------------------------------------------

COMMANDS = [
    {"name": "BF.ADD", "keys": [1, 1, 1], "write": True},
    {"name": "bf.mexists", "keys": [1, -1, 1], "write": False},
    {"name": "X.INFO", "write": False},
]


def test_the_nodes_own_error_comes_back(make_proxy, redises, ring, fresh):
    proxy = make_proxy(slipring.pool("redis", redises[:3], commands=COMMANDS))
    prefix = fresh()
    with proxy.connect() as conn, redises[3].connect() as direct:
        for shard in ring.names:
            key = ring.key(shard, prefix)
            for words in (["BF.ADD", key, "item"], ["bf.add", key], ["Bf.MExists", key],
                          ["BF.MEXISTS", key, key], ["NOT.LISTED", key]):
                assert conn.call(*words) == direct.call(*words), words
        reply = conn.call("BF.MEXISTS", ring.key("a", prefix), ring.key("b", prefix))
        assert reply.startswith(b"-CROSSSLOT "), reply
        got = conn.pipeline([command("MULTI"), command("BF.ADD", key, 1), command("EXEC")])
        assert got[1].startswith(b"-ERR unknown command 'BF.ADD'"), got
        assert got[2].startswith(b"-EXECABORT "), got
        conn.assert_empty()


def test_a_modules_command_goes_where_its_key_is(scripted, make_proxy, ring, fresh):
    nodes = scripted("redis", 3)
    proxy = make_proxy(slipring.pool("redis", nodes, commands=COMMANDS))
    prefix = fresh()
    with proxy.connect() as conn:
        for shard, node in zip(ring.names, nodes):
            key = ring.key(shard, prefix)
            conn.send(command("BF.ADD", key, "item"))
            node.expect("BF.ADD", key, "item").send(integer(1))
            conn.expect(integer(1))
            conn.send(command("bf.mexists", key, key))
            node.expect("bf.mexists", key, key).send(array([1, 0]))
            conn.expect(array([1, 0]))


def test_a_modules_write_is_sent_once(scripted, make_proxy):
    node, = scripted("redis")
    proxy = make_proxy(slipring.pool("redis", [node], commands=COMMANDS))
    with proxy.connect() as conn:
        conn.send(command("BF.ADD", "k", 1))
        node.expect("BF.ADD", "k", 1).close()
        reply = conn.read_reply()
        assert reply.startswith(b"-ERR slipring: shard a: ") and b"may have" in reply, reply
        node.expect_nothing(0.2)


def test_a_modules_read_is_sent_again(scripted, make_proxy):
    node, = scripted("redis")
    proxy = make_proxy(slipring.pool("redis", [node], commands=COMMANDS))
    time.sleep(1.1)  # the connection has lasted: it is made again at once
    with proxy.connect() as conn:
        conn.send(command("BF.MEXISTS", "k"))
        node.expect("BF.MEXISTS", "k").close()
        node.expect("BF.MEXISTS", "k").send(array([1]))
        conn.expect(array([1]))
