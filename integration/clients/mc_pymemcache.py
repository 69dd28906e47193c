"""pymemcache. Usage: mc_pymemcache.py STEPS SERVERS PREFIX; what each step prints, test_mc_clients
says."""

import json
import re
import sys
import time

from pymemcache.client.base import Client
from pymemcache.client.hash import HashClient

STEPS, SERVERS, PREFIX = sys.argv[1:]
P = PREFIX
ADDRESSES = [(one.split(":")[0], int(one.split(":")[1])) for one in SERVERS.split(",")]


def client():
    options = {"timeout": 20, "connect_timeout": 20, "default_noreply": False, "no_delay": True}
    if len(ADDRESSES) > 1:
        return HashClient(ADDRESSES, **options)
    return Client(ADDRESSES[0], **options)


def keys(count):
    return [f"{P}:{i}" for i in range(count)]


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def basic():
    m = client()
    out = {"miss": m.get(P), "set": m.set(P, "v"), "get": text(m.get(P))}
    out["add"] = [m.add(P, "w"), m.add(f"{P}-2", "w")]
    out["replace"] = [m.replace(P, "r"), m.replace(f"{P}-3", "r")]
    out["delete"] = [m.delete(P), m.delete(P)]
    large = b"line\r\n" * 120_000
    out["large"] = m.set(P, large) and m.get(P) == large
    out["empty"] = m.set(P, "") and m.get(P) == b""
    m.set(P, "m")
    out["append"] = [m.append(P, "z"), m.prepend(P, "a"), m.append(f"{P}-4", "x")]
    return {**out, "appended": text(m.get(P))}


def cas():
    m = client()
    m.set(P, "old")
    _, number = m.gets(P)
    return {"cas": [m.cas(P, "new", number), m.cas(P, "no", number)], "value": text(m.get(P))}


def many():
    m = client()
    items = {key: f"value of {key}".encode() for key in keys(1000)}
    out = {"set": m.set_many(items) == []}
    out["found"] = len(m.get_many([f"{P}:none:{i}" for i in range(100)] + list(items)))
    out["right"] = m.get_many(list(items)) == items
    m.delete_many(list(items))
    return {**out, "left": len(m.get_many(list(items)))}


def count():
    m = client()
    m.set(P, "10")
    return {"incr": m.incr(P, 5), "decr": m.decr(P, 2), "floor": m.decr(P, 100)}


def count_missing():
    m = client()
    return {"missing": m.incr(P, 5), "after": m.get(P)}


def expire():
    m = client()
    out = {"set": m.set(P, "v", 1) and m.set(f"{P}-2", "v", 1) and m.set(f"{P}-3", "v")}
    out["touch"] = [m.touch(f"{P}-2", 100), m.touch(f"{P}-3", 1), m.touch(f"{P}-4", 1)]
    time.sleep(2.2)
    return {**out, "after": [text(m.get(key)) for key in (P, f"{P}-2", f"{P}-3")]}


def everything():
    m = client()
    m.set_many({key: "v" for key in keys(60)})
    out = {"version": bool(re.match(rb"\d+\.\d+", m.version()))}
    out["stats"] = m.stats()[b"curr_items"] >= 60
    out["flush"] = m.flush_all()
    return {**out, "left": len(m.get_many(keys(60)))}


def quiet():
    m = client()
    for key in keys(500):
        m.set(key, key, noreply=True)
    return {"right": sum(key == text(value) for key, value in m.get_many(keys(500)).items())}


def fill():
    m = client()
    return {"set": sum(m.set(key, key) for key in keys(300))}


def found():
    got = client().get_many(keys(300))
    return {"found": sum(key == text(value) for key, value in got.items())}


said = {}
for number, step in enumerate(STEPS.split(",")):
    P = f"{PREFIX}-{number}"
    said[step] = {"all": everything}.get(step, globals().get(step))()
print(json.dumps(said))
