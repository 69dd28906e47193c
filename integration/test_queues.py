"""Queues of background jobs: 1,000 jobs each, two workers, none lost and none done twice.

A job counts itself in a key of its own, which lies on any shard; all that a queue keeps has one
hash tag. With SLIPRING_TEST_DIRECT=1 there is one Redis and no proxy.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import time

import pytest

import wire

redis_py = pytest.importorskip("redis")

CLIENTS = pathlib.Path(__file__).parent / "clients"
PYTHON = "/usr/bin/python3"
JOBS = 1000
SECONDS = 45


@pytest.fixture
def prefix(fresh):
    return fresh().decode()


@pytest.fixture
def counts(sharded, prefix):
    """How often each job was done, from the shards themselves."""
    made = [redis_py.Redis(*shard.address, decode_responses=True) for shard in sharded.shards]

    def read():
        found = {}
        for shard in made:
            keys = shard.keys(f"{prefix}:*")
            values = shard.mget(keys) if keys else []
            found.update((int(key.rsplit(":", 1)[1]), int(n)) for key, n in zip(keys, values))
        return found

    yield read
    for one in made:
        one.close()


@contextlib.contextmanager
def workers(words, directory, environment):
    """Two of them, which end well when told to: by TERM, and by the end of their standard input."""
    started, logs = [], [directory / f"worker-{i}" for i in range(2)]
    try:
        for log in logs:
            with open(log, "wb") as out:
                started.append(subprocess.Popen(
                    words(len(started)), stdin=subprocess.PIPE, stdout=out, stderr=out,
                    cwd=str(CLIENTS), env={**os.environ, **environment}))
        yield started
        for one in started:
            assert one.poll() is None, "a worker ended by itself"
            one.stdin.close()
            if words(0)[0] != "node":
                one.terminate()
        assert [one.wait(20) for one in started] == [0, 0]
    except BaseException:
        for log in logs:
            print(f"{log.name}:\n{log.read_text(errors='replace')[-3000:]}")
        raise
    finally:
        for one in started:
            if one.poll() is None:
                one.kill()
                one.wait()


def add(words, environment):
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, cwd=str(CLIENTS),
                          env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr, done.stdout)
    return json.loads(done.stdout)


def wait_for_all(counts):
    """Until all are done, and a while more, in which a job would be done a second time."""
    wire.wait_until(lambda: len(counts()) >= JOBS, f"{JOBS} jobs", SECONDS, pause=0.1)
    time.sleep(0.5)
    found = counts()
    assert found.keys() == set(range(JOBS))
    assert {job: times for job, times in found.items() if times != 1} == {}


def environment_of(sharded, prefix, **more):
    host, port = sharded.address
    return {"HOST": host, "PORT": str(port), "PREFIX": prefix, **more}


def test_bullmq(sharded, prefix, counts, tmp_path):
    """Six queues, on all shards: Lua scripts, BZPOPMIN, delays, priorities, retries, and the events
    of a stream, which XREAD waits for."""
    host, port = sharded.address
    words = [host, str(port), prefix, "6"]
    with workers(lambda _: ["node", "bullmq.js", "work", *words], tmp_path, {}):
        told = add(["node", "bullmq.js", "add", *words, str(JOBS)], {})
        assert told == {"waited": 54, "right": True}
        wait_for_all(counts)


def test_celery(sharded, prefix, counts, tmp_path):
    """BRPOP, and MULTI with the hash of what is not acknowledged; each result in a key that is
    published and subscribed to, on any shard."""
    environment = environment_of(sharded, prefix, C_FORCE_ROOT="1")

    def words(i):
        return [PYTHON, "-m", "celery", "-A", "celery_app", "worker", "--pool", "threads",
                "--concurrency", "4", "--hostname", f"worker{i}@test", "--loglevel", "WARNING"]

    with workers(words, tmp_path, environment):
        told = add([PYTHON, "celery_app.py", str(JOBS)], environment)
        assert told == {"results": True}
        wait_for_all(counts)


def test_sidekiq(sharded, prefix, counts, tmp_path):
    """BRPOP of lists, sorted sets of what is scheduled and of what is tried again, which a script
    takes from; the heartbeat's transactions."""
    environment = environment_of(sharded, prefix)
    words = ["sidekiq", "-r", "./sidekiq_app.rb", "-q", "q", "-c", "4"]
    with workers(lambda _: words, tmp_path, environment):
        assert add(["ruby", "sidekiq_app.rb", str(JOBS)], environment) == {"queues": ["q"]}
        wait_for_all(counts)
