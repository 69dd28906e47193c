"""What client libraries of memcached do, each with its own program in clients/, over three shards.

A program does some steps and prints JSON, which is the same for all of them. With
SLIPRING_TEST_DIRECT=1 they talk to one memcached instead, which tells whether a program is right.
"""

import json
import os
import re

import pytest

import programs
import servers
import slipring
from conftest import start_all

PROGRAMS = {
    "php-memcached-text": ["php", "-d", "display_errors=stderr", "mc_php.php"],
    "php-memcached-binary": ["php", "-d", "display_errors=stderr", "mc_php.php"],
    "pylibmc-text": [programs.PYTHON, "mc_pylibmc.py"],
    "pylibmc-binary": [programs.PYTHON, "mc_pylibmc.py"],
    "pymemcache": [programs.PYTHON, "mc_pymemcache.py"],
    "dalli": ["ruby", "-W0", "mc_dalli.rb"],
    "memjs": ["node", "mc_memjs.js"],
    "node-memcached": ["node", "mc_node.js"],
}
STEPS = {
    # A miss, and each way to write, where it may and where it may not.
    "basic": {
        "miss": None, "set": True, "get": "v", "add": [False, True], "replace": [True, False],
        "delete": [True, False], "large": True, "empty": True, "append": [True, True, False],
        "appended": "amz",
    },
    "cas": {"cas": [True, False], "value": "new"},
    # 1,000 keys, asked for at once together with 100 that are not there.
    "many": {"set": True, "found": 1000, "right": True, "left": 0},
    "count": {"incr": 15, "decr": 13, "floor": 0},
    "count_missing": {"missing": None, "after": None},
    "all": {"version": True, "stats": True, "flush": True, "left": 0},
    "quiet": {"right": 500},
}
LACKS = {  # steps of what a library has not
    "memjs": ["cas", "count_missing", "quiet"], "node-memcached": ["quiet"],
}
MISTAKES = {("memjs", "basic"): {"appended": "mza"}}  # the library's own
EXPIRE = {"set": True, "touch": [True, True, False], "after": [None, "v", None]}


@pytest.fixture(scope="module")
def nodes():
    """Three memcached of this file's own."""
    started = start_all(servers.Memcached, 3)
    yield started
    for server in started:
        server.kill()


@pytest.fixture(scope="module")
def address(nodes, module_proxy):
    """What the libraries connect to."""
    if os.environ.get("SLIPRING_TEST_DIRECT"):
        return nodes[0].name
    return "%s:%d" % module_proxy(slipring.pool("memcached", nodes)).address()


@pytest.fixture
def prefix(fresh):
    return fresh().decode()


def start(library, steps, where, prefix, **environment):
    protocol = "binary" if library.endswith("binary") else "text"
    words = [*PROGRAMS[library], ",".join(steps), where, prefix]
    return programs.start(words, PROTOCOL=protocol, **environment)


def run(*arguments, **environment):
    """{step: what it found}"""
    return json.loads(programs.finish(start(*arguments, **environment)))


@pytest.mark.parametrize("library", PROGRAMS)
def test_library(library, address, prefix):
    steps = [step for step in STEPS if step not in LACKS.get(library, [])]
    got = run(library, steps, address, prefix)
    for step in steps:
        assert got[step] == {**STEPS[step], **MISTAKES.get((library, step), {})}, step


def test_expirations(address, prefix):
    """Of all libraries at once, since it takes two seconds."""
    running = {library: start(library, ["expire"], address, f"{prefix}-{i}")
               for i, library in enumerate(PROGRAMS)}
    got = {library: json.loads(programs.finish(process)) for library, process in running.items()}
    assert got == {library: {"expire": EXPIRE} for library in PROGRAMS}


# -- placement ------------------------------------------------------------------------------------

# A library's own ring over the nodes, and the pool's settings that are the same. What memjs does
# (Java's String.hashCode modulo the number of servers) no other library does.
RINGS = {
    "php-memcached-text": {}, "php-memcached-binary": {}, "pylibmc-text": {}, "pylibmc-binary": {},
    "pymemcache": {"distribution": "pymemcache"}, "dalli": {"distribution": "dalli"},
    "node-memcached": {"distribution": "lastfm"},
}


@pytest.mark.skipif(bool(os.environ.get("SLIPRING_TEST_DIRECT")), reason="about the proxy")
@pytest.mark.parametrize("library", RINGS)
def test_items_that_a_library_placed_itself_are_found(library, nodes, make_proxy, prefix):
    names = [node.name for node in nodes]
    proxy = make_proxy(slipring.pool("memcached", nodes, names=names, **RINGS[library]))
    assert run(library, ["fill"], ",".join(names), prefix) == {"fill": {"set": 300}}
    found = run(library, ["found"], "%s:%d" % proxy.address(), prefix)
    assert found == {"found": {"found": 300}}


# -- memccapable ----------------------------------------------------------------------------------


def memccapable(address, flag):
    host, port = address.split(":")
    return programs.start(["memccapable", "-h", host, "-p", port, flag])


def verdicts_of(process):
    """{test: verdict}, in the order of the tests."""
    out, errors = process.communicate(timeout=programs.SECONDS)
    verdicts = dict(re.findall(r"^((?:ascii|binary) [\w ]*\w) +\[(\w+)\]", out, re.M))
    assert len(verdicts) > 20, (out, errors)
    return verdicts


@pytest.mark.parametrize("flag", ["-a", "-b"])
def test_memccapable(address, own_servers, flag):
    """It flushes; what passes with memcached passes through the proxy."""
    other, = own_servers(servers.Memcached, 1)
    running = [memccapable(where, flag) for where in (other.name, address)]
    direct, proxied = map(verdicts_of, running)
    assert list(direct.values()).count("pass") > 20, direct
    assert proxied == direct
