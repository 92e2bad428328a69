"""Times eventlet's or gevent's pool on the same work: peers.py eventlet|gevent spawn|imap N SIZE. Prints seconds."""
import sys
import time

library, verb, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

if library == "eventlet":
    from eventlet import sleep
    from eventlet.greenpool import GreenPool as Pool
else:
    from gevent import sleep
    from gevent.pool import Pool


def job(_=None):
    sleep(0)


def work():
    pool = Pool(size)
    if verb == "imap":
        for _ in pool.imap(job, range(count)):
            pass
        return
    for _ in range(count):
        pool.spawn(job)
    if library == "eventlet":
        pool.waitall()
    else:
        pool.join()


times = []
for _ in range(5):
    start = time.perf_counter()
    work()
    times.append(time.perf_counter() - start)
print(sorted(times)[2])
