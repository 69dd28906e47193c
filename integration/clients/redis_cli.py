"""redis-cli. Usage: redis_cli.py STEP HOST PORT PREFIX, and RESP=2 or 3 in the environment; what
each step prints, test_redis_clients says."""

import json
import os
import pty
import subprocess
import sys
import threading
import time

STEP, HOST, PORT, P = sys.argv[1:]
BUMP = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
RESP = os.environ.get("RESP", "2")
CLI = ["redis-cli", "-h", HOST, "-p", PORT, f"-{RESP}"]


def cli(*words, stdin="", status=0):
    """One run; the lines that it prints. With no words, the commands of stdin, one by one."""
    done = subprocess.run([*CLI, *map(str, words)], input=stdin, capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == status and not done.stderr, (words, done)
    return done.stdout.splitlines()


def session(*commands, status=0):
    return cli(stdin="\n".join(commands) + "\n", status=status)


def talk():
    """The interactive shell, which asks for the documentation of all commands first."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", FAKETTY="1")
        os.execvp(CLI[0], CLI)
    seen = b""
    os.write(terminal, b"ECHO in-the-shell\nGETRANGE missing 0 1\nquit\n")
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other side has gone
            break
        if not data:
            break
        seen += data
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    assert seen.count(b"in-the-shell") == 2 and b'""' in seen, seen


def connect():
    talk()
    hello = session("HELLO")
    fields = dict(one.split(" ", 1) for one in hello) if RESP == "3" else dict(
        zip(hello[::2], hello[1::2]))
    _, name, client = session("CLIENT SETNAME driver", "CLIENT GETNAME", "CLIENT ID")
    return {"ping": cli("PING")[0], "name": name, "id": int(client) > 0,
            "proto": int(fields["proto"]),
            "info": any(line.startswith("redis_version:") for line in cli("INFO", "server"))}


def pipeline():
    """Mass insertion, which reads the replies while it still writes."""
    commands = [f"SET {P}:{i} {i}\nINCR {P}:{i}\nGET {P}:{i}\n" for i in range(400)]
    keys = [f"{P}:{i}" for i in range(50)]
    last = f"LPUSH {P}:0 x\nMGET {' '.join(keys)}\n"
    done = subprocess.run([*CLI, "--pipe"], input="".join(commands) + last, capture_output=True,
                          text=True, timeout=30, check=False)
    counts = dict(one.split(": ") for one in done.stdout.splitlines()[-1].split(", "))
    assert counts["errors"] == "1" and done.returncode == 1, done
    values = [value for i in range(0, 400, 50)
              for value in cli("MGET", *(f"{P}:{j}" for j in range(i, i + 50)))]
    return {"replies": int(counts["replies"]), "right": values == [str(i + 1) for i in range(400)],
            "error": done.stderr.split()[0], "mget": values[:50] == [str(i + 1) for i in range(50)]}


def transaction():
    out, k = {}, f"{{{P}}}"
    got = session("MULTI", f"SET {k}:a 1", f"INCR {k}:a", f"GET {k}:a", "EXEC")
    assert got[:4] == ["OK", "QUEUED", "QUEUED", "QUEUED"], got
    out["exec"] = [got[4], int(got[5]), got[6]]
    many = [line for i in range(30) for line in
            ("MULTI", f"SET {{{P}{i}}}:x {i}", f"MGET {{{P}{i}}}:x {{{P}{i}}}:y", "EXEC")]
    want = [line for i in range(30) for line in ("OK", "QUEUED", "QUEUED", "OK", str(i), "")]
    out["right"] = 30 if session(*many) == want else 0
    out["watched"] = session(f"WATCH {k}:a", "MULTI", f"SET {k}:a 3", f"GET {k}:a", "EXEC")[-1]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(CLI, **pipes) as watching:
        watching.stdin.write(f"WATCH {k}:a\n")
        watching.stdin.flush()
        assert watching.stdout.readline() == "OK\n"
        cli("SET", f"{k}:a", "theirs")
        rest, _ = watching.communicate(f"MULTI\nSET {k}:a mine\nEXEC\n", timeout=20)
    assert rest.splitlines()[:2] == ["OK", "QUEUED"], rest
    out["touched"] = "".join(rest.splitlines()[2:]) or None
    out["discarded"] = session("MULTI", f"SET {k}:a no", "DISCARD", f"GET {k}:a")[-1]
    return out


def block():
    k = f"{{{P}}}"

    def produce():
        for words in (("RPUSH", f"{k}:b", "job1"), ("RPUSH", f"{k}:src", "job2"),
                      ("ZADD", f"{k}:z", "1.5", "m")):
            time.sleep(0.15)
            cli(*words)

    producer = threading.Thread(target=produce)
    producer.start()
    key, popped, moved, _, member, score, nothing, *dst = session(
        f"BLPOP {k}:a {k}:b 10", f"BLMOVE {k}:src {k}:dst RIGHT LEFT 10", f"BZPOPMIN {k}:z 10",
        f"BLPOP {k}:a 0.2", f"LRANGE {k}:dst 0 -1")
    producer.join()
    return {"popped": popped, "key": key == f"{k}:b", "moved": moved,
            "least": [member, float(score)], "nothing": nothing or None, "dst": dst}


class Listener:
    """A redis-cli that prints messages until it is ended; ready when it has printed so much."""

    def __init__(self, lines, *words):
        self.process = subprocess.Popen([*CLI, *words], stdout=subprocess.PIPE, text=True)
        self.lines = self.read(lines)

    def read(self, count):
        return [self.process.stdout.readline().rstrip("\n").replace(P, "") for _ in range(count)]

    def end(self):
        self.process.kill()
        self.process.wait()


def subscribe():
    plain = Listener(6, "SUBSCRIBE", f"{P}:a", f"{P}:b")
    pattern = Listener(3, "PSUBSCRIBE", f"{P}-*")
    try:
        received = [int(cli("PUBLISH", P + channel, m)[0])
                    for channel, m in ((":a", "m0"), (":b", "m1"), ("-c", "m2"))]
        got = [plain.read(3), plain.read(3), pattern.read(4)]
    finally:
        plain.end()
        pattern.end()
    assert [one[0] for one in got] == ["message", "message", "pmessage"], got
    time.sleep(0.1)
    return {"received": received, "messages": [one[1:] for one in got[:2]],
            "patterns": [got[2][1:]], "after": int(cli("PUBLISH", f"{P}:a", "m3")[0]),
            "ping": cli("PING")[0]}


def scan():
    want = [f"{P}:{i}" for i in range(300)]
    session(*(f"SET {key} 1" for key in want))
    cli("HSET", f"{P}-h", *(word for i in range(600) for word in (f"f{i}", i)))
    got = cli("--scan", "--pattern", f"{P}:*")
    cursor, fields = "0", []
    while True:
        cursor, *page = cli("HSCAN", f"{P}-h", cursor, "COUNT", 100)
        fields += page[::2] if page != [""] else []  # an empty page is an empty line
        if cursor == "0":
            break
    return {"found": len(got), "distinct": len(set(got)), "same": sorted(got) == sorted(want),
            "fields": len(fields)}


def script():
    keys = [f"{P}:{i}" for i in range(30)]
    out = {"eval": cli("EVAL", "return {KEYS[1], ARGV[1]}", 1, P, "a")[1]}
    sha = cli("SCRIPT", "LOAD", BUMP)[0]

    def bump():
        got = session(*(f"EVALSHA {sha} 1 {key} 2" for key in keys))
        missing = [i for i, one in enumerate(got) if one.startswith("NOSCRIPT")]
        got = [one for one in got if one]  # an empty line follows an error
        for i, key in enumerate(keys):
            if got[i].startswith("NOSCRIPT"):
                got[i] = cli("EVAL", BUMP, 1, key, 2)[0]
        assert len(missing) in (0, 30), missing
        return sum(map(int, got))

    out["first"] = bump()
    cli("SCRIPT", "FLUSH")
    out["exists"] = cli("SCRIPT", "EXISTS", sha)[0] != "0"
    out["second"] = bump()
    cli("SCRIPT", "FLUSH")
    cli("SCRIPT", "LOAD", BUMP)
    out["loaded"] = sum(map(int, session(*(f"EVALSHA {sha} 1 {key} 2" for key in keys))))
    return out


def select():
    _, _, three, _, zero = session("SELECT 3", f"SET {P} three", f"GET {P}", "SELECT 0", f"GET {P}")
    own = cli("-n", 3, "GET", P)[0]
    cli("-n", 3, "DEL", P)
    return {"three": three, "own": own, "zero": zero or None}


def reconnect():
    """The command that finds the connection closed is lost; the next one comes on a new connection,
    for which 7.0 selects no database."""
    words = [*CLI, "-n", "3"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as one:
        one.stdin.write(f"SET {P} v\nCLIENT ID\n")
        one.stdin.flush()
        assert one.stdout.readline() == "OK\n"
        before = one.stdout.readline().strip()
        cli("CLIENT", "KILL", "ID", before)
        time.sleep(0.2)
        commands = ["PING", "SELECT 3", f"GET {P}", "CLIENT SETNAME driver", "CLIENT GETNAME",
                    "CLIENT ID", ""]
        rest, _ = one.communicate("\n".join(commands), timeout=20)
    _, value, _, name, after = rest.splitlines()
    return {"value": value, "name": name, "new": after != before}


print(json.dumps(globals()[STEP]()))
