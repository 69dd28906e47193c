"""redis-py. Usage: redis_py.py STEP HOST PORT PREFIX; what each step prints, test_redis_clients
says."""

import json
import sys
import threading
import time

import redis

STEP, HOST, PORT, P = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
BUMP = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


def client(**options):
    options = {"decode_responses": True, "client_name": "driver", "socket_timeout": 20, **options}
    return redis.Redis(HOST, PORT, **options)


def connect():
    with client() as r:
        hello = r.execute_command("HELLO")
        return {
            "ping": "PONG" if r.ping() else None, "name": r.client_getname(),
            "id": r.client_id() > 0, "info": "redis_version" in r.info("server"),
            "proto": dict(zip(hello[::2], hello[1::2]))["proto"],
        }


def pipeline():
    with client() as r, r.pipeline(transaction=False) as pipe:
        for i in range(400):
            pipe.set(f"{P}:{i}", i).incr(f"{P}:{i}").get(f"{P}:{i}")
        pipe.lpush(f"{P}:0", "x")
        pipe.mget([f"{P}:{i}" for i in range(50)])
        replies = pipe.execute(raise_on_error=False)
    want = [one for i in range(400) for one in (True, i + 1, str(i + 1))]
    return {
        "replies": len(replies), "right": replies[:1200] == want,
        "error": str(replies[1200]).split()[0],
        "mget": replies[1201] == [str(i + 1) for i in range(50)],
    }


def transaction():
    out, k = {}, f"{{{P}}}"
    with client() as r, client() as other:
        out["exec"] = r.pipeline().set(f"{k}:a", 1).incr(f"{k}:a").get(f"{k}:a").execute()
        out["exec"][0] = "OK" if out["exec"][0] is True else None
        out["right"] = sum(
            r.pipeline().set(f"{{{P}{i}}}:x", i).mget(f"{{{P}{i}}}:x", f"{{{P}{i}}}:y").execute()
            == [True, [str(i), None]]
            for i in range(30)
        )
        with r.pipeline() as pipe:
            pipe.watch(f"{k}:a")
            value = int(pipe.get(f"{k}:a"))
            pipe.multi()
            out["watched"] = pipe.set(f"{k}:a", value + 1).get(f"{k}:a").execute()[1]
        with r.pipeline() as pipe:
            pipe.watch(f"{k}:a")
            other.set(f"{k}:a", "theirs")
            pipe.multi()
            try:
                out["touched"] = pipe.set(f"{k}:a", "mine").execute()
            except redis.WatchError:
                out["touched"] = None
        with client(single_connection_client=True) as raw:
            raw.execute_command("MULTI")
            raw.execute_command("SET", f"{k}:a", "no")
            raw.execute_command("DISCARD")
            out["discarded"] = raw.get(f"{k}:a")
    return out


def block():
    out, k = {}, f"{{{P}}}"

    def produce():
        with client() as r:
            for key, job in (("b", "job1"), ("src", "job2")):
                time.sleep(0.15)
                r.rpush(f"{k}:{key}", job)
            time.sleep(0.15)
            r.zadd(f"{k}:z", {"m": 1.5})

    producer = threading.Thread(target=produce)
    producer.start()
    with client() as r:
        key, out["popped"] = r.blpop([f"{k}:a", f"{k}:b"], 10)
        out["key"] = key == f"{k}:b"
        out["moved"] = r.blmove(f"{k}:src", f"{k}:dst", 10)
        out["least"] = list(r.bzpopmin(f"{k}:z", 10))[1:]
        out["nothing"] = r.blpop(f"{k}:a", 0.2)
        out["dst"] = r.lrange(f"{k}:dst", 0, -1)
    producer.join()
    return out


def next_message(pubsub):
    got = pubsub.get_message(timeout=10)
    return [got["type"], *(one.replace(P, "") if isinstance(one, str) else one
                           for one in (got["pattern"], got["channel"], got["data"]))]


def subscribe():
    with client() as r:
        pubsub = r.pubsub()
        pubsub.subscribe(f"{P}:a", f"{P}:b")
        pubsub.psubscribe(f"{P}-*")
        for _ in range(3):
            assert next_message(pubsub)[0].endswith("subscribe")
        received = [r.publish(P + c, m) for c, m in ((":a", "m0"), (":b", "m1"), ("-c", "m2"))]
        got = [next_message(pubsub) for _ in range(3)]
        pubsub.unsubscribe()
        pubsub.punsubscribe()
        for _ in range(3):
            assert next_message(pubsub)[0].endswith("unsubscribe")
        after = r.publish(f"{P}:a", "m3")
        pubsub.close()
        return {
            "received": received, "messages": [m[2:] for m in got if m[0] == "message"],
            "patterns": [m[1:] for m in got if m[0] == "pmessage"], "after": after,
            "ping": "PONG" if r.ping() else None,
        }


def scan():
    with client() as r:
        want = {f"{P}:{i}" for i in range(300)}
        with r.pipeline(transaction=False) as pipe:
            for key in want:
                pipe.set(key, 1)
            pipe.execute()
        r.hset(f"{P}-h", mapping={f"f{i}": i for i in range(600)})
        got = list(r.scan_iter(match=f"{P}:*", count=25))
        return {"found": len(got), "distinct": len(set(got)), "same": set(got) == want,
                "fields": len(list(r.hscan_iter(f"{P}-h")))}


def script():
    with client() as r:
        bump = r.register_script(BUMP)
        keys = [f"{P}:{i}" for i in range(30)]
        out = {"eval": r.eval("return {KEYS[1], ARGV[1]}", 1, P, "a")[1]}
        out["first"] = sum(bump([key], [2]) for key in keys)
        r.script_flush()
        out["exists"] = r.script_exists(bump.sha)[0]
        out["second"] = sum(bump([key], [2]) for key in keys)
        r.script_flush()
        sha = r.script_load(BUMP)
        out["loaded"] = sum(r.evalsha(sha, 1, key, 2) for key in keys)
        return out


def select():
    with client(single_connection_client=True) as r, client(db=3) as own:
        r.select(3)
        r.set(P, "three")
        out = {"three": r.get(P), "own": own.get(P)}
        r.select(0)
        out["zero"] = r.get(P)
        own.delete(P)
        return out


def reconnect():
    with client(db=3) as r, client() as other:
        r.set(P, "v")
        before = r.client_id()
        other.execute_command("CLIENT", "KILL", "ID", before)
        time.sleep(0.2)
        return {"value": r.get(P), "name": r.client_getname(), "new": r.client_id() != before}


print(json.dumps(globals()[STEP]()))
