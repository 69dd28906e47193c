"""The commands that need no running proxy, through the program: check, route, plan, import."""

import os
import pathlib
import re
import subprocess
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
SLIPRING = os.environ.get("SLIPRING", str(ROOT / "build" / "release" / "slipring"))
EXAMPLES = sorted((ROOT / "conf" / "examples").glob("*.yaml"))
LINE = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (?P<text>.+)$")


def run(*args, stdin=b"", cwd=None):
    """The exit status, standard output and standard error of a command."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run(
        [SLIPRING, *map(str, args)], input=stdin, capture_output=True, cwd=cwd, timeout=60
    )
    return done.returncode, done.stdout, done.stderr.decode()


def check(text):
    return run("check", "-c", "-", stdin=text)


# -- check: what is right -------------------------------------------------------------------------


GOOD = """\
pools:
  p:
    protocol: memcached
    listen: 127.0.0.1:11311
    shards: [127.0.0.1:11211, 127.0.0.1:11212]
"""


def test_a_right_file_is_one_line(tmp_path):
    path = tmp_path / "slipring.yaml"
    path.write_text(GOOD)
    assert run("check", "-c", path) == (0, f"{path}: ok: 1 pool, 2 shards\n".encode(), "")


def test_the_file_here_is_the_default(tmp_path):
    (tmp_path / "slipring.yaml").write_text(GOOD)
    status, out, _ = run("check", cwd=tmp_path)
    assert (status, out) == (0, b"./slipring.yaml: ok: 1 pool, 2 shards\n")


def test_a_warning_is_no_failure():
    status, out, err = check(GOOD + "    hash: crc32\n")
    assert status == 0
    assert out.startswith(b"standard input: ok")
    assert err.startswith("standard input:6:11: warning: pools.p.hash: crc32 ")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_right(path):
    status, _, err = run("check", "-c", path)
    assert (status, err) == (0, "")


def test_the_reference_file_is_right():
    status, _, err = run("check", "-c", ROOT / "conf" / "slipring.yaml")
    assert (status, err) == (0, "")


def test_generated_documents_are_up_to_date():
    generator = pathlib.Path(SLIPRING).with_name("gen_docs")
    if not generator.exists():
        pytest.skip(f"no {generator}: the build directory is elsewhere")
    done = subprocess.run(
        [generator, "--check", ROOT / "conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# -- check: what is wrong -------------------------------------------------------------------------

# A name, the file, and where and what: "LINE[:COLUMN]: text that the message contains". What the
# operator can do is part of each message, so it is part of each text here.
BROKEN = [
    ("empty", "", ["1:1: the file is empty; expected 'pools:'"]),
    ("only a comment", "# nothing\n", ["1:1: the file is empty; expected 'pools:'"]),
    ("a list", "- a\n- b\n", ["1:1: not a map; expected 'key: value'"]),
    ("not UTF-8", b"pools:\n  caf\xe9: {}\n", ["2:6: the byte 0xe9, which is not UTF-8; save"]),
    ("UTF-16", "pools: {}".encode("utf-16"), ["1:1: the byte 0xff, which is not UTF-8; save"]),
    ("a control character", b"pools:\n  \x07: 1\n", ["2:3: the byte 0x07, a control character; "]),
    ("a zero byte", b"pools:\n\0", ["2:1: the byte 0x00, a control character; take it out"]),
    ("a tab", "pools:\n\tp: 1\n", ["2:1: a tab in the indentation; YAML is indented with spaces"]),
    (
        "a quote left open",
        "pools:\n  p:\n    listen: 'a:1\n    protocol: redis\n",
        ["3:13: YAML syntax: a quote that is not closed; end the text"],
    ),
    (
        "a bracket left open",
        "pools:\n  p:\n    listen: [a:1\n    protocol: redis\n",
        ["3:13: YAML syntax: a '[' that is not closed; write [a, b]"],
    ),
    (
        "a missing colon",
        "workers: 2\nmemory 1g\npools: {}\n",
        ["2:1: YAML syntax: a word where a key should be; write 'key: value'"],
    ),
    (
        "a key on the line of another",
        "log: level: info\n",
        ["1:11: YAML syntax: a ':' where no value may begin"],
    ),
    (
        "uneven indentation",
        "pools:\n  p:\n    protocol: redis\n   listen: a:1\n",
        ["4:4: YAML syntax: not a key of the map that it stands in; indent"],
    ),
    ("two documents", GOOD + "---\n" + GOOD, ["6:1: a second document ('---'); expected one"]),
    (
        "an anchor and an alias",
        GOOD.replace("[127.0.0.1:11211", "&s [127.0.0.1:11211") + "  q: *s\n",
        [
            "5:13: an anchor ('&name'), which is not supported; write the value out",
            "6:6: an alias ('*name'), which is not supported; write the value out",
        ],
    ),
    ("a tag", GOOD + "workers: !!int 2\n", ["6:10: a tag ('!name'), which is not supported; leave"]),
    ("a map as a key", "{a: 1}: 2\n", ["1:1: a map, list or alias as a key; expected a word"]),
    (
        "a key twice",
        GOOD + "    listen: 127.0.0.1:2\n",
        ["6:5: pools.p.listen: given twice; it stands on line 4 already, so take one"],
    ),
    ("nested deeply", "a: " + "[" * 40, ["1:19: nested too deeply; the settings need 7 levels"]),
    ("no pools", "workers: 2\n", ["1:1: 'pools' is missing; expected pools: a map of pools"]),
    ("pools without a pool", "pools: {}\n", ["1:8: pools: no pools; expected NAME: {protocol,"]),
    ("pools as a list", "pools:\n  - p\n", ["2:3: pools: it is a list; expected a map of pools"]),
    (
        "an empty pool",
        "pools:\n  p: {}\n",
        [
            "2:3: pools.p: 'protocol' is missing; expected protocol: memcached or redis",
            "2:3: pools.p: 'listen' is missing; expected listen: HOST:PORT or unix:PATH",
            "2:3: pools.p: 'shards' is missing; expected shards: a list of HOST:PORT",
        ],
    ),
    (
        "a pool's name",
        GOOD.replace("  p:", "  my pool:"),
        ["2:3: pools.my pool: not a pool's name; expected 1 to 64 letters"],
    ),
    (
        "a misspelt key",
        GOOD.replace("shards", "shrads"),
        ["5:5: pools.p.shrads: unknown key; did you mean 'shards'?", "2:3: pools.p: 'shards' is"],
    ),
    (
        "a key of another section",
        GOOD + "    request: 2s\n",
        ["6:5: pools.p.request: unknown key; did you mean"],
    ),
    (
        "a key of a later version",
        GOOD + "    reshard: {rate: 1}\n",
        ["6:5: pools.p.reshard: unknown key"],
    ),
    (
        "a misspelt word",
        GOOD.replace("memcached", "memcahced"),
        ["3:15: pools.p.protocol: 'memcahced' is not known; did you mean 'memcached'?"],
    ),
    (
        "an unknown word",
        GOOD + "log: {level: verbose}\n",
        ["6:14: log.level: 'verbose' is not valid; expected error, warn, info or debug"],
    ),
    (
        "an unknown hash",
        GOOD + "    hash: sha256\n",
        ["6:11: pools.p.hash: 'sha256' is not valid; expected md5, fnv1a_64"],
    ),
    (
        "a number out of range",
        GOOD + "    connections: 65\n",
        ["6:18: pools.p.connections: '65' is not valid; expected a number from 1 to 64"],
    ),
    (
        "a text for a number",
        "workers: many\n" + GOOD,
        ["1:10: workers: 'many' is not valid; expected a number from 1 to 256, or auto"],
    ),
    (
        "a list for a number",
        "workers: [1, 2]\n" + GOOD,
        ["1:10: workers: it is a list; expected a number from 1 to 256, or auto"],
    ),
    ("no value", "workers:\n" + GOOD, ["1:9: workers: it is empty; expected a number"]),
    (
        "a section without keys",
        GOOD + "log: debug\n",
        ["6:6: log: it is a text; expected a map of level, format"],
    ),
    (
        "a duration without its unit",
        GOOD + "    timeouts: {connect: 250}\n",
        ["6:25: pools.p.timeouts.connect: '250' is not valid; expected a duration with its unit"],
    ),
    (
        "a duration that may not be off",
        GOOD + "    timeouts: {request: off}\n",
        ["6:25: pools.p.timeouts.request: 'off' is not valid; expected a duration"],
    ),
    (
        "a size with a wrong unit",
        "memory: 1GiB\n" + GOOD,
        ["1:9: memory: '1GiB' is not valid; expected a size from 64m to 1024g"],
    ),
    (
        "a limit over the memory",
        "memory: 64m\n" + GOOD + "    limits: {output: 65m}\n",
        ["7:22: pools.p.limits.output: 65m is more than 'memory', 64m; expected less"],
    ),
    (
        "a hash tag without quotes",
        GOOD + "    hash_tag: {}\n",
        ['6:15: pools.p.hash_tag: it is a map; expected two ASCII characters in quotes, as "{}"'],
    ),
    (
        "a hash tag of three characters",
        GOOD + '    hash_tag: "{}}"\n',
        ["6:15: pools.p.hash_tag: '{}}' is not valid; expected two ASCII characters"],
    ),
    (
        "an address without a port",
        GOOD.replace("127.0.0.1:11212", "127.0.0.1"),
        ["5:31: pools.p.shards[1]: '127.0.0.1' has no port; expected HOST:PORT"],
    ),
    (
        "a port out of range",
        GOOD.replace("127.0.0.1:11311", "127.0.0.1:70000"),
        ["4:13: pools.p.listen: '127.0.0.1:70000': '70000' is no port; expected 1 to 65535"],
    ),
    (
        "IPv6 without brackets",
        GOOD.replace("127.0.0.1:11311", '"::1:11311"'),
        ["4:13: pools.p.listen: "],
    ),
    (
        "two pools at one address",
        GOOD + GOOD.replace("pools:\n", "").replace("  p:", "  q:"),
        ["8:13: pools.q.listen: '127.0.0.1:11311' is used by pools.p.listen already; give each"],
    ),
    (
        "admin at a pool's address",
        GOOD + "admin: {listen: 127.0.0.1:11311}\n",
        ["6:17: admin.listen: '127.0.0.1:11311' is used by pools.p.listen already; give each"],
    ),
    (
        "a shard that is the proxy",
        GOOD.replace("127.0.0.1:11212", "127.0.0.1:11311"),
        ["5:31: pools.p.shards[1]: the pool listens at this shard's address itself; expected"],
    ),
    (
        "a shard twice",
        GOOD.replace("127.0.0.1:11212", "127.0.0.1:11211"),
        ["5:31: pools.p.shards[1]: '127.0.0.1:11211' is used by pools.p.shards[0] already; give"],
    ),
    (
        "a shard's name twice",
        GOOD.replace("[127.0.0.1:11211, 127.0.0.1:11212]", "")
        + "      - name: a\n        primary: h:1\n      - primary: h:2\n        name: a\n",
        ["9:15: pools.p.shards[1].name: 'a' is used by pools.p.shards[0].name already; give each"],
    ),
    (
        "a shard without an address",
        GOOD.replace("127.0.0.1:11212", "{name: b}"),
        ["5:31: pools.p.shards[1]: 'primary' is missing; expected primary: HOST:PORT"],
    ),
    (
        "a weight of nothing",
        GOOD.replace("127.0.0.1:11212", "{primary: h:1, weight: 0}"),
        ["5:54: pools.p.shards[1].weight: '0' is not valid; expected a number from 1"],
    ),
    (
        "shards as a map",
        "pools:\n  p: {protocol: redis, listen: a:1, shards: {a: b:1}}\n",
        ["2:45: pools.p.shards: it is a map; expected a list of HOST:PORT or"],
    ),
    (
        "no shards",
        "pools:\n  p: {protocol: redis, listen: a:1, shards: []}\n",
        ["2:45: pools.p.shards: no shards; expected at least one"],
    ),
]


REDIS = GOOD.replace("memcached", "redis")
BROKEN += [
    (
        "replicas of memcached",
        GOOD.replace("127.0.0.1:11212", "{primary: h:1, replicas: [h:2]}"),
        ["5:56: pools.p.shards[1].replicas: only with 'protocol: redis'; take it out"],
    ),
    (
        "reads of replicas of memcached",
        GOOD + "    reads: replica\n",
        ["6:12: pools.p.reads: only with 'protocol: redis'; take it out"],
    ),
    (
        "a replica that is its primary",
        REDIS.replace("127.0.0.1:11212", "{primary: h:1, replicas: [h:1]}"),
        ["5:57: pools.p.shards[1].replicas[0]: 'h:1' is used by pools.p.shards[1].primary already"],
    ),
    (
        "a variable that is not there",
        REDIS + "    clients: {password_env: NO_SUCH_VARIABLE}\n",
        ["6:29: pools.p.clients.password_env: the environment has no such variable; expected"],
    ),
    (
        "a file that is not there",
        REDIS + "    clients: {password_file: /no/such/file}\n",
        ["6:30: pools.p.clients.password_file: the file cannot be read: No such file or"],
    ),
    (
        "two passwords",
        REDIS + "    clients: {password: hunter2, password_env: HOME}\n",
        ["6:48: pools.p.clients.password_env: a second password; expected one of password,"],
    ),
    (
        "a username alone",
        REDIS + "    credentials: {username: app}\n",
        ["6:29: pools.p.credentials.username: a username without a password; expected password"],
    ),
    (
        "a command that nobody knows",
        REDIS + "    users: [{name: u, commands: [+read, +flushal]}]\n",
        ["6:41: pools.p.users[0].commands[1]: '+flushal' is not known; did you mean '+flushall'?"],
    ),
    (
        "a user twice",
        REDIS + "    users: [{name: u}, {name: u}]\n",
        ["6:31: pools.p.users[1].name: 'u' is used by pools.p.users[0].name already; give each"],
    ),
    (
        "a prefix twice",
        REDIS + "    prefixes: [{match: a}, {match: a}]\n",
        ["6:36: pools.p.prefixes[1].match: 'a' is used by pools.p.prefixes[0].match already; say"],
    ),
    (
        "a module's command that is Redis' own",
        REDIS + "    commands: [{name: GET, keys: [1, 1, 1]}]\n",
        ["6:23: pools.p.commands[0].name: the proxy knows this command by itself; take it out"],
    ),
    (
        "keys that are no places",
        REDIS + "    commands: [{name: M, keys: [0, 1]}]\n",
        ["6:32: pools.p.commands[0].keys: '0, 1' is not valid; expected [FIRST, LAST, STEP]"],
    ),
]


def test_all_of_redis_is_right(tmp_path):
    (tmp_path / "secret").write_text("hunter2\n")
    status, out, err = check(
        REDIS.replace("127.0.0.1:11212", "{primary: h:1, replicas: [h:2, {address: h:3, zone: z}]}")
        + f"""\
    reads: prefer-replica
    zone: z
    max_lag_bytes: 1m
    read_your_writes: 500ms
    credentials: {{username: app, password_env: PATH}}
    clients: {{password_file: {tmp_path}/secret}}
    users:
      - {{name: u, password: hunter2, commands: [+read, -get, +BF.ADD], prefixes: ["a:"]}}
    prefixes: [{{match: "lock:", reads: primary, refuse: [keys, flushall]}}]
    commands: [{{name: BF.ADD, keys: [1, 1, 1], write: true}}]
"""
    )
    assert (status, err) == (0, "")
    assert out == b"standard input: ok: 1 pool, 2 shards\n"


def test_replicas_that_nothing_reads_from_are_warned_of():
    status, _, err = check(REDIS + "    reads: replica\n")
    assert status == 0
    assert "6:12: warning: pools.p.reads: no shard has replicas to read; give them" in err


@pytest.mark.parametrize(
    "line",
    [
        "clients: {password: [hunter2]}",
        'clients: {password: "hunter2\\x01"}',
        "clients: {password_env: hunter2}",
        "clients: {password_file: hunter2}",
        "clients: hunter2",
        "users: [hunter2]",
        "users: [{name: u, password: hunter2, commands: [x]}]",
        "credentials: {password: hunter2, password_file: /dev/null}",
    ],
)
def test_no_message_shows_a_secret(line):
    status, out, err = check(REDIS + f"    {line}\n")
    assert status == 1
    assert b"hunter2" not in out
    assert "hunter2" not in err


@pytest.mark.parametrize(("text", "wanted"), [c[1:] for c in BROKEN], ids=[c[0] for c in BROKEN])
def test_a_broken_file_is_told_where_and_what_to_do(text, wanted):
    status, out, err = check(text)
    assert status == 1
    assert out == b""
    for message in wanted:
        assert f"standard input:{message}" in err
    for line in err.splitlines():
        match = LINE.match(line)
        assert match, line
        # What to do follows the semicolon, or is the question.
        assert "; " in match["text"], line


def test_there_are_enough_broken_files():
    assert len(BROKEN) >= 30


def test_all_errors_come_in_one_go_and_in_order():
    texts = [
        "workers: none",
        "log: {levle: info}",
        "pools:",
        "  p:",
        "    protocol: reddis",
        "    shards: [a, b:1, b:1]",
        "  q: 7",
        "zzz: 1",
    ]
    status, _, err = check("\n".join(texts))
    assert status == 1
    lines = [int(LINE.match(line)["line"]) for line in err.splitlines()]
    assert lines == sorted(lines)
    assert set(lines) == {1, 2, 4, 5, 6, 7, 8}


def test_a_huge_file_is_refused():
    status, _, err = check(b"#" * (1024 * 1024 + 1))
    assert status == 1
    assert err == "standard input: larger than 1048576 bytes; is it a configuration file?\n"


def test_a_flood_of_errors_is_counted():
    status, _, err = check("\n".join(f"k{i}: 1" for i in range(20000)))
    assert status == 1
    assert len(err.splitlines()) == 101
    assert "more errors; mend these first" in err


def test_an_alias_bomb_costs_nothing():
    lines = ["a0: &a0 [" + ", ".join(["x"] * 10) + "]"]
    for i in range(1, 30):
        lines.append(f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]")
    start = time.monotonic()
    status, _, err = check("\n".join(lines))
    assert status == 1
    assert "which is not supported; write the value out" in err
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("path", ["/nonexistent/f.yaml", "/"])
def test_a_file_that_cannot_be_read(path):
    status, out, err = run("check", "-c", path)
    assert (status, out) == (1, b"")
    assert err.startswith(f"{path}: cannot be read: ")


def test_a_terminal_is_not_obeyed():
    _, _, err = check('workers: "\\e[2J"\n' + GOOD)
    assert "\x1b" not in err
    assert "\\x1b[2J" in err


# -- usage ----------------------------------------------------------------------------------------


def test_version_and_help():
    status, out, _ = run("--version")
    assert status == 0
    assert re.fullmatch(rb"slipring \d+\.\d+\.\d+\n", out)
    status, out, _ = run("--help")
    assert status == 0
    commands = re.findall(rb"^  (\w+) +\w", out, re.M)
    assert {b"run", b"check", b"route", b"plan", b"status", b"import"} <= set(commands)
    for command in commands:
        if command == b"slipring":
            continue
        status, out, err = run(command.decode(), "--help")
        assert (status, err) == (0, "")
        assert out.startswith(b"Usage: slipring " + command)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["chek"], "unknown command 'chek'; did you mean 'check'?"),
        (["frobnicate"], "unknown command 'frobnicate'"),
        (["check", "file"], "'file' is one argument too many; a file is given as -c FILE"),
        (["check", "--bad"], "unknown option '--bad'"),
        (["check", "-c"], "'-c' needs a value"),
        (["route"], "which pool?"),
        (["plan", "one"], "expected OLD NEW [POOL]"),
        (["plan", "-c", "x", "y", "z"], "unknown option '-c'"),
        (["import"], "expected one file"),
        (["import", "a", "b"], "expected one file"),
    ],
)
def test_wrong_usage_is_two_and_says_how(args, message):
    status, out, err = run(*args)
    assert (status, out) == (2, b"")
    assert message in err
    assert "--help'" in err


# -- route ----------------------------------------------------------------------------------------

NAMED = """\
pools:
  p:
    protocol: memcached
    listen: 127.0.0.1:11311
    hash_tag: "{}"
    shards:
      - {name: a, primary: 127.0.0.1:11211}
      - {name: b, primary: 127.0.0.1:11212}
      - {name: c, primary: 127.0.0.1:11213, weight: 2}
"""


@pytest.fixture
def named(tmp_path):
    path = tmp_path / "named.yaml"
    path.write_text(NAMED)
    return path


def routed(out):
    """{key: (shard, address)}, from the end, for a key may hold anything but a newline."""
    rows = [line.rsplit(b"\t", 2) for line in out.split(b"\n")[:-1]]
    return {row[0]: (row[1], row[2]) for row in rows}


def test_route_of_arguments_and_of_input_agree(named):
    keys = [f"key:{i}" for i in range(200)]
    status, out, err = run("route", "-c", named, "p", *keys)
    assert (status, err) == (0, "")
    assert run("route", "-c", named, "p", stdin="\n".join(keys)) == (0, out, "")
    places = routed(out)
    assert list(places) == [key.encode() for key in keys]
    assert set(places.values()) == {
        (b"a", b"127.0.0.1:11211"),
        (b"b", b"127.0.0.1:11212"),
        (b"c", b"127.0.0.1:11213"),
    }


def test_route_takes_any_bytes_but_the_newline(named):
    keys = [b"", b"a\tb", b"\0x", b"\xff\xfe", b"caf\xc3\xa9", b"cr\r", b"x" * 100000]
    status, out, _ = run("route", "-c", named, "p", stdin=b"\n".join(keys) + b"\n")
    assert status == 0
    assert list(routed(out)) == keys


def test_route_cuts_the_hash_tag(named):
    places = routed(run("route", "-c", named, "p", "{user:7}:cart", "{user:7}:seen", "user:7")[1])
    assert len(set(places.values())) == 1


def test_route_of_a_key_that_looks_like_an_option(named):
    status, out, _ = run("route", "-c", named, "p", "--", "-x")
    assert status == 0
    assert set(routed(out)) == {b"-x"}
    assert run("route", "-c", named, "p", "-x") == (0, out, "")
    assert run("route", "-c", named, "--", "p", "-x") == (0, out, "")


def test_route_of_no_keys_is_nothing(named):
    assert run("route", "-c", named, "p") == (0, b"", "")


def test_route_names_the_pools_there_are(named):
    status, out, err = run("route", "-c", named, "q", "key")
    assert (status, out) == (1, b"")
    assert f"{named}: no pool 'q'; " in err
    assert "it has p" in err


def test_route_of_a_wrong_file_tells_its_errors():
    status, out, err = run("route", "-c", "-", "p", "key", stdin="pools: {}\n")
    assert (status, out) == (1, b"")
    assert err.startswith("standard input:1:8: pools: no pools")


def test_route_of_a_million_keys_is_quick(named):
    keys = b"".join(b"key:%d\n" % i for i in range(1000000))
    start = time.monotonic()
    status, out, _ = run("route", "-c", named, "p", stdin=keys)
    took = time.monotonic() - start
    assert status == 0
    assert out.count(b"\n") == 1000000
    assert took < 20  # a second in a release build; sanitizers and busy machines take their time


# -- plan -----------------------------------------------------------------------------------------


def pool_file(path, shards, name="p", **settings):
    pool = {"protocol": "memcached", "listen": "127.0.0.1:1", **settings, "shards": shards}
    path.write_text(yaml.safe_dump({"pools": {name: pool}}))
    return path


def shards_of(names, port=11211):
    return [{"name": n, "primary": f"10.0.0.{i + 1}:{port}"} for i, n in enumerate(names)]


def planned(out):
    """The sum, and {(from, to): share}, in parts of one."""
    text = out.decode()
    total = float(re.search(r"([\d.]+)% of the key space moves", text)[1]) / 100
    rows = re.findall(r"^  (\S+) +(\S+) +([\d.]+)%$", text, re.M)
    return total, {(a, b): float(share) / 100 for a, b, share in rows}


def test_plan_of_no_change_moves_nothing(named):
    status, out, err = run("plan", named, named)
    assert (status, err) == (0, "")
    assert out == b"pool p: 0.00000% of the key space moves\n"


def test_plan_of_one_more_shard_moves_its_part_to_it(tmp_path):
    old = pool_file(tmp_path / "old.yaml", shards_of("abc"))
    new = pool_file(tmp_path / "new.yaml", shards_of("abcd"))
    status, out, _ = run("plan", old, new)
    assert status == 0
    total, moves = planned(out)
    assert 0.15 < total < 0.35
    assert {to for _, to in moves} == {"d"}
    assert sum(moves.values()) == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("distribution", ["ketama", "modula", "jump", "rendezvous", "pymemcache"])
def test_plan_agrees_with_route(tmp_path, distribution):
    old = pool_file(tmp_path / "old.yaml", shards_of("abc"), distribution=distribution)
    new = pool_file(tmp_path / "new.yaml", shards_of("abcd"), distribution=distribution)
    keys = "\n".join(f"key:{i}" for i in range(20000))
    total, moves = planned(run("plan", old, new)[1])
    before = routed(run("route", "-c", old, "p", stdin=keys)[1])
    after = routed(run("route", "-c", new, "p", stdin=keys)[1])
    counted = {}
    for key, (shard, _) in before.items():
        pair = (shard.decode(), after[key][0].decode())
        if pair[0] != pair[1]:
            counted[pair] = counted.get(pair, 0) + 1 / len(before)
    assert total == pytest.approx(sum(counted.values()), abs=0.02)
    for pair in set(moves) | set(counted):
        assert moves.get(pair, 0) == pytest.approx(counted.get(pair, 0), abs=0.02)


def test_plan_says_when_it_counts_a_sample(tmp_path):
    old = pool_file(tmp_path / "old.yaml", shards_of("abc"), distribution="jump")
    new = pool_file(tmp_path / "new.yaml", shards_of("abcd"), distribution="jump")
    assert b"not exact: counted over a sample of 1048576 keys" in run("plan", old, new)[1]
    old = pool_file(tmp_path / "old.yaml", shards_of("abc"))
    new = pool_file(tmp_path / "new.yaml", shards_of("abcd"))
    assert b"not exact" not in run("plan", old, new)[1]


def test_plan_of_a_new_address_moves_nothing_and_says_so(tmp_path):
    old = pool_file(tmp_path / "old.yaml", shards_of("ab"))
    new = pool_file(tmp_path / "new.yaml", shards_of("ab", port=11212))
    status, out, _ = run("plan", old, new)
    assert status == 0
    assert out.startswith(b"pool p: 0.00000% of the key space moves\n")
    assert b"shard a: its address changes from 10.0.0.1:11211 to 10.0.0.1:11212" in out


def test_plan_knows_pools_by_their_names(tmp_path):
    old = pool_file(tmp_path / "old.yaml", shards_of("ab"), name="one")
    new = pool_file(tmp_path / "new.yaml", shards_of("ab"), name="two")
    status, out, _ = run("plan", old, new)
    assert status == 0
    assert out.decode() == f"pool two: only in {new}\npool one: only in {old}\n"
    status, _, err = run("plan", old, new, "one")
    assert status == 1
    assert err == f"{new}: no pool 'one'; it has two\n"
    assert run("plan", old, old, "one")[0] == 0


def test_plan_tells_the_errors_of_both_files(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("pools: {}\n")
    other = tmp_path / "other.yaml"
    other.write_text("workers: x\n")
    status, out, err = run("plan", bad, other)
    assert (status, out) == (1, b"")
    assert f"{bad}:1:8: pools: no pools" in err
    assert f"{other}:1:10: workers: 'x'" in err


# -- import ---------------------------------------------------------------------------------------

NUTCRACKER = """\
alpha:
  listen: 127.0.0.1:22121
  hash: fnv1a_64
  distribution: ketama
  auto_eject_hosts: true
  redis: true
  server_retry_timeout: 2000
  server_failure_limit: 1
  redis_auth: hunter2
  redis_db: 3
  servers:
   - 127.0.0.1:6379:1
beta:
  listen: /tmp/beta 0666
  hash_tag: "{}"
  timeout: 400
  backlog: 1024
  preconnect: true
  tcpkeepalive: true
  client_connections: 500
  server_connections: 4
  servers:
   - 10.0.0.1:11211:1
   - 10.0.0.2:11212:3
   - 10.0.0.3:11211:2 third
   - /run/a.sock:1
   - /run/b.sock:1 fifth
gamma:
  listen: localhost:22123
  hash: hsieh
  distribution: modula
  servers:
   - 10.0.0.1:1:1 zz
   - 10.0.0.2:1:1 b
   - 10.0.0.3:1:1 a
   - 10.0.0.4:1:1 aaa
"""


@pytest.fixture
def imported(tmp_path):
    """The translation as text and as data, and what was said."""
    path = tmp_path / "nutcracker.yml"
    path.write_text(NUTCRACKER)
    status, out, err = run("import", path)
    assert status == 0, err
    return out.decode(), yaml.safe_load(out)["pools"], err


def test_import_passes_check(imported):
    status, out, err = check(imported[0])
    assert (status, err) == (0, "")
    assert out == b"standard input: ok: 3 pools, 10 shards\n"


def test_import_writes_placement_out(imported):
    _, pools, _ = imported
    assert [(p["distribution"], p["hash"]) for p in pools.values()] == [
        ("ketama", "fnv1a_64"),
        ("ketama", "fnv1a_64"),
        ("modula", "hsieh"),
    ]
    assert pools["beta"]["hash_tag"] == "{}"
    for pool in pools.values():
        for shard in pool["shards"]:
            assert set(shard) == {"name", "primary", "weight"}


def test_import_labels_servers_as_twemproxy_does(imported):
    shards = {s["primary"]: (s["name"], s["weight"]) for s in imported[1]["beta"]["shards"]}
    assert shards == {
        "10.0.0.1:11211": ("10.0.0.1", 1),  # the port of memcached is left out
        "10.0.0.2:11212": ("10.0.0.2:11212", 3),
        "10.0.0.3:11211": ("third", 2),
        "unix:/run/a.sock": ("/run/a.sock:", 1),  # a socket keeps the colon
        "unix:/run/b.sock": ("fifth", 1),
    }


def test_import_sorts_servers_as_twemproxy_does(imported):
    assert [s["name"] for s in imported[1]["gamma"]["shards"]] == ["a", "b", "zz", "aaa"]


def test_import_carries_over_what_has_an_equivalent(imported):
    _, pools, _ = imported
    assert pools["alpha"]["protocol"] == "redis"
    assert pools["beta"]["protocol"] == "memcached"
    assert pools["beta"]["listen"] == "unix:/tmp/beta"
    assert pools["gamma"]["listen"] == "localhost:22123"
    assert pools["beta"]["timeouts"] == {"connect": "400ms", "request": "400ms"}
    assert pools["beta"]["limits"] == {"clients": 500}
    assert pools["beta"]["connections"] == 4


@pytest.mark.parametrize(
    "key",
    [
        "auto_eject_hosts: true",
        "server_retry_timeout: 2000",
        "server_failure_limit: 1",
        "redis_auth",
        "redis_db: 3",
        "backlog: 1024",
        "preconnect: true",
        "tcpkeepalive: true",
        "the socket's mode 0666",
    ],
)
def test_import_says_what_has_no_equivalent(imported, key):
    text, _, _ = imported
    assert re.search(rf"^ +# {re.escape(key)} has no equivalent: .+$", text, re.M)


def test_import_warns_of_what_the_nodes_will_miss_and_prints_no_secret(imported):
    text, _, err = imported
    assert "pool alpha: redis_auth and redis_db have no equivalent" in err
    assert "hunter2" not in text + err


def test_import_of_the_packaged_example():
    path = pathlib.Path("/usr/share/doc/nutcracker/examples/nutcracker.yml")
    if not path.exists():
        pytest.skip("nutcracker's documents are not installed")
    status, out, err = run("import", path)
    assert (status, err) == (0, "")
    assert check(out)[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  listn: x:1\n  servers: [x:1:1]\n", "2:3: a.listn: twemproxy has no such key; did"),
        ("a:\n  listen: x:1\n", "a: 'servers' is missing; expected a list of host:port:weight"),
        ("a:\n  servers: [x:1:1]\n", "a: 'listen' is missing; expected host:port or /path"),
        ("a:\n  listen: x:1\n  servers: [x:1]\n", "3:13: a.servers[0]: not a server; expected"),
        ("a:\n  listen: x:1\n  servers: [x:1:0]\n", "3:13: a.servers[0]: not a server; expected"),
        ("a:\n  listen: x:1\n  servers: [x:0:1]\n", "3:13: a.servers[0]: not a server; expected"),
        ("a:\n  listen: x:1\n  hash: md6\n", "3:9: a.hash: not a hash of twemproxy; expected"),
        ("a:\n  distribution: ring\n", "2:17: a.distribution: expected ketama, modula or random"),
        ("a:\n  redis: yes\n", "2:10: a.redis: expected true or false"),
        ("a:\n  timeout: -1\n", "2:12: a.timeout: expected a number, 0 or greater"),
        ('a:\n  hash_tag: "{"\n', "2:13: a.hash_tag: expected two characters"),
        ("a: 1\n", "1:4: a: expected a pool: a map with listen and servers"),
        ("", "1:1: the file is empty"),
    ],
)
def test_import_of_a_wrong_file(text, message):
    status, out, err = run("import", "-", stdin=text)
    assert (status, out) == (1, b"")
    assert message in err


def test_import_of_two_servers_with_one_name():
    text = "a:\n  listen: x:1\n  servers: ['x:2:1 n', 'x:3:1 n']\n"
    status, out, err = run("import", "-", stdin=text)
    assert (status, out) == (1, b"")
    assert "'n' is used by pools.a.shards[0].name already" in err


def test_import_renames_pools_that_need_it():
    status, out, _ = run("import", "-", stdin="'a b':\n  listen: x:1\n  servers: [x:2:1]\n")
    assert status == 0
    assert list(yaml.safe_load(out)["pools"]) == ["a_b"]


def test_import_of_random_leaves_the_hash_out():
    text = "a:\n  listen: x:1\n  distribution: random\n  servers: [x:2:1]\n"
    status, out, _ = run("import", "-", stdin=text)
    assert status == 0
    assert check(out)[2] == ""
