"""The protocol of bench/child.ts for sides in Python."""
import json
import resource
import sys
import time

MARK = '::bench '


def answer(message):
    print(MARK + json.dumps(message), flush=True)


def serve(prepare):
    """prepare(options) -> measure; measure() -> {'value': ..., ...}"""
    measure = prepare(json.loads(sys.argv[1]))
    answer({'ready': True})
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
