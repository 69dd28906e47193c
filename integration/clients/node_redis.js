// node-redis. Usage: node_redis.js STEP HOST PORT PREFIX, and RESP=2 or 3 in the environment; what
// each step prints, test_redis_clients says.
"use strict";
const { setTimeout: sleep } = require("node:timers/promises");
const redis = require("../npm/node_modules/redis");

const [STEP, HOST, PORT, P] = process.argv.slice(2);
const BUMP = redis.defineScript({
  SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  NUMBER_OF_KEYS: 1,
  parseCommand(parser, key, by) {
    parser.pushKey(key);
    parser.push(String(by));
  },
  transformReply: (reply) => reply,
});
const clients = [];

async function client(options = {}) {
  const one = redis.createClient({
    RESP: Number(process.env.RESP || 2), socket: { host: HOST, port: Number(PORT) }, name: "driver",
    scripts: { bump: BUMP }, ...options,
  });
  one.on("error", () => {}); // told by what follows; without a listener it ends the program
  clients.push(one);
  return one.connect();
}

const numbers = (n) => [...Array(n).keys()];
const sum = (list) => list.reduce((a, b) => a + b, 0);

const steps = {
  async connect() {
    const r = await client();
    const hello = await r.sendCommand(["HELLO"]);
    return {
      ping: await r.ping(), name: await r.clientGetName(), id: await r.clientId() > 0,
      info: (await r.info("server")).includes("redis_version"),
      proto: Array.isArray(hello) ? hello[hello.indexOf("proto") + 1] : hello.proto,
    };
  },

  async pipeline() {
    const r = await client();
    const three = (key, i) => [r.set(key, i), r.incr(key), r.get(key)];
    const sent = numbers(400).flatMap((i) => three(`${P}:${i}`, i));
    sent.push(r.lPush(`${P}:0`, "x"), r.mGet(numbers(50).map((i) => `${P}:${i}`)));
    const replies = await Promise.allSettled(sent);
    const want = numbers(400).flatMap((i) => ["OK", i + 1, String(i + 1)]);
    return {
      replies: replies.length, right: want.every((one, i) => replies[i].value === one),
      error: replies[1200].reason.message.split(" ")[0],
      mget: replies[1201].value.every((one, i) => one === String(i + 1)),
    };
  },

  async transaction() {
    const [r, other, k] = [await client(), await client(), `{${P}}`];
    const out = {};
    out.exec = await r.multi().set(`${k}:a`, 1).incr(`${k}:a`).get(`${k}:a`).exec();
    const each = numbers(30).map(async (i) => {
      const t = `{${P}${i}}`;
      const got = await r.multi().set(`${t}:x`, i).mGet([`${t}:x`, `${t}:y`]).exec();
      return Number(JSON.stringify(got) === JSON.stringify(["OK", [String(i), null]]));
    });
    out.right = sum(await Promise.all(each));
    await r.watch(`${k}:a`);
    const value = Number(await r.get(`${k}:a`));
    out.watched = (await r.multi().set(`${k}:a`, value + 1).get(`${k}:a`).exec())[1];
    await r.watch(`${k}:a`);
    await other.set(`${k}:a`, "theirs");
    out.touched = await r.multi().set(`${k}:a`, "mine").exec().catch((err) => {
      if (err instanceof redis.WatchError)
        return null;
      throw err;
    });
    await r.sendCommand(["MULTI"]);
    await r.sendCommand(["SET", `${k}:a`, "no"]);
    await r.sendCommand(["DISCARD"]);
    out.discarded = await r.get(`${k}:a`);
    return out;
  },

  async block() {
    const [r, other, k] = [await client(), await client(), `{${P}}`];
    const produce = async () => {
      for (const [key, job] of [["b", "job1"], ["src", "job2"]]) {
        await sleep(150);
        await other.rPush(`${k}:${key}`, job);
      }
      await sleep(150);
      await other.zAdd(`${k}:z`, { score: 1.5, value: "m" });
    };
    const producer = produce();
    const { key, element: popped } = await r.blPop([`${k}:a`, `${k}:b`], 10);
    const moved = await r.blMove(`${k}:src`, `${k}:dst`, "RIGHT", "LEFT", 10);
    const { value, score } = await r.bzPopMin(`${k}:z`, 10);
    const nothing = await r.blPop(`${k}:a`, 0.2);
    await producer;
    return {
      popped, key: key === `${k}:b`, moved, least: [value, score], nothing,
      dst: await r.lRange(`${k}:dst`, 0, -1),
    };
  },

  async subscribe() {
    const [r, sub] = [await client(), await client()];
    const [messages, patterns] = [[], []];
    const strip = (list) => list.map((one) => one.replace(P, ""));
    await sub.subscribe([`${P}:a`, `${P}:b`], (m, channel) => messages.push(strip([channel, m])));
    await sub.pSubscribe(`${P}-*`, (m, channel) => patterns.push(strip([`${P}-*`, channel, m])));
    const received = [];
    for (const [channel, m] of [[":a", "m0"], [":b", "m1"], ["-c", "m2"]])
      received.push(await r.publish(P + channel, m));
    while (messages.length + patterns.length < 3)
      await sleep(5);
    await sub.unsubscribe([`${P}:a`, `${P}:b`]);
    await sub.pUnsubscribe(`${P}-*`);
    const after = await r.publish(`${P}:a`, "m3");
    return { received, messages, patterns, after, ping: String(await sub.ping()) };
  },

  async scan() {
    const r = await client();
    const want = new Set(numbers(300).map((i) => `${P}:${i}`));
    await Promise.all([...want].map((key) => r.set(key, 1)));
    await r.hSet(`${P}-h`, Object.fromEntries(numbers(600).map((i) => [`f${i}`, i])));
    const [got, fields] = [[], []];
    for await (const page of r.scanIterator({ MATCH: `${P}:*`, COUNT: 25 }))
      got.push(...page);
    for await (const page of r.hScanIterator(`${P}-h`))
      fields.push(...page);
    const distinct = new Set(got);
    return {
      found: got.length, distinct: distinct.size, same: got.every((key) => want.has(key)),
      fields: fields.length,
    };
  },

  async script() {
    const r = await client();
    const keys = numbers(30).map((i) => `${P}:${i}`);
    const pair = await r.eval("return {KEYS[1], ARGV[1]}", { keys: [P], arguments: ["a"] });
    const out = { eval: pair[1] };
    out.first = sum(await Promise.all(keys.map((key) => r.bump(key, 2))));
    await r.scriptFlush();
    out.exists = Boolean((await r.scriptExists(BUMP.SHA1))[0]);
    out.second = sum(await Promise.all(keys.map((key) => r.bump(key, 2))));
    await r.scriptFlush();
    const sha = await r.scriptLoad(BUMP.SCRIPT);
    const bare = (key) => r.evalSha(sha, { keys: [key], arguments: ["2"] });
    out.loaded = sum(await Promise.all(keys.map(bare)));
    return out;
  },

  async select() {
    const [r, own] = [await client(), await client({ database: 3 })];
    await r.select(3);
    await r.set(P, "three");
    const out = { three: await r.get(P), own: await own.get(P) };
    await r.select(0);
    out.zero = await r.get(P);
    await own.del(P);
    return out;
  },

  async reconnect() {
    const [r, other] = [await client({ database: 3 }), await client()];
    await r.set(P, "v");
    const before = await r.clientId();
    const ready = new Promise((resolve) => { r.once("ready", resolve); });
    await other.clientKill({ filter: "ID", id: before });
    await ready;
    const after = await r.clientId();
    return { value: await r.get(P), name: await r.clientGetName(), new: after !== before };
  },
};

steps[STEP]().then((out) => {
  console.log(JSON.stringify(out));
  clients.forEach((one) => one.destroy());
});
