// ioredis. Usage: ioredis.js STEP HOST PORT PREFIX; what each step prints, test_redis_clients says.
"use strict";
const { once } = require("node:events");
const { setTimeout: sleep } = require("node:timers/promises");
const { Redis } = require("../npm/node_modules/ioredis");

const [STEP, HOST, PORT, P] = process.argv.slice(2);
const BUMP = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const clients = [];

function client(options = {}) {
  clients.push(new Redis({
    host: HOST, port: Number(PORT), connectionName: "driver",
    scripts: { bump: { lua: BUMP, numberOfKeys: 1 } }, ...options,
  }));
  return clients.at(-1);
}

const numbers = (n) => [...Array(n).keys()];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const sum = (list) => list.reduce((a, b) => a + b, 0);

const steps = {
  async connect() {
    const r = client();
    const hello = await r.call("HELLO");
    return {
      ping: await r.ping(), name: await r.client("GETNAME"), id: await r.client("ID") > 0,
      info: (await r.info("server")).includes("redis_version"),
      proto: hello[hello.indexOf("proto") + 1],
    };
  },

  async pipeline() {
    const pipe = client().pipeline();
    numbers(400).forEach((i) => pipe.set(`${P}:${i}`, i).incr(`${P}:${i}`).get(`${P}:${i}`));
    pipe.lpush(`${P}:0`, "x").mget(numbers(50).map((i) => `${P}:${i}`));
    const replies = await pipe.exec();
    const want = numbers(400).flatMap((i) => ["OK", i + 1, String(i + 1)]);
    return {
      replies: replies.length, right: want.every((one, i) => replies[i][1] === one),
      error: replies[1200][0].message.split(" ")[0],
      mget: replies[1201][1].every((one, i) => one === String(i + 1)),
    };
  },

  async transaction() {
    const [r, other, k] = [client(), client(), `{${P}}`];
    const out = {};
    const first = await r.multi().set(`${k}:a`, 1).incr(`${k}:a`).get(`${k}:a`).exec();
    out.exec = first.map((one) => one[1]);
    const each = numbers(30).map(async (i) => {
      const t = `{${P}${i}}`;
      const got = await r.multi().set(`${t}:x`, i).mget(`${t}:x`, `${t}:y`).exec();
      return Number(same(got.map((one) => one[1]), ["OK", [String(i), null]]));
    });
    out.right = sum(await Promise.all(each));
    await r.watch(`${k}:a`);
    const value = Number(await r.get(`${k}:a`));
    out.watched = (await r.multi().set(`${k}:a`, value + 1).get(`${k}:a`).exec())[1][1];
    await r.watch(`${k}:a`);
    await other.set(`${k}:a`, "theirs");
    out.touched = await r.multi().set(`${k}:a`, "mine").exec();
    await r.multi({ pipeline: false });
    await r.set(`${k}:a`, "no");
    await r.discard();
    out.discarded = await r.get(`${k}:a`);
    return out;
  },

  async block() {
    const [r, other, k] = [client(), client(), `{${P}}`];
    const produce = async () => {
      for (const [key, job] of [["b", "job1"], ["src", "job2"]]) {
        await sleep(150);
        await other.rpush(`${k}:${key}`, job);
      }
      await sleep(150);
      await other.zadd(`${k}:z`, 1.5, "m");
    };
    const producer = produce();
    const [key, popped] = await r.blpop(`${k}:a`, `${k}:b`, 10);
    const moved = await r.blmove(`${k}:src`, `${k}:dst`, "RIGHT", "LEFT", 10);
    const [, member, score] = await r.bzpopmin(`${k}:z`, 10);
    const nothing = await r.blpop(`${k}:a`, 0.2);
    await producer;
    return {
      popped, key: key === `${k}:b`, moved, least: [member, Number(score)], nothing,
      dst: await r.lrange(`${k}:dst`, 0, -1),
    };
  },

  async subscribe() {
    const [r, sub] = [client(), client()];
    const [messages, patterns] = [[], []];
    const strip = (list) => list.map((one) => one.replace(P, ""));
    sub.on("message", (...m) => messages.push(strip(m)));
    sub.on("pmessage", (...m) => patterns.push(strip(m)));
    await sub.subscribe(`${P}:a`, `${P}:b`);
    await sub.psubscribe(`${P}-*`);
    const received = [];
    for (const [channel, m] of [[":a", "m0"], [":b", "m1"], ["-c", "m2"]])
      received.push(await r.publish(P + channel, m));
    while (messages.length + patterns.length < 3)
      await sleep(5);
    await sub.unsubscribe(`${P}:a`, `${P}:b`);
    await sub.punsubscribe(`${P}-*`);
    const after = await r.publish(`${P}:a`, "m3");
    return { received, messages, patterns, after, ping: await sub.ping() };
  },

  async scan() {
    const r = client();
    const want = new Set(numbers(300).map((i) => `${P}:${i}`));
    await r.pipeline([...want].map((key) => ["set", key, 1])).exec();
    await r.hset(`${P}-h`, Object.fromEntries(numbers(600).map((i) => [`f${i}`, i])));
    const [got, fields] = [[], []];
    for await (const page of r.scanStream({ match: `${P}:*`, count: 25 }))
      got.push(...page);
    for await (const page of r.hscanStream(`${P}-h`))
      fields.push(...page);
    const distinct = new Set(got);
    return {
      found: got.length, distinct: distinct.size, same: got.every((key) => want.has(key)),
      fields: fields.length / 2,
    };
  },

  async script() {
    const r = client();
    const keys = numbers(30).map((i) => `${P}:${i}`);
    const out = { eval: (await r.eval("return {KEYS[1], ARGV[1]}", 1, P, "a"))[1] };
    out.first = sum(await Promise.all(keys.map((key) => r.bump(key, 2))));
    const sha = await r.script("LOAD", BUMP);
    await r.script("FLUSH");
    out.exists = Boolean((await r.script("EXISTS", sha))[0]);
    out.second = sum(await Promise.all(keys.map((key) => r.bump(key, 2))));
    await r.script("FLUSH");
    await r.script("LOAD", BUMP);
    out.loaded = sum(await Promise.all(keys.map((key) => r.evalsha(sha, 1, key, 2))));
    return out;
  },

  async select() {
    const [r, own] = [client(), client({ db: 3 })];
    await r.select(3);
    await r.set(P, "three");
    const out = { three: await r.get(P), own: await own.get(P) };
    await r.select(0);
    out.zero = await r.get(P);
    await own.del(P);
    return out;
  },

  async reconnect() {
    const [r, other] = [client({ db: 3 }), client()];
    await r.set(P, "v");
    const before = await r.client("ID");
    const ready = once(r, "ready");
    await other.client("KILL", "ID", before);
    await ready;
    const after = await r.client("ID");
    return { value: await r.get(P), name: await r.client("GETNAME"), new: after !== before };
  },
};

steps[STEP]().then((out) => {
  console.log(JSON.stringify(out));
  clients.forEach((one) => one.disconnect());
});
