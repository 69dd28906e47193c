"""Every command and subcommand of the live server, with real arguments, through the proxy and to a
server directly: the same replies in RESP2 and in RESP3. What is sent is walk_table.py.

The cases "server" compare two servers, so a difference in the others is the proxy's.
"""

import re

import pytest

import servers
import slipring
import walk_table
import wire
from wire import OK, ErrorReply, command, typed

SCRIPTS = walk_table.scripts()
REFUSAL = re.compile(rb"-ERR slipring: '([a-z|-]+)' is not supported: [^\r\n]+\r\n")
CASES = ["server", "one-shard", "three-shards"]


class Fleet:
    """The servers, one of which is asked directly, and what each case compares with it."""

    def __init__(self, make_proxy):
        self.make_proxy = make_proxy
        self.nodes = [servers.Redis() for _ in range(6)]
        self.proxies = {}
        for node in self.nodes:
            node.start()
            with node.connect() as conn:
                assert conn.call("CONFIG", "SET", "slowlog-log-slower-than", -1) == OK

    server = property(lambda self: self.nodes[5])

    def connect(self, case):
        if case == "server":
            return self.nodes[4].connect()
        if case not in self.proxies or self.proxies[case].process.poll() is not None:
            nodes = self.nodes[3:4] if case == "one-shard" else self.nodes[:3]
            self.proxies[case] = self.make_proxy(slipring.pool("redis", nodes, hash_tag="{}"))
        return self.proxies[case].connect()

    def stop(self):
        for node in self.nodes:
            node.kill()


@pytest.fixture(scope="module")
def fleet(module_proxy):
    made = Fleet(module_proxy)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def dumped(fleet):
    """A value and a library as the server dumps them."""
    with fleet.server.connect() as conn:
        conn.call("FUNCTION", "FLUSH")
        conn.call("FUNCTION", "LOAD", walk_table.LIB)
        conn.call("SET", "k", "hello")
        return {b"<dump>": conn.ask("DUMP", "k"),
                b"<functions>": conn.ask("FUNCTION", "DUMP")}


@pytest.fixture(scope="module")
def empty(fleet):
    """Empties all servers."""
    conns = [node.connect() for node in fleet.nodes]
    wipe = [command("FLUSHALL"), command("FUNCTION", "FLUSH"), command("SCRIPT", "FLUSH")]

    def run():
        for conn in conns:
            conn.send(b"".join(wipe))
        for conn in conns:
            conn.expect(OK * 3)

    yield run
    for conn in conns:
        conn.close()


# -- how replies are compared ---------------------------------------------------------------------


def shape(value):
    """A typed reply without what its scalars say."""
    kind, content = value
    if isinstance(content, list):
        return kind, [shape(one) for one in content]
    return kind, content is None


def in_order(value):
    """A typed reply with the elements of each aggregate sorted, and those of a map by pairs."""
    kind, content = value
    if not isinstance(content, list):
        return kind, str(content)
    content = [in_order(one) for one in content]
    if kind == "%":
        content = list(zip(content[::2], content[1::2]))
    return kind, str(sorted(content, key=str))


def is_refused(reply, words):
    """By the proxy, by name."""
    found = REFUSAL.fullmatch(reply)
    name = words[0].lower()
    return bool(found) and found[1] in (name, b"|".join([name] + [w.lower() for w in words[1:2]]))


def scan_all(conn, words):
    """The elements of all rounds, sorted, and the kind of the last reply."""
    cursor, found = b"0", []
    for _ in range(1000):
        reply = conn.call(words[0], cursor, *words[1:])
        kind, content = typed(reply)
        assert kind == "*" and [one[0] for one in content] == ["$", "*"], reply
        cursor = content[0][1]
        found += content[1][1]
        if cursor == b"0":
            return sorted(found)
    raise AssertionError("the cursor never comes back to 0")


def compare(mark, words, proxied, direct, is_server):
    if mark == "&":
        assert scan_all(proxied, words) == scan_all(direct, words), words
        return
    if mark == "!" and is_server:
        return
    if mark == "*":
        assert is_server or proxied.call(*words) == OK, words
        return
    got = proxied.call(*words)
    if mark == "!":
        assert is_refused(got, words), (words, got)
        return
    wanted = direct.call(*words)
    if mark == "?" and not is_server and is_refused(got, words):
        return
    if mark == "$":
        assert in_order(typed(got)) == in_order(typed(wanted)), words
    elif mark == "~":
        assert typed(got)[0] == typed(wanted)[0], (words, got)
    elif mark in ("%", "?"):
        assert shape(typed(got)) == shape(typed(wanted)), (words, got, wanted)
    else:
        assert got == wanted, words


# -- the walk -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", SCRIPTS)
def test_walk(fleet, empty, dumped, case, protocol, name):
    empty()
    with fleet.connect(case) as proxied, fleet.server.connect() as direct:
        if protocol == 3:
            proxied.hello(3)
            direct.hello(3)
        for mark, words in SCRIPTS[name][1]:
            words = [dumped.get(word, word) for word in words]
            compare(mark, words, proxied, direct, case == "server")


def command_docs(server):
    """The names of all commands and subcommands, as COMMAND DOCS lists them."""
    with server.connect() as conn:
        reply = conn.ask("COMMAND", "DOCS")
    for name, fields in zip(reply[::2], reply[1::2]):
        yield name.decode()
        fields = dict(zip(fields[::2], fields[1::2]))
        yield from (sub.decode() for sub in fields.get(b"subcommands", [])[::2])


def test_the_table_has_every_command(fleet):
    assert set(command_docs(fleet.server)) - {name for name, _ in SCRIPTS.values()} == set()


def test_each_row_sends_its_command():
    for name, lines in SCRIPTS.values():
        words = [word.encode() for word in name.split("|")]
        assert any([part.lower() for part in sent[: len(words)]] == words
                   for _, sent in lines), name


@pytest.mark.parametrize("case", CASES)
def test_too_few_arguments(fleet, case):
    """The name alone, where that is too little: the server's words, or a refusal."""
    with fleet.connect(case) as proxied, fleet.server.connect() as direct:
        for row in direct.ask("COMMAND"):
            for name, arity in [row[:2]] + [sub[:2] for sub in row[9]]:
                words = name.split(b"|")
                if abs(arity) <= len(words):
                    continue
                wanted, got = direct.call(*words), proxied.call(*words)
                assert isinstance(wire.decode(wanted), ErrorReply), words
                if case == "server" or not is_refused(got, words):
                    assert got == wanted, words
        proxied.assert_empty()


def test_names_in_capitals_are_refused_too(fleet):
    with fleet.connect("three-shards") as conn:
        for text in ("WAIT 0 0", "Config Set maxmemory 1", "aCL wHOAMI", "SHUTDOWN"):
            words = [word.encode() for word in text.split(" ")]
            assert is_refused(conn.call(*words), words), text
