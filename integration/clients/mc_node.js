// The npm package `memcached`, of the text protocol. Usage: mc_node.js STEPS SERVERS PREFIX; what
// each step prints, test_mc_clients says.
"use strict";
const { promisify } = require("node:util");
const { setTimeout: sleep } = require("node:timers/promises");
const Memcached = require("../npm/node_modules/memcached");

const [STEPS, SERVERS, PREFIX] = process.argv.slice(2);
let P;
const client = new Memcached(SERVERS.split(","), { timeout: 20000, retries: 0 });
const m = {};
for (const name of ["get", "gets", "getMulti", "set", "add", "replace", "append", "prepend", "cas",
  "del", "incr", "decr", "touch", "version", "stats", "flush"]) {
  m[name] = promisify(client[name].bind(client));
}
const keys = (n) => [...Array(n).keys()].map((i) => `${P}:${i}`);
const get = async (key) => (await m.get(key)) ?? null;
// It has ten connections, and no patience when they are all busy.
const all = async (list, work) => {
  const out = [];
  for (let i = 0; i < list.length; i += 10) {
    out.push(...await Promise.all(list.slice(i, i + 10).map(work)));
  }
  return out;
};
const count = (list) => list.filter(Boolean).length;
// A write that was not done is an error with some commands, and false with others.
const done = (promise) => promise.catch((err) => {
  if (/not stored|^Item is not stored/i.test(err.message)) {
    return false;
  }
  throw err;
});

const steps = {
  async basic() {
    const out = { miss: await get(P), set: await m.set(P, "v", 0), get: await get(P) };
    out.add = [await done(m.add(P, "w", 0)), await done(m.add(`${P}-2`, "w", 0))];
    out.replace = [await done(m.replace(P, "r", 0)), await done(m.replace(`${P}-3`, "r", 0))];
    out.delete = [await m.del(P), await m.del(P)];
    const large = "line\r\n".repeat(120000);
    out.large = await m.set(P, large, 0) && await get(P) === large;
    out.empty = await m.set(P, "", 0) && await get(P) === "";
    await m.set(P, "m", 0);
    out.append = [await done(m.append(P, "z")), await done(m.prepend(P, "a")),
      await done(m.append(`${P}-4`, "x"))];
    return { ...out, appended: await get(P) };
  },

  async cas() {
    await m.set(P, "old", 0);
    const { cas } = await m.gets(P);
    return {
      cas: [await m.cas(P, "new", cas, 0), await m.cas(P, "no", cas, 0)], value: await get(P),
    };
  },

  async many() {
    const value = (key) => `value of ${key}`;
    const set = await all(keys(1000), (key) => m.set(key, value(key), 0));
    const found = await m.getMulti([...keys(100).map((key) => `${key}:none`), ...keys(1000)]);
    const got = await m.getMulti(keys(1000));
    const right = keys(1000).every((key) => got[key] === value(key));
    await all(keys(1000), (key) => m.del(key));
    return {
      set: set.every(Boolean), found: count(Object.values(found)), right,
      left: count(Object.values(await m.getMulti(keys(1000)))),
    };
  },

  async count() {
    await m.set(P, 10, 0);
    return { incr: await m.incr(P, 5), decr: await m.decr(P, 2), floor: await m.decr(P, 100) };
  },

  async count_missing() {
    return { missing: await m.incr(P, 5) || null, after: await get(P) };
  },

  async expire() {
    const set = [await m.set(P, "v", 1), await m.set(`${P}-2`, "v", 1),
      await m.set(`${P}-3`, "v", 0)].every(Boolean);
    const touch = [await m.touch(`${P}-2`, 100), await m.touch(`${P}-3`, 1),
      await m.touch(`${P}-4`, 1)];
    await sleep(2200);
    return { set, touch, after: await all([P, `${P}-2`, `${P}-3`], get) };
  },

  async all() {
    await all(keys(60), (key) => m.set(key, "v", 0));
    const [version] = await m.version();
    const [stats] = await m.stats();
    const flush = (await m.flush()).every(Boolean);
    return {
      version: /^\d+\.\d+/.test(version.version), stats: stats.curr_items >= 60, flush,
      left: count(Object.values(await m.getMulti(keys(60)))),
    };
  },

  async fill() {
    return { set: count(await all(keys(300), (key) => m.set(key, key, 0))) };
  },

  async found() {
    const found = await m.getMulti(keys(300));
    return { found: count(keys(300).map((key) => found[key] === key)) };
  },
};

(async () => {
  const out = {};
  for (const [i, step] of STEPS.split(",").entries()) {
    P = `${PREFIX}-${i}`;
    out[step] = await steps[step]();
  }
  console.log(JSON.stringify(out));
  client.end();
})();
