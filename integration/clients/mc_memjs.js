// memjs, of the binary protocol. Usage: mc_memjs.js STEPS SERVERS PREFIX, with USER_NAME and
// PASSWORD for SASL; what each step prints, test_mc_clients says. It has no CAS and no VERSION, and
// its prepend() appends.
"use strict";
const { setTimeout: sleep } = require("node:timers/promises");
const { Client } = require("../npm/node_modules/memjs");

const [STEPS, SERVERS, PREFIX] = process.argv.slice(2);
let P;
const m = Client.create(SERVERS, {
  timeout: 20, retries: 1, username: process.env.USER_NAME, password: process.env.PASSWORD,
  logger: { log() {} },
});
const keys = (n) => [...Array(n).keys()].map((i) => `${P}:${i}`);
const get = async (key) => (await m.get(key)).value?.toString() ?? null;
const all = (list, work) => Promise.all(list.map(work));
const count = (list) => list.filter(Boolean).length;

const steps = {
  async basic() {
    const out = { miss: await get(P), set: await m.set(P, "v", {}), get: await get(P) };
    out.add = [await m.add(P, "w", {}), await m.add(`${P}-2`, "w", {})];
    out.replace = [await m.replace(P, "r", {}), await m.replace(`${P}-3`, "r", {})];
    out.delete = [await m.delete(P), await m.delete(P)];
    const large = "line\r\n".repeat(120000);
    out.large = await m.set(P, large, {}) && await get(P) === large;
    out.empty = await m.set(P, "", {}) && await get(P) === "";
    await m.set(P, "m", {});
    const refused = await m.append(`${P}-4`, "x").catch((err) => !/not stored/.test(err.message));
    out.append = [await m.append(P, "z"), await m.prepend(P, "a"), refused];
    return { ...out, appended: await get(P) };
  },

  async many() {
    const value = (key) => `value of ${key}`;
    const set = await all(keys(1000), (key) => m.set(key, value(key), {}));
    const asked = [...keys(100).map((key) => `${key}:none`), ...keys(1000)];
    const found = await all(asked, get);
    const right = (await all(keys(1000), get)).every((got, i) => got === value(`${P}:${i}`));
    await all(keys(1000), (key) => m.delete(key));
    return {
      set: set.every(Boolean), found: count(found), right,
      left: count(await all(keys(1000), get)),
    };
  },

  async count() {
    await m.set(P, "10", {});
    return {
      incr: (await m.increment(P, 5, {})).value, decr: (await m.decrement(P, 2, {})).value,
      floor: (await m.decrement(P, 100, {})).value,
    };
  },

  async expire() {
    const set = [await m.set(P, "v", { expires: 1 }), await m.set(`${P}-2`, "v", { expires: 1 }),
      await m.set(`${P}-3`, "v", {})].every(Boolean);
    const touch = [await m.touch(`${P}-2`, 100), await m.touch(`${P}-3`, 1),
      await m.touch(`${P}-4`, 1)];
    await sleep(2200);
    return { set, touch, after: await all([P, `${P}-2`, `${P}-3`], get) };
  },

  async all() {
    await all(keys(60), (key) => m.set(key, "v", {}));
    const stats = await new Promise((resolve, reject) => {
      m.stats((err, _server, got) => (err ? reject(err) : resolve(got)));
    });
    const flush = await new Promise((resolve) => {
      m.flush((err, results) => resolve(!err && Object.values(results).every(Boolean)));
    });
    return {
      version: /^\d+\.\d+/.test(stats.version), stats: stats.curr_items >= 60, flush,
      left: count(await all(keys(60), get)),
    };
  },

  async login() {
    try {
      return { set: await m.set(P, "v", {}), get: await get(P) === "v" };
    } catch {
      return { set: false, get: false };
    }
  },
};

(async () => {
  const out = {};
  for (const [i, step] of STEPS.split(",").entries()) {
    P = `${PREFIX}-${i}`;
    out[step] = await steps[step]();
  }
  console.log(JSON.stringify(out));
  m.close();
})();
