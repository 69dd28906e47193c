"""Celery. Run by `celery -A celery_app worker`, and as celery_app.py JOBS to add jobs and wait for
their results. HOST, PORT and PREFIX are in the environment; a job counts itself in the key
PREFIX:NUMBER."""

import json
import os
import sys

import celery
import redis

HOST, PORT, P = os.environ["HOST"], int(os.environ["PORT"]), os.environ["PREFIX"]
URL = f"redis://{HOST}:{PORT}/0"

app = celery.Celery("celery_app", broker=URL, backend=URL)
app.conf.update(
    # All that the broker keeps has one tag, since it moves a job from key to key in a transaction;
    # the results have none.
    broker_transport_options={"global_keyprefix": f"{{{P}}}", "polling_interval": 0.1},
    task_acks_late=True, worker_prefetch_multiplier=4, task_default_queue=f"{P}-q",
)
counter = redis.Redis(HOST, PORT)


@app.task(bind=True, name="count", max_retries=2)
def count(self, number, fails):
    if fails and self.request.retries == 0:
        raise self.retry(countdown=0.1)
    counter.incr(f"{P}:{number}")
    return number


if __name__ == "__main__":
    jobs = range(int(sys.argv[1]))
    added = [count.delay(n, False) for n in jobs[:900]]
    added += [count.apply_async((n, n % 5 == 0), countdown=0.2) for n in jobs[900:]]
    results = celery.result.ResultSet(added).get(timeout=40)
    print(json.dumps({"results": sorted(results) == list(jobs)}))
