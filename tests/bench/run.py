"""libloss beside PyTorch, JAX and NumPy, those that are installed: same data, same pinned core, minimum of many repeats.

    python tests/bench/run.py [--core 0]

Prints CPU, compiler and versions, then ns per element (or per call) and the ratio against the best peer. No test: nothing fails on a
stopwatch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pathlib
import time


def best(f, seconds: float = 0.6) -> float:
    """The fastest of many runs, in ns."""
    f()
    once = time.perf_counter_ns()
    f()
    number = max(1, int(20_000 / max(time.perf_counter_ns() - once, 1)))
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter_ns()
        for _ in range(number):
            f()
        fastest = min(fastest, (time.perf_counter_ns() - start) / number)
    return fastest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, default=0)
    os.sched_setaffinity(0, {parser.parse_args().core})  # before anything makes threads: JAX ignores its thread flags

    import libloss
    import numpy as np

    found = {}
    for name in ("torch", "jax"):
        try:
            found[name] = importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed")
    torch, jax = found.get("torch"), found.get("jax")
    if torch:
        torch.set_num_threads(1)
    model = next((line.partition(": ")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    print(f"CPU {model}; {libloss.config()}; NumPy {np.__version__}" + "".join(f"; {n} {m.__version__}" for n, m in found.items()))

    rng = np.random.default_rng(0)
    big = 1 << 20
    p, r = (rng.normal(size=big).astype(np.float32) * 3 for _ in range(2))
    t = (rng.random(big) < 0.5).astype(np.float32)
    g = np.empty_like(p)
    print(f"{'memory limit, read 2 write 1, 1 Mi f32':58} {best(lambda: np.add(p, r, out=g)) / big:9.3f} ns/el")

    def torch_run(f, a, b):
        x, y = torch.tensor(a, requires_grad=True), torch.tensor(b)

        def run():
            x.grad = None
            f(x, y).backward()

        return run

    def jax_run(f, a, b):
        step = jax.jit(jax.value_and_grad(f))
        x, y = jax.numpy.asarray(a), jax.numpy.asarray(b)
        return lambda: jax.block_until_ready(step(x, y))

    def row(title, per, ours, peers):
        mine = best(ours) / per
        others = {name: best(run) / per for name, run in peers.items()}
        line = f"{title:58} {mine:9.3f}" + "".join(f"  {name} {ns:.3f}" for name, ns in others.items())
        print(line + (f"  best peer/libloss {min(others.values()) / mine:.2f}" if others else ""))

    def compare(name, a, b, torch_f, jax_f, title, per):
        loss, out = libloss.Loss(name), np.empty_like(a)
        peers = {}
        if torch:
            peers["torch"] = torch_run(torch_f, a, b)
        if jax:
            peers["jax"] = jax_run(jax_f, a, b)
        row(title, per, lambda: loss.value_and_grad(a, b, out=out), peers)

    F = torch.nn.functional if torch else None
    jnp = jax.numpy if jax else None
    bce = lambda x, y: jnp.mean(jax.nn.softplus(x) - y * x)  # noqa: E731
    huber = lambda x, y: jnp.mean(jnp.where(abs(x - y) <= 1, (x - y) ** 2 / 2, abs(x - y) - 0.5))  # noqa: E731
    for n, unit in ((16, "ns per call"), (1 << 14, "ns/el"), (big, "ns/el")):
        per = 1 if n == 16 else n
        size = f"{n} f32, value + gradient, {unit}"
        compare("squared_error", p[:n].copy(), r[:n].copy(), F and F.mse_loss, lambda x, y: jnp.mean((x - y) ** 2), f"squared_error {size}", per)
        compare("huber", p[:n].copy(), r[:n].copy(), F and F.huber_loss, huber, f"huber {size}", per)
        compare("binary_cross_entropy_with_logits", p[:n].copy(), t[:n].copy(), F and F.binary_cross_entropy_with_logits, bce, f"bce_with_logits {size}", per)
    far = p.copy()
    far[:] = rng.uniform(-100, 100, big)
    compare("binary_cross_entropy_with_logits", far, t, F and F.binary_cross_entropy_with_logits, bce, "bce_with_logits 1 Mi, logits in +-100, ns/el", big)
    for n, classes in ((64, 10), (4096, 1000)):
        z, y = rng.normal(size=(n, classes)).astype(np.float32), rng.integers(0, classes, n)
        ce = lambda x, k: jnp.mean(jax.nn.logsumexp(x, axis=1) - jnp.take_along_axis(x, k[:, None], 1)[:, 0])  # noqa: E731
        compare("cross_entropy", z, y, F and F.cross_entropy, ce, f"cross_entropy {n} x {classes}, value + gradient, ns/el", n * classes)
    a, b = p[:16].copy(), r[:16].copy()
    row("Python call, huber, n = 16, value, ns", 1, lambda: libloss.huber(a, b), {"numpy mse": lambda: ((a - b) ** 2).mean()})


if __name__ == "__main__":
    main()
