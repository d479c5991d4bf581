"""The protocol of bench/child.ts for sides in Python."""
import json
import resource
import sys
import time

MARK = '::bench '


def answer(message):
    print(MARK + json.dumps(message), flush=True)


def serve(prepare):
    """prepare(options) -> (form, measure); measure() -> {'value': ..., ...}"""
    form, measure = prepare(json.loads(sys.argv[1]))
    answer({'ready': form})
    for line in sys.stdin:
        if line.strip() != 'run':
            break
        before = time.process_time()
        measured = measure()
        answer({'cpuSeconds': time.process_time() - before, **measured})


def peak_memory():
    """Peak resident memory of this process so far, in MiB."""
    try:
        with open('/proc/self/status') as status:
            return next(int(line.split()[1]) for line in status if line.startswith('VmHWM')) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fastest(candidates, tries=2):
    """Of {form: run}, the form whose best of `tries` alternating runs (after one to warm up) is the shortest."""
    best = {}
    for attempt in range(tries + 1):
        for form, run in candidates.items():
            begun = time.perf_counter()
            run()
            seconds = time.perf_counter() - begun
            if attempt > 0:
                best[form] = min(seconds, best.get(form, seconds))
    return min(best, key=best.get)
