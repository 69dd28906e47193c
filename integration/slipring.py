"""The program under test as a process: its configuration, its ports, its end."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import servers
import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent
SANITIZER = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehavior|runtime error|Assertion"
)


def binary():
    return os.environ.get("SLIPRING", str(ROOT / "build" / "release" / "slipring"))


def is_sanitized():
    """Memory figures mean nothing under a sanitizer."""
    data = pathlib.Path(binary()).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def to_yaml(value, indent=0):
    """Enough YAML for a configuration: mappings, lists, scalars."""
    pad = "  " * indent
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (dict, list)):
                lines += [f"{pad}{key}:", to_yaml(item, indent + 1)]
            else:
                lines.append(f"{pad}{key}: {scalar(item)}")
    else:
        for item in value:
            if isinstance(item, dict):
                pairs = ", ".join(f"{key}: {scalar(part)}" for key, part in item.items())
                lines.append(f"{pad}- {{{pairs}}}")
            else:
                lines.append(f"{pad}- {scalar(item)}")
    return "\n".join(lines)


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return json.dumps(value)


def pool(protocol, backends, names=None, **settings):
    """A pool's mapping; shards are named a, b, c, ... in order; its port is a free one."""
    names = names or [chr(ord("a") + i) for i in range(len(backends))]
    shards = [
        {"name": name, "primary": getattr(server, "name", server)}
        for name, server in zip(names, backends)
    ]
    if any(isinstance(server, servers.Scripted) for server in backends):
        settings.setdefault("health", {"every": "1h"})  # a probe now and then is not in the script
    listen = settings.pop("listen", None) or f"{servers.LOOPBACK}:{servers.free_port()}"
    return {"protocol": protocol, "listen": listen, "shards": shards, **settings}


def base_environment():
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:quarantine_size_mb=16:exitcode=99")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=99")
    env.setdefault("TSAN_OPTIONS", "exitcode=99:second_deadlock_stack=1")
    return env


class Proxy:
    """One `slipring run`. Its stderr is a file; stop() checks it and the exit status."""

    def __init__(self, directory, config=None, arguments=None, wait="readyz"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config = config or {}
        self.admin = self.config.get("admin", {}).get("listen")
        self.errors = self.directory / "stderr"
        self.file = self.directory / "slipring.yaml"
        if arguments is None:
            self.file.write_text(to_yaml(self.config) + "\n")
            arguments = ["run", "-c", str(self.file)]
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [binary(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors, env=base_environment(), cwd=str(self.directory),
            )
        self.pid = self.process.pid
        self.ended = False
        if wait:
            self.wait_ready(wait)

    def log(self):
        return self.errors.read_text(errors="replace")

    def alive(self):
        assert self.process.poll() is None, (
            f"slipring ended with {self.process.returncode}: {self.log()[-3000:]}"
        )
        return True

    def wait_ready(self, what="readyz"):
        for name in self.config.get("pools", {}):
            for address in self.addresses(name):
                wire.wait_until(lambda a=address: self.accepts(a), f"pool {name} at {address}")
        if self.admin:
            wire.wait_until(lambda: self.get_status(f"/{what}") == 200, f"/{what} to say 200")

    def accepts(self, address):
        self.alive()
        try:
            wire.connect_socket(address).close()
        except OSError:
            return False
        return True

    def get_status(self, path):
        self.alive()
        try:
            return self.get(path)[0]
        except OSError:
            return 0

    # -- clients

    def addresses(self, name=None):
        listen = self.config["pools"][name or self.first_pool()]["listen"]
        return [parse_address(one) for one in (listen if isinstance(listen, list) else [listen])]

    def first_pool(self):
        return next(iter(self.config["pools"]))

    def address(self, name=None):
        return self.addresses(name)[0]

    def port(self, name=None):
        return self.address(name)[1]

    def connect(self, name=None, **options):
        name = name or self.first_pool()
        kind = self.config["pools"][name]["protocol"]
        client = wire.McConnection if kind == "memcached" else wire.RespConnection
        return client(self.address(name), **options)

    # -- admin

    def request(self, method, path, address=None):
        host, port = parse_address(address or self.admin)
        conn = http.client.HTTPConnection(host, port, timeout=wire.WAIT)
        try:
            conn.request(method, path)
            reply = conn.getresponse()
            return reply.status, reply.read().decode(), dict(reply.getheaders())
        except http.client.HTTPException as err:
            raise OSError(f"{method} {path}: {err!r}") from err
        finally:
            conn.close()

    def get(self, path):
        return self.request("GET", path)[:2]

    def status(self):
        code, body = self.get("/v1/status")
        assert code == 200, body
        return json.loads(body)

    def reload(self, config=None):
        """Swap the file, if there is another, and POST: the status and the body."""
        if config is not None:
            self.config = config
            beside = self.directory / "slipring.yaml.new"
            beside.write_text(to_yaml(config) + "\n")
            beside.rename(self.file)
        return self.request("POST", "/v1/reload")[:2]

    def shards(self, name=None):
        """Of a pool's /v1/status, by name."""
        name = name or self.first_pool()
        found = next(pool for pool in self.status()["pools"] if pool["name"] == name)
        return {shard["name"]: shard for shard in found["shards"]}

    def metrics(self):
        """{name{labels}: value} of /metrics."""
        code, body = self.get("/metrics")
        assert code == 200, body
        rows = (line.rsplit(" ", 1) for line in body.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in rows}

    def metric_sum(self, pattern):
        """The sum of all series whose name and labels match."""
        return sum(v for name, v in self.metrics().items() if re.search(pattern, name))

    # -- the process

    def memory(self, field="RssAnon"):
        """Bytes, from /proc/PID/status."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M).group(1)) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def run(self, *arguments, **options):
        """Another slipring command, to its end."""
        return subprocess.run(
            [binary(), *arguments], capture_output=True, text=True, timeout=wire.WAIT,
            env=base_environment(), cwd=str(self.directory), check=False, **options,
        )

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=wire.WAIT):
        """The exit status."""
        status = self.process.wait(seconds)
        self.ended = True
        return status

    def stop(self):
        """TERM, and then everything that a clean end is: status 0 and no sanitizer's word."""
        if not self.ended:
            self.process.send_signal(signal.SIGTERM)
            try:
                status = self.wait(15 + 30 * is_sanitized())
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                self.ended = True
                raise AssertionError(f"still there after TERM: {self.log()[-3000:]}") from None
            assert status == 0, f"ended with {status}: {self.log()[-6000:]}"
        self.check_log()

    def check_log(self):
        found = SANITIZER.search(self.log())
        assert not found, self.log()[max(0, found.start() - 200) :][:8000]


def parse_address(text):
    if text.startswith("unix:"):
        return text[5:]
    host, port = text.rsplit(":", 1)
    return host, int(port)


def settle(proxy, limit, seconds=20):
    """Wait until the proxy's private memory is back below `limit` bytes."""
    deadline = time.monotonic() + seconds
    while proxy.memory() > limit and time.monotonic() < deadline:
        time.sleep(0.1)
    return proxy.memory()


@contextlib.contextmanager
def bystander(proxy, step):
    """Another client meanwhile, which does step(conn, number) over and over: it asserts what it gets.
    At the end it has found nothing wrong, and the proxy is alive."""
    stop, wrong = threading.Event(), []

    def run():
        number = 0
        try:
            with proxy.connect() as conn:
                while not stop.wait(0.001):
                    step(conn, number)
                    number += 1
        except Exception as err:  # pylint: disable=broad-except
            wrong.append(repr(err))

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert not wrong, wrong
    proxy.alive()
