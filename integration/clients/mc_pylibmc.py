"""pylibmc. Usage: mc_pylibmc.py STEPS SERVERS PREFIX, with PROTOCOL=text or binary, and USER_NAME
and PASSWORD for SASL; what each step prints, test_mc_clients says."""

import json
import os
import re
import sys
import time

import pylibmc

STEPS, SERVERS, PREFIX = sys.argv[1:]
P = PREFIX
WAIT = 20_000  # ms


def client(**behaviors):
    user = os.environ.get("USER_NAME")
    secret = {"username": user, "password": os.environ["PASSWORD"]} if user else {}
    return pylibmc.Client(
        SERVERS.split(","), binary=os.environ["PROTOCOL"] == "binary", **secret,
        behaviors={"tcp_nodelay": True, "cas": True, "ketama": True, "ketama_weighted": True,
                   "connect_timeout": WAIT, "_poll_timeout": WAIT, **behaviors})


def keys(count):
    return [f"{P}:{i}" for i in range(count)]


def basic():
    m = client()
    out = {"miss": m.get(P), "set": m.set(P, "v"), "get": m.get(P)}
    out["add"] = [m.add(P, "w"), m.add(f"{P}-2", "w")]
    out["replace"] = [m.replace(P, "r"), refused(m.replace, f"{P}-3", "r")]
    out["delete"] = [m.delete(P), m.delete(P)]
    large = "line\r\n" * 120_000
    out["large"] = m.set(P, large) and m.get(P) == large
    out["empty"] = m.set(P, "") and m.get(P) == ""
    m.set(P, "m")
    out["append"] = [m.append(P, "z"), m.prepend(P, "a"), refused(m.append, f"{P}-4", "x")]
    return {**out, "appended": m.get(P)}


def refused(call, *words):
    """What is an exception with this library for some commands, and False for others."""
    try:
        return call(*words)
    except pylibmc.NotFound:
        return False


def cas():
    m = client()
    m.set(P, "old")
    _, number = m.gets(P)
    return {"cas": [m.cas(P, "new", number), refused(m.cas, P, "no", number)], "value": m.get(P)}


def many():
    m = client()
    items = {key: f"value of {key}" for key in keys(1000)}
    out = {"set": m.set_multi(items) == []}
    out["found"] = len(m.get_multi([f"{P}:none:{i}" for i in range(100)] + list(items)))
    out["right"] = m.get_multi(list(items)) == items
    m.delete_multi(list(items))
    return {**out, "left": len(m.get_multi(list(items)))}


def count():
    m = client()
    m.set(P, 10)
    return {"incr": m.incr(P, 5), "decr": m.decr(P, 2), "floor": m.decr(P, 100)}


def count_missing():
    m = client()
    try:
        missing = m.incr(P, 5)
    except pylibmc.NotFound:
        missing = None
    return {"missing": missing, "after": m.get(P)}


def expire():
    m = client()
    out = {"set": m.set(P, "v", 1) and m.set(f"{P}-2", "v", 1) and m.set(f"{P}-3", "v")}
    out["touch"] = [m.touch(f"{P}-2", 100), m.touch(f"{P}-3", 1), refused(m.touch, f"{P}-4", 1)]
    time.sleep(2.2)
    return {**out, "after": [m.get(key) for key in (P, f"{P}-2", f"{P}-3")]}


def everything():
    m = client()
    for key in keys(60):
        m.set(key, "v")
    (_, stats), = m.get_stats()
    out = {"version": bool(re.match(r"\d+\.\d+", text(stats["version"])))}
    out["stats"] = int(stats["curr_items"]) >= 60
    out["flush"] = m.flush_all()
    return {**out, "left": len(m.get_multi(keys(60)))}


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def quiet():
    m = client(_noreply=1)
    for key in keys(500):
        m.set(key, key)
    return {"right": sum(key == value for key, value in m.get_multi(keys(500)).items())}


def fill():
    m = client()
    return {"set": sum(m.set(key, key) for key in keys(300))}


def found():
    return {"found": sum(key == value for key, value in client().get_multi(keys(300)).items())}


def login():
    m = client()
    try:
        return {"set": m.set(P, "v"), "get": m.get(P) == "v"}
    except pylibmc.Error:
        return {"set": False, "get": False}


said = {}
for number, step in enumerate(STEPS.split(",")):
    P = f"{PREFIX}-{number}"
    said[step] = {"all": everything}.get(step, globals().get(step))()
print(json.dumps(said))
