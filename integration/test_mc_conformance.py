"""memcached text, right and wrong: the proxy's replies against memcached's own, byte for byte.

Each case goes to one memcached directly and through `slipring run` over one node and over three,
on a connection of its own that is half-closed behind it, so that the reply is all that comes until
the other side closes. Where the proxy is meant to differ, EXCEPTIONS says how and why; besides,
stats are merged, and a get over several nodes may have its VALUE blocks in another order.
"""

import os
import re

import pytest

import servers
import slipring
import wire

BATCHES = 60
CAS = re.compile(rb"^(VALUE \S+ \d+ \d+) \d+\r$", re.M)

# -- the cases: <K> is a key that nobody else uses, <250> and <251> are keys of that length --------

STORE = [
    "", "<K>", "<K> 0", "<K> 0 0", "<K> 0 0 1", "<K> 0 0 1 2", "<K> 0 0 1 2 3", "<K> 0 0 1 2 3 4",
    "<K> 0 0 1 noreply", "<K> 0 0 1 5 noreply", "<K> 0 0 1 noreply 5", "<K> 0 0 noreply",
    "<K> 0 0 1 5 noreply noreply", "<K> 0 0 1 NOREPLY", "noreply 0 0 1", "noreply 0 0 1 noreply",
    "<K> x 0 1", "<K> 0 x 1", "<K> 0 0 x", "<K> -1 0 1", "<K> 0 -1 1", "<K> 0 0 -1", "<K> 0 0 -5",
    "<K> 4294967295 0 1", "<K> 4294967296 0 1", "<K> 18446744073709551615 0 1",
    "<K> 18446744073709551616 0 1", "<K> -18446744073709551615 0 1", "<K> -0 0 1", "<K> +1 0 1",
    "<K> 1\t 0 1", "<K> 1x 0 1", "<K> \t1 0 1", "<K> 0x1 0 1", "<K> 1.5 0 1", "<K> 0 +5 1",
    "<K> 0 2147483648 1", "<K> 0 9999999999 1", "<K> 0 9223372036854775807 1",
    "<K> 0 9223372036854775808 1", "<K> 0 -9223372036854775808 1", "<K> 0 0 2147483645x",
    "<K> 0 0 2147483646", "<K> 0 0 2147483647", "<K> 0 0 2147483648", "<K> 0 0 4294967295",
    "<K> 0 0 9223372036854775807", "<K> 0 0 9223372036854775808", "<K> 0 0 0x1", "<K> 0 0 1x",
    "<K> 0 0 01", "<K> 0 0 000000001", "<250> 0 0 1", "<251> 0 0 1", "<251> 0 0 1 noreply",
    "<251> x 0 1", " <K>  0  0  1 ", "<K> 0 0 1  ", "<K>\t 0 0 1", "a\tb<K> 0 0 1", "<K>\x01 0 0 1",
    "<K> 0 0\x00 1", "<K> 0 0 1\x00", "<K> 0 0 1 \x00 5",
]
CAS_WORDS = ["x", "-1", "-0", "18446744073709551615", "18446744073709551616", "5x", "5 x",
             "5 noreply", "noreply", "1 noreply noreply"]
GET = [
    "", " ", "<K>", "<K> <K>", " <K> ", "<K> " * 22, "<K> " * 23, "<K> " * 24, "<K> " * 100,
    "<250>", "<251>", "<K> <251>", "<251> <K>", "<K> " * 30 + "<251>", "a\tb", "<K>\x00 <K>",
    "\x00", "\x80\xff", "<K>\r", "\r", "noreply", "HTTP/1.1", "-1", "0", "<K> <250> <K>",
]
GAT = ["", "0", "x", "0 <K>", "x <K>", "-1 <K>", "0 <K> <K>", "0 <251>", "x <251>", "0x <K>",
       "99999999999 <K>", "99999999999999999999 <K>", "0\t <K>", "+5 <K>", "<K>", "noreply <K>",
       "0 <250>", "0 <K> <251>", "0\x00 <K>"]
DELTA = [
    "", "<K>", "<K> 1", "<K> 0", "<K> x", "<K> -1", "<K> -0", "<K> +1", "<K> 1x", "<K> \t1",
    "<K> 18446744073709551615", "<K> 18446744073709551616", "<K> 1 2", "<K> 1 2 3", "<K> noreply",
    "<K> 1 noreply", "<K> x noreply", "<251> 1", "<251> x", "<251> 1 noreply", "<250> 1",
    "<K>  1  ", "<K> 1\x00", "<K>\x00 1", "noreply 1", "noreply noreply", "<K> 1 noreply x",
]
TOUCH = DELTA + ["<K> 9999999999", "<K> 9223372036854775808", "<K> -9223372036854775809"]
DELETE = [
    "", "<K>", "<K> 0", "<K> 00", "<K> 5", "<K> x", "<K> noreply", "<K> 0 noreply", "<K> 5 noreply",
    "<K> noreply 0", "<K> noreply noreply", "<K> 0 0", "<K> 0 noreply x", "noreply", "noreply 0",
    "noreply noreply", "<250>", "<251>", "<251> noreply", "<251> 5", "<K>\x00 noreply", " <K> ",
    "<K> -0", "<K> 0\x00",
]
REST = [
    "flush_all", "flush_all 0", "flush_all -1", "flush_all noreply", "flush_all 0 noreply",
    "flush_all noreply 0", "flush_all x", "flush_all x noreply", "flush_all noreply noreply",
    "flush_all 0 5", "flush_all 1 2 3", "flush_all 0 0 noreply", "flush_all 99999999999999999999",
    "flush_all\x00 x", "verbosity", "verbosity 0", "verbosity 0 noreply", "verbosity noreply",
    "verbosity x", "verbosity x noreply", "verbosity -1", "verbosity 0 x", "verbosity 0 1 2",
    "version", "version x y z", "version noreply", " version", "versions", "Version", "quit",
    "quit x", "quit noreply", "quit\x00", "quits", "stats foo", "stats noreply", "stats reset",
    "stats detail", "stats detail x", "stats detail off", "stats cachedump", "stats cachedump x 0",
    "stats cachedump 999 0", "stats " + "x " * 40, "stats\t",
    "", " ", "\r", "x", "xx", "g", "gx", "gx a", "ge", "gett a", "sets a 0 0 1", "a", "ad", "c",
    "d", "i", "t", "m", "mx", "mx HTTP/1", "x HTTP/1.1", "xx HTTP/1.1", "GET / HTTP/1.1",
    "POST / HTTP/1.0", "HEAD HTTP/", "HTTP/1.1", "get / HTTP/1.1", "delete / HTTP/1.1", "GET k",
    "SET k 0 0 1", "foo " + "a " * 21 + "HTTP/1.1 x", "foo " + "a " * 23 + "HTTP/1.1", "\x00",
    "\x00version", "version\x00x", "\x01\x02", "a\x80", "set\t<K> 0 0 1", "get\t<K>", "-1", "END",
    "VALUE a 0 1", "STORED", "x" * 2000, "x" * 2047, "delete " + "x" * 2000, "g" * 2046,
]
STREAMS = [
    "set <K> 0 0 1\r\nabc\r\nget <K>\r\n", "set <K> 0 0 1\r\nabcd\r\nversion\r\n",
    "set <K> 0 0 5\r\nab\r\nversion\r\nversion\r\n", "set <K> 0 0 1\na\n\nversion\r\n",
    "set <K> 0 0 1\na\r\nget <K>\n", "set <K> 0 0 3 noreply\r\nabcdefg\r\nversion\r\n",
    "set <K> 0 0 0\r\n\r\nget <K>\r\n", "set <K> 0 0 0\r\nx\r\n\r\n", "set <K> 0 0 1\r\n",
    "set <K> 0 0 1\r\na", "set <K> 0 0 1\r\na\r", "get <K>", "set <K> 0 0 5\r\nget a\r\nget b\r\n",
    "set <K> 0 0 1\r\n\n\r\nget <K>\r\n", "set <K> 1 0 2\r\n\x00\x00\r\nget <K>\r\n",
    "set <K> 0 0 1\r\n1\r\nincr <K> 5\r\nincr <K> x\r\ndecr <K> 100\r\nget <K>\r\n",
    "set <K> 0 0 1\r\nx\r\nincr <K> 1\r\nappend <K> 0 0 1\r\ny\r\nget <K>\r\ngets <K>\r\n",
    "set <K> 9 0 1\r\nx\r\nadd <K> 0 0 1\r\ny\r\nreplace <K> 0 0 1\r\nz\r\nget <K>\r\n",
    "set <K> 0 0 1\r\nx\r\ncas <K> 0 0 1 999999999\r\ny\r\nget <K>\r\ntouch <K> 10\r\n",
    "set <K> 0 0 1\r\nx\r\nset <K>2 0 0 1\r\ny\r\nget <K> <K>2 <K>3 <K>\r\ngat 9 <K>2 <K>\r\n",
    "set <K> 0 0 1\r\nx\r\ndelete <K> 0\r\nget <K>\r\ndelete <K> noreply\r\nget <K>\r\n",
    "set <K> 0 0 1\r\nx\r\nflush_all noreply\r\nget <K>\r\nset <K> 0 0 1\r\ny\r\nget <K>\r\n",
    "set <K> 0 -1 1\r\nx\r\nget <K>\r\n", "get <K>\r\nversion\r\nquit\r\nversion\r\n",
    "version\nget a\n\nversion\r\n", "set <K> 0 0 2000000\r\n" + "a" * 2000000 + "\r\nversion\r\n",
    "set <K> 0 0 2000000 noreply\r\n" + "a" * 2000000 + "xxversion\r\n",
    "set <K> 0 0 1\r\nx\r\nset <K> 0 0 1100000\r\n" + "a" * 1100000 + "\r\nget <K>\r\n",
    "set <K> 0 0 2000000\r\nabc\r\nversion\r\n", "add <K> 0 0 1048576\r\n" + "a" * 1048576 + "\r\n",
    "set <K> 0 0 600000\r\n" + "a" * 600000 + "xxversion\r\n",
    "set <K> 0 0 600000\r\n" + "a" * 600000 + "\r\nget <K>\r\n", "x" * 2049, "x" * 5000,
    "x" * 5000 + "\r\nversion\r\n", "get " + "<K> " * 1000 + "\r\n",
    "  get " + "<K> " * 1000 + "\r\n",
    "set <251> 0 0 1\r\nx\r\nversion\r\n", "set <251> 0 0 1 noreply\r\nversion\r\nversion\r\n",
    "get <250>\r\nset <250> 0 0 2\r\nhi\r\nget <250>\r\ntouch <250> 5\r\ndelete <250>\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\nversion\r\n",
]


def build():
    """The cases of one line, with a value where the command takes one."""
    lines = []
    for name in ("set", "add", "replace", "append", "prepend"):
        lines += [f"{name} {words}\r\na" for words in STORE]
    lines += [f"cas {words}\r\na" for words in STORE]
    lines += [f"cas <K> 0 0 1 {words}\r\na" for words in CAS_WORDS]
    lines += [f"{name} {words}" for name in ("get", "gets") for words in GET]
    lines += [f"{name} {words}" for name in ("gat", "gats") for words in GAT]
    lines += [f"{name} {words}" for name in ("incr", "decr") for words in DELTA]
    lines += [f"touch {words}" for words in TOUCH]
    lines += [f"delete {words}" for words in DELETE]
    lines += REST
    return [line + "\r\n" for line in lines]


LINES = build()

# What is sent, what memcached says, what the proxy says, why.
EXCEPTIONS = [
    *(("set <K> 0 0 %s\r\na\r\n" % length, b"STORED\r\n",
       b"CLIENT_ERROR bad command line format\r\nERROR\r\n",
       "a length that strtol reads otherwise than it looks is refused: a node of another version "
       "may count other bytes, and take the value for commands")
      for length in ("+1", "\t1", "1\t", "4294967297")),
    ("set <K> 0 0 1\r\nx\r\nget <251>\r\n", b"CLIENT_ERROR bad command line format\r\n",
     b"STORED\r\nCLIENT_ERROR bad command line format\r\n",
     "memcached drops the replies that wait before the error"),
    ("delete <K>" + " " * 3000 + "0\r\nversion\r\n", b"NOT_FOUND\r\nVERSION 1.6.18\r\n", b"",
     "a long line that a node may hang up on, together with all who share its connection, is "
     "hung up on here"),
    ("gat 0" + " <K>" * 1000 + "\r\n", b"END\r\n", b"", "the same"),
    *((line + "\r\n", direct, b"ERROR\r\n", "a command the proxy does not have")
      for line, direct in (
          ("bget <K>", b"END\r\n"),
          ("shutdown", b"ERROR: shutdown not enabled\r\n"),
          ("cache_memlimit 4", b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n"),
          ("lru_crawler crawl x", b"BADCLASS invalid class id\r\n"),
          ("slabs automove 1", b"OK\r\n"), ("lru temp_ttl -1", b"OK\r\n"),
      )),
]

# -- asking ---------------------------------------------------------------------------------------


def fill_in(text, key):
    """The bytes of a case with its keys put in."""
    long_key = (key * 30)[:250]
    text = text.replace("<K>", key).replace("<250>", long_key).replace("<251>", long_key + "x")
    return text.encode("latin-1")


def sort_values(reply):
    """The VALUE blocks of each get in one order. A value never looks like a block here."""
    def sort_blocks(found):
        blocks = re.split(rb"(?m)^(?=VALUE )", found.group())
        return b"".join(sorted(blocks))

    return re.sub(rb"(?m)(^VALUE [^\r]*\r\n[^\r]*\r\n)+(?=END\r\n)", sort_blocks, reply)


def ask(address, data, pieces=None):
    """All that comes back, up to the close; CAS numbers, which are a node's own, masked."""
    with wire.Connection(address) as conn:
        try:
            for piece in pieces or [data]:
                conn.send(piece)
            conn.half_close()
        except OSError:
            pass  # closed on us: what it said before is there to read
        return CAS.sub(rb"\1 CAS\r", conn.read_to_end())


class Proxied:
    """Where the proxy is, and what to do to two replies before they are compared."""

    def __init__(self, address, normal):
        self.address, self.normal = address, normal

    def compare(self, direct, data, pieces=None):
        """What memcached says and what the proxy says."""
        addresses = direct.address, self.address
        return [self.normal(ask(address, data, pieces)) for address in addresses]


@pytest.fixture(scope="module")
def direct():
    """The memcached to compare with."""
    server = servers.Memcached(item_max="1m").start()
    yield server
    server.kill()


@pytest.fixture(scope="module", params=[1, 3], ids=["one_node", "three_nodes"])
def proxied(request, tmp_path_factory):
    """A proxy without a file, over so many nodes of its own."""
    nodes = [servers.Memcached(item_max="1m").start() for _ in range(request.param)]
    address = (servers.LOOPBACK, servers.free_port())
    proxy = slipring.Proxy(
        tmp_path_factory.mktemp("conformance"), wait=None,
        arguments=["run", "--memcached", ",".join(node.name for node in nodes),
                   "--listen", "%s:%d" % address],
    )
    wire.wait_until(lambda: proxy.accepts(address), "the proxy")
    yield Proxied(address, sort_values if request.param > 1 else bytes)
    proxy.stop()
    for node in nodes:
        node.kill()


def compare(direct, proxied, cases, fresh):
    """Each case to both; the differences, as a readable list."""
    differ = []
    for text in cases:
        data = fill_in(text, fresh().decode())
        expected, got = proxied.compare(direct, data)
        if expected != got:
            differ.append((text[:100], "memcached", expected[:200], "proxy", got[:200]))
    assert not differ, "\n".join(map(repr, differ))


# -- the tests ------------------------------------------------------------------------------------


def first_word(text):
    return text.split(" ")[0].split("\r")[0]


GROUPS = ["set", "add", "replace", "append", "prepend", "cas", "get", "gets", "gat", "gats", "incr",
          "decr", "touch", "delete", "others"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_command_is_answered_as_by_memcached(direct, proxied, fresh, group):
    named = GROUPS[:-1]
    cases = [text for text in LINES
             if (first_word(text) == group if group in named else first_word(text) not in named)]
    assert len(cases) > 10
    compare(direct, proxied, cases, fresh)


def test_a_stream_goes_on_as_with_memcached(direct, proxied, fresh):
    compare(direct, proxied, STREAMS, fresh)


@pytest.mark.parametrize("case", EXCEPTIONS, ids=[f"{i}" for i in range(len(EXCEPTIONS))])
def test_differs_from_memcached_only_as_said(direct, proxied, fresh, case):
    text, by_memcached, by_proxy, _reason = case
    data = fill_in(text, fresh().decode())
    assert ask(direct.address, data) == by_memcached
    assert ask(proxied.address, data) == by_proxy


def test_stats_are_of_the_same_form(direct, proxied):
    for what in (b"stats\r\n", b"stats settings\r\n", b"stats slabs\r\n", b"stats conns\r\n"):
        theirs, ours = ask(direct.address, what), ask(proxied.address, what)
        for reply in (theirs, ours):
            assert reply.endswith(b"END\r\n") and reply.count(b"END\r\n") == 1
            assert all(line.startswith(b"STAT ") for line in reply.split(b"\r\n")[:-2])
    names = {line.split()[1] for line in ask(direct.address, b"stats\r\n").split(b"\r\n")[:-2]}
    merged = {line.split()[1] for line in ask(proxied.address, b"stats\r\n").split(b"\r\n")[:-2]}
    assert names - merged <= {b"pid"}


def in_batches(text):
    """Not what ends a connection, loses replies of the batch, or depends on time or CAS numbers."""
    apart = ("flush_all", "stats", "quit", "decr", "incr", "cas ", "set <K> 0 0 2000000")
    # After a second at most, by a clock that each node has of its own, an item so touched is gone.
    soon = re.match(r"touch \S+\s+\+?1\b", text)
    return len(text) < 1000 and not text.startswith(apart) and "HTTP/" not in text \
        and "<251>" not in text and not soon


# Ends a value that still waits for a few bytes: memcached closes without a word in one.
BATCH_END = b"x\r\nx\r\nx\r\nversion\r\n"


@pytest.mark.parametrize("cut", ["whole", "pieces"])
def test_random_batches_are_answered_as_by_memcached(direct, proxied, fresh, rng, cut):
    usable = [text for text in LINES + STREAMS if in_batches(text)]
    proxied.compare(direct, b"delete noreply\r\n")  # the one key that all batches share
    for _ in range(BATCHES):
        key = fresh().decode()
        texts = [rng.choice(usable) for _ in range(rng.randint(2, 40))]
        data = b"".join(fill_in(text, key + rng.choice("ab")) for text in texts) + BATCH_END
        pieces = None
        if cut == "pieces":
            ends = sorted(rng.sample(range(len(data)), min(len(data), 12))) + [len(data)]
            pieces = [data[a:b] for a, b in zip([0, *ends], ends)]
        expected, got = proxied.compare(direct, data, pieces)
        at = len(os.path.commonprefix([expected, got]))
        assert got == expected, (data, at, expected[at - 50 :][:200], got[at - 50 :][:200])
