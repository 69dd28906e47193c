// BullMQ. Usage: bullmq.js add HOST PORT PREFIX QUEUES JOBS, or bullmq.js work HOST PORT PREFIX
// QUEUES; a job counts itself in the key PREFIX:NUMBER. A worker ends at the end of its standard
// input.
"use strict";
const { Queue, QueueEvents, Worker } = require("../npm/node_modules/bullmq");
const { Redis } = require("../npm/node_modules/ioredis");

const [ROLE, HOST, PORT, P, QUEUES, JOBS] = process.argv.slice(2);
const connection = { host: HOST, port: Number(PORT), maxRetriesPerRequest: null };
const names = [...Array(Number(QUEUES)).keys()].map((i) => `{${P}-q${i}}`);

function fail(err) {
  console.error(err);
  process.exit(1);
}

// The jobs of each queue: a bulk, some after a delay, some with a priority, one by one the rest.
async function add() {
  const made = names.map((name) => new Queue(name, { connection }));
  const events = names.map((name) => new QueueEvents(name, { connection }));
  await Promise.all(events.map((one) => one.waitUntilReady()));
  const numbers = [...Array(Number(JOBS)).keys()];
  const waited = [];
  await Promise.all(made.map(async (queue, at) => {
    const mine = numbers.filter((n) => n % names.length === at);
    const bulk = mine.splice(0, mine.length / 2);
    await queue.addBulk(bulk.map((n) => ({ name: "count", data: { n } })));
    for (const [i, n] of mine.entries()) {
      const retried = { attempts: 3, backoff: 20 };
      const options = [{}, { delay: 100 }, { priority: 1 + i % 5 }, retried][i % 4];
      const job = await queue.add("count", { n, failFirst: i % 4 === 3 }, options);
      if (i % 10 === 0)
        waited.push(job.waitUntilFinished(events[at], 30000));
    }
  }));
  const results = await Promise.all(waited);
  await Promise.all([...made, ...events].map((one) => one.close()));
  console.log(JSON.stringify({ waited: results.length, right: results.every((one) => one >= 0) }));
}

async function work() {
  const redis = new Redis(connection);
  const count = async (job) => {
    if (job.data.failFirst && job.attemptsMade === 0)
      throw new Error("once more");
    await redis.incr(`${P}:${job.data.n}`);
    return job.data.n;
  };
  const workers = names.map((name) => new Worker(name, count, { connection, concurrency: 5 }));
  workers.forEach((one) => one.on("error", fail));
  process.stdin.on("end", async () => {
    await Promise.all(workers.map((one) => one.close()));
    redis.disconnect();
  });
  process.stdin.resume();
}

({ add, work })[ROLE]().catch(fail);
