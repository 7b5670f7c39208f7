"""Several threads: the same bits, the first error, the host's executor, polling, fork, the environment."""

import functools
import math
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from harness import REDUCTIONS, Failed, Loss, config, ffi, lib, names

THREADS = (1, 2, 3, 7, 8, 64)
MILLION = 1 << 20


@functools.cache
def data(name, dtype, count):
    """Inputs of so many elements, hard numbers among them, and weights with zeros."""
    loss, rng = Loss(name), np.random.default_rng(7)
    shape = (count // 12, 12) if loss.info["rows"] else (count,)
    inputs = []
    for i in loss.inputs:
        if i["optional"]:
            continue
        if i["kind"] == "class":
            inputs.append(rng.integers(0, 12, shape[0]))
        elif i["kind"] == "probability":
            inputs.append(rng.random(shape).astype(dtype))
        elif i["kind"] == "sign":
            inputs.append(rng.choice([-1.0, 1.0], shape).astype(dtype))
        else:
            x = (rng.normal(size=shape) * np.exp2(rng.integers(-30, 8, shape))).astype(dtype)
            inputs.append(np.abs(x) if i["kind"] in ("positive", "nonnegative") or i["name"] == "variance" else x)
    weight = rng.choice([0, 0.3, 1, 2.5], shape[0])
    for array in [*inputs, weight]:
        array.flags.writeable = False
    return loss, inputs, weight


def everything(loss, inputs, **options):
    """Bytes of all that a call can give."""
    values = np.empty(inputs[0].shape[: inputs[0].ndim - loss.info["rows"]])
    got = loss.eval(*inputs, values=values, grad=(0,), hess=(0,), **options)
    return {k: np.asarray(v).tobytes() for k, v in got.items()}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", names("pointwise") + names("rows"))
def test_same_bits_for_any_number_of_threads(name, dtype):
    loss, inputs, weight = data(name, dtype, MILLION + 333)
    for options in ({"reduction": "sum"}, {"reduction": "mean", "weight": weight}):
        want = everything(loss, inputs, threads=1, **options)
        for n in THREADS[1:]:
            assert everything(loss, inputs, threads=n, **options) == want, n
    for reduction in REDUCTIONS:
        want = loss.eval(*inputs, weight=weight, reduction=reduction, grad=(0,), threads=1)
        got = loss.eval(*inputs, weight=weight, reduction=reduction, grad=(0,), threads=8)
        assert {k: np.asarray(v).tobytes() for k, v in got.items()} == {k: np.asarray(v).tobytes() for k, v in want.items()}


@pytest.mark.parametrize("threads", THREADS)
def test_sums_are_exact(threads):
    loss, (p, t), weight = data("squared_error", "f8", MILLION + 333)
    assert loss.eval(p, t, reduction="sum", threads=threads)["value"] == math.fsum((p - t) ** 2)
    assert loss.eval(p, t, reduction="sum", weight=weight, threads=threads)["value"] == math.fsum(weight * (p - t) ** 2)
    total = loss.start_total()
    loss.eval(p, t, weight=weight, total=total, threads=threads)
    again = loss.start_total()
    loss.eval(p, t, weight=weight, total=again, threads=1)
    assert total.tobytes() == again.tobytes()


@pytest.mark.parametrize("threads", (2, 8))
def test_layouts(threads):
    """Columns of levels, strides, other storage types, wide rows that need scratch memory."""
    rng = np.random.default_rng(0)
    p, t = rng.normal(size=(2, MILLION // 2, 3)).astype("f4")
    cases = [(Loss("quantile(tau=[0.1, 0.5, 0.9])"), (p, t)), (Loss("huber"), (p[::-1, ::2], t[::-1, ::2])),
             (Loss("huber"), (p.astype("f2"), t)), (Loss("kl_divergence"), tuple(rng.dirichlet(np.ones(4000), (2, 300)))),
             (Loss("cross_entropy"), (rng.normal(size=(300, 4000)).astype("f2"), rng.integers(0, 4000, 300)))]
    for loss, inputs in cases:
        assert everything(loss, inputs, threads=threads) == everything(loss, inputs, threads=1)


def counted(threads):
    rng = np.random.default_rng(1)
    n = MILLION + 5
    args = [rng.integers(0, 4, n), rng.integers(0, 4, n)]
    values = np.empty((4, 4))
    Loss("confusion_matrix(classes=4)").eval(*args, weight=np.full(n, 0.5), values=values, value=False, threads=threads)
    np.testing.assert_array_equal(values, 0.5 * np.bincount(4 * args[1] + args[0], minlength=16).reshape(4, 4))


def test_counts():
    for threads in THREADS:
        counted(threads)


FAULTS = {  # what is bad: the loss
    "label": "cross_entropy",
    "weight": "huber",
    "probability": "binary_cross_entropy",
    "score": "accuracy(threshold=0.5)",
}


@pytest.mark.parametrize("threads", (2, 7, 64))
@pytest.mark.parametrize("fault", FAULTS)
def test_the_first_error_is_named(fault, threads):
    """Bad numbers everywhere from a random place on: that place is told, and no output is touched."""
    rng = np.random.default_rng(threads)
    n = 4 * MILLION
    for _ in range(5):
        first = int(rng.integers(n))
        bad = np.concatenate([[first], rng.integers(first, n, 50)])
        p, t, w = np.full(n, 0.5, "f4"), np.full(n, 1, "f4"), np.full(n, 1, "f4")
        if fault == "label":
            p, t = np.zeros((n, 2), "f4"), np.zeros(n, "i1")
            t[bad] = 2
            words, args = f"cross_entropy: target[{first}] = 2 is not in [0, 2)", {"grad": (0,)}
        elif fault == "weight":
            w[bad] = -1
            words, args = f"huber: weight[{first}] = -1 is not", {"weight": w, "grad": (0,)}
        elif fault == "probability":
            p[bad] = 1.5
            words, args = f"binary_cross_entropy: prediction[{first}] = 1.5 is not in [0, 1]", {"grad": (0,)}
        else:
            p[bad], t = np.nan, t.astype("i1")
            words, args = f"prediction[{first}] = nan is no score", {}
        loss = Loss(FAULTS[fault])
        outputs = {"grad0": np.full(p.shape, 77, "f4")} if "grad" in args else {}
        with pytest.raises(Failed) as problem:
            loss.eval(p, t, outputs=outputs, threads=threads, **args)
        assert words in str(problem.value)
        assert all((x == 77).all() for x in outputs.values())


# ---- polling ----

@pytest.mark.parametrize("threads", (1, 2, 8))
def test_poll(threads):
    """On the calling thread, some 100 times a second; what it stops, stops soon."""
    seen = []

    @ffi.callback("int32_t(void *)")
    def poll(context):
        seen.append((threading.get_ident(), time.monotonic(), time.thread_time()))
        return len(seen) == 20

    p = np.broadcast_to(np.float32(0.3), 1 << 36)
    with pytest.raises(Failed, match="stopped by the caller") as problem:
        Loss("log_cosh").eval(p, p, poll=poll, threads=threads)
    over = time.monotonic()
    assert problem.value.status >= 90
    assert {who for who, _, _ in seen} == {threading.get_ident()} and len(seen) == 20
    assert np.diff([when for _, when, _ in seen]).min() > 0.009
    assert np.median(np.diff([work for _, _, work in seen])) < 0.02     # of this thread's own work: the machine may be busy
    assert over - seen[-1][1] < 2


def test_short_calls_do_not_poll():
    @ffi.callback("int32_t(void *)")
    def poll(context):
        return 1

    p = np.zeros(1000, "f4")
    assert Loss("huber").eval(p, p, poll=poll)["value"] == 0


# ---- the host's threads ----

def executor(order, batches=None):
    """Runs the tasks as `order` says, which is given the calls to make; of each batch notes how many there were, and which ran."""

    @ffi.callback("void(void *, void (*)(void *, size_t), void *, size_t)")
    def run(context, task, job, n):
        ran = []
        if batches is not None:
            batches.append((n, ran))

        def call(i):
            ran.append(i)
            task(job, i)

        order([functools.partial(call, i) for i in range(n)])

    e = ffi.new("libloss_executor *", {"run": run})
    return e, run


def in_order(calls):
    for call in calls:
        call()


def backwards(calls):
    in_order(calls[::-1])


def on_threads(calls):
    workers = [threading.Thread(target=c) for c in reversed(calls)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()


def two_at_a_time(calls):
    for k in range(0, len(calls), 2):
        on_threads(calls[k : k + 2])


@pytest.mark.parametrize("order", [in_order, backwards, on_threads, two_at_a_time])
@pytest.mark.parametrize("name", ["huber", "cross_entropy", "kl_divergence"])
def test_executor(name, order):
    loss, inputs, weight = data(name, "f4", MILLION + 333)
    if name == "kl_divergence":
        inputs = [np.abs(x) / np.abs(x).sum(-1, keepdims=True) for x in inputs]
    batches = []
    e, run = executor(order, batches)
    want = everything(loss, inputs, weight=weight, threads=1)
    assert everything(loss, inputs, weight=weight, threads=5, executor=e) == want
    assert batches[-1][0] == 5 and all(sorted(ran) == list(range(n)) for n, ran in batches)
    batches.clear()
    loss.eval(*[x[:1000] for x in inputs], threads=5, executor=e)
    assert not batches      # too little to share


def test_executor_and_poll():
    """The tasks run elsewhere, so the calling thread polls between rounds."""
    seen = []

    @ffi.callback("int32_t(void *)")
    def poll(context):
        seen.append(threading.get_ident())
        return len(seen) == 10

    e, run = executor(on_threads)
    p = np.broadcast_to(np.float32(0.3), 1 << 36)
    with pytest.raises(Failed, match="stopped by the caller"):
        Loss("log_cosh").eval(p, p, poll=poll, executor=e, threads=2)
    assert seen == [threading.get_ident()] * 10


def test_errors_on_the_hosts_threads_leave_their_messages_alone():
    told = []

    def order(calls):
        def work():
            assert lib.libloss_create(b"hubber", ffi.new("libloss_object **")) != 0
            before = ffi.string(lib.libloss_message())
            in_order(calls)
            told.append(ffi.string(lib.libloss_message()) == before)

        on_threads([work])

    e, run = executor(order)
    t = np.full(MILLION, 2, "i1")
    with pytest.raises(Failed, match=r"target\[0\] = 2"):
        Loss("cross_entropy").eval(np.zeros((MILLION, 2), "f4"), t, executor=e, threads=2)
    assert told == [True]


# ---- many callers, fork ----

def test_many_callers_at_once():
    losses = ["huber", "binary_cross_entropy_with_logits", "cross_entropy", "kl_divergence"]
    want = {n: everything(*data(n, "f4", 3 * MILLION // 10)[:2], threads=1) for n in losses}
    bad = []

    def work(k):
        for i in range(6):
            name = losses[(i + k) % 4]
            loss, inputs, _ = data(name, "f4", 3 * MILLION // 10)
            if everything(loss, inputs, threads=1 + (i + k) % 5) != want[name]:
                bad.append(name)

    on_threads([functools.partial(work, k) for k in range(16)])
    assert not bad


def child(work):
    """Runs it after fork, with an alarm; answers its exit status (None: it was killed)."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(30)
        code = 2
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def tasks():
    return len(os.listdir("/proc/self/task"))


def test_fork():
    loss, inputs, _ = data("huber", "f4", MILLION)
    want = everything(loss, inputs, threads=1)
    assert everything(loss, inputs, threads=3) == want

    def work():
        alone = tasks() == 1
        return alone and everything(loss, inputs, threads=3) == want and tasks() == 3 and child(work_again) == 0

    def work_again():
        return tasks() == 1 and everything(loss, inputs, threads=3) == want and tasks() == 3

    assert child(work) == 0
    assert everything(loss, inputs, threads=3) == want


def test_fork_while_others_are_inside():
    loss, inputs, _ = data("huber", "f4", MILLION // 2)
    want = everything(loss, inputs, threads=1)
    over = threading.Event()

    def work():
        while not over.is_set():
            everything(loss, inputs, threads=3)

    others = [threading.Thread(target=work) for _ in range(3)]
    for o in others:
        o.start()
    try:
        for _ in range(25):
            assert child(lambda: everything(loss, inputs, threads=3) == want) == 0
    finally:
        over.set()
        for o in others:
            o.join()


def test_fork_within_a_call():
    """In a callback: the parent goes on; the child is told that its threads are gone, and does not hang."""
    me, forks = os.getpid(), []

    @ffi.callback("int32_t(void *)")
    def poll(context):
        if os.getpid() == me:
            forks.append(os.fork())
            if forks[-1] == 0:
                signal.alarm(30)
        return len(forks) == 3

    p = np.broadcast_to(np.float32(0.3), 1 << 36)
    try:
        Loss("log_cosh").eval(p, p, poll=poll, threads=2)
    except Failed as problem:
        words = str(problem)
    if os.getpid() != me:
        loss, inputs, _ = data("huber", "f4", MILLION)
        ok = "forked within this call" in words and everything(loss, inputs, threads=2) == everything(loss, inputs, threads=1)
        os._exit(0 if ok else 1)
    assert "stopped by the caller" in words
    assert [os.waitpid(pid, 0)[1] for pid in forks] == [0, 0, 0]


# ---- the threads themselves ----

def python(text, **environment):
    """Another process, so that what is read once can be set."""
    env = {k: v for k, v in os.environ.items() if k not in ("LIBLOSS_NUM_THREADS", "OMP_NUM_THREADS")} | environment
    here = pathlib.Path(__file__).resolve().parents[1] / "oracle"
    text = f"import sys; sys.path.insert(0, {str(here)!r})\n" + text
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=env, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_environment():
    ask = "from harness import config; print(config()['threads'])"
    assert python(ask, LIBLOSS_NUM_THREADS="3", OMP_NUM_THREADS="5") == "3"
    assert python(ask, OMP_NUM_THREADS="5,2") == "5"
    allowed = python(ask)
    assert 1 <= int(allowed) <= len(os.sched_getaffinity(0))
    for nonsense in ("0", "", "many", "-3", "2x"):
        assert python(ask, LIBLOSS_NUM_THREADS=nonsense) == allowed
    one = f"import os; os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}])\n"
    assert python(one + ask) == "1"
    assert config()["threads"] == python(ask, **{k: os.environ[k] for k in ("LIBLOSS_NUM_THREADS", "OMP_NUM_THREADS") if k in os.environ})


WORKERS = """
import os, signal, time
import numpy as np
from harness import Loss

def stat(tid):  # state, ticks of user and system time
    fields = open(f"/proc/self/task/{tid}/stat").read().rpartition(")")[2].split()
    return fields[0], int(fields[11]) + int(fields[12])

def tids():
    return set(os.listdir("/proc/self/task"))

loss, before = Loss("huber"), tids()
small, large = np.zeros(1 << 17, "f4"), np.zeros(1 << 20, "f4")
loss.eval(small, small, threads=4)
loss.eval(large, large, threads=1)
assert tids() == before                 # nothing was started for these
loss.eval(large, large, threads=4)
workers = tids() - before
assert len(workers) == 3, workers
loss.eval(large, large, threads=3)
assert tids() - before == workers       # they stay
time.sleep(0.2)
asleep = {w: stat(w) for w in workers}
time.sleep(0.5)
assert {w: stat(w) for w in workers} == asleep and {s for s, _ in asleep.values()} == {"S"}, asleep
for w in workers:                       # signals are for the host's threads
    mask = next(l for l in open(f"/proc/self/task/{w}/status") if l.startswith("SigBlk"))
    assert all(int(mask.split()[1], 16) >> (s - 1) & 1 for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1)), mask
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
print("ok")
"""


def test_workers_are_few_asleep_and_deaf():
    assert python(WORKERS) == "ok"


DLOPEN = """
import _ctypes, ctypes, os
import numpy as np
x = np.zeros(1 << 19, "f4")
for k in range(100):
    library = ctypes.CDLL(os.environ["LIBLOSS_SO"])
    o, value = ctypes.c_void_p(), ctypes.c_double(-1)
    assert library.libloss_create(b"huber", ctypes.byref(o)) == 0
    p = x.ctypes.data_as(ctypes.c_void_p)
    assert library.libloss_call_f32(o, 0, ctypes.c_int64(x.size), p, p, ctypes.byref(value), None) == 0 and value.value == 0
    library.libloss_destroy(o)
    threads = len(os.listdir("/proc/self/task"))
    _ctypes.dlclose(library._handle)
    if k == 0: first = threads
assert threads == first, (first, threads)
print("ok")
"""


def test_dlopen_and_dlclose():
    assert python(DLOPEN, LIBLOSS_NUM_THREADS="4") == "ok"
