"""bench.png: ns per element over size for three losses, cross-entropy, and data without cliffs."""

from __future__ import annotations

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from race import PEERS, Row

COLOURS = {"libloss": "#c0392b", "torch": "#e67e22", "torch.compile": "#f1b04c", "jax": "#2980b9", "sklearn": "#27ae60", "numpy": "#8e44ad", "limit": "#555555"}
LABELS = {"sklearn": "scikit-learn", "torch": "PyTorch", "torch.compile": "torch.compile", "jax": "JAX (jit)", "numpy": "NumPy", "limit": "memory limit"}


def sizes(axis, rows: list[Row], loss: str) -> None:
    mine = [r for r in rows if r.section == "sizes" and r.work.startswith(f"{loss} ")]
    n = {id(r): int(r.work.split()[-1]) for r in mine}
    for name in ("libloss", *PEERS):
        points = [(n[id(r)], r.times[name][0]) for r in mine if name in r.times]
        if points:
            axis.loglog(*zip(*points, strict=True), "o-", color=COLOURS[name], label=LABELS.get(name, name), linewidth=2.5 if name == "libloss" else 1.2,
                        markersize=4, zorder=5 if name == "libloss" else 2)
    points = [(n[id(r)], r.limit[0]) for r in mine if r.limit]
    axis.loglog(*zip(*points, strict=True), "--", color=COLOURS["limit"], label=LABELS["limit"])
    axis.set_title(f"{loss}\nvalue + gradient, f32", fontsize=10)
    axis.set_xlabel("elements")
    axis.set_ylabel("ns per element")
    axis.grid(alpha=0.3)


def bars(axis, groups: list[tuple[str, dict[str, float]]], names: list[str], title: str, ylabel: str) -> None:
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        places = [(i + (k - len(names) / 2 + 0.5) * width, times[name]) for i, (_, times) in enumerate(groups) if name in times]
        if places:
            axis.bar(*zip(*places, strict=True), width, color=COLOURS.get(name, plt.cm.tab10(k)), label=LABELS.get(name, name))
    axis.set_yscale("log")
    axis.set_xticks(range(len(groups)), [title for title, _ in groups], fontsize=8)
    axis.set_title(title, fontsize=10)
    axis.set_ylabel(ylabel)
    axis.grid(axis="y", alpha=0.3)


def draw(rows: list[Row], environment: dict[str, str], file: pathlib.Path) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(16, 9.5))
    for axis, loss in zip(axes[0], ("squared_error", "huber", "binary_cross_entropy_with_logits"), strict=True):
        sizes(axis, rows, loss)
    axes[0][0].legend(fontsize=8)

    groups = []
    for r in (r for r in rows if r.section == "rows"):
        shape = r.work.partition(" ")[2]
        count, _, classes = shape.partition(" x ")
        per = int(count) * int(classes) if r.unit == "ns/call" else 1
        groups.append((shape, {**{name: t[0] / per for name, t in r.times.items()}, **({"limit": r.limit[0] / per} if r.limit else {})}))
    bars(axes[1][0], groups, ["libloss", *PEERS, "limit"], "cross_entropy, value + gradient, f32, from Python", "ns per element")
    axes[1][0].legend(fontsize=7, ncols=3)
    axes[1][0].set_ylim(top=axes[1][0].get_ylim()[1] * 3)

    short = {"binary_cross_entropy_with_logits": "bce_with_logits"}
    cliffs = [(short.get(r.work, r.work), {name: t[0] for name, t in r.times.items()}) for r in rows if r.section == "cliffs"]
    bars(axes[1][1], cliffs, list(cliffs[0][1]), "no cliffs: one loss on awkward data (64 Ki f32)", "ns per element")
    for label in axes[1][1].get_xticklabels():
        label.set(rotation=25, ha="right")
    axes[1][1].legend(fontsize=7, ncols=3, loc="upper left")
    axes[1][1].set_ylim(top=axes[1][1].get_ylim()[1] * 2.5)

    scaling = [r for r in rows if r.section == "threads"]
    axes[1][2].barh([" ".join(short.get(w, w) for w in r.work.split()) for r in scaling],
                    [r.times["libloss"][0] / r.times["libloss, 2 threads"][0] for r in scaling], color=COLOURS["libloss"])
    axes[1][2].axvline(1, color="black", linewidth=0.8)
    axes[1][2].axvline(2, color="black", linewidth=0.8, linestyle=":")
    axes[1][2].set_title("two threads: times as fast as one", fontsize=10)
    axes[1][2].invert_yaxis()

    peers = f"PyTorch {environment['torch']}, JAX {environment['jax']}, scikit-learn {environment['sklearn']}, NumPy {environment['numpy']}"
    figure.suptitle(f"{environment['cpu']}, one core, least of interleaved repeats (load {environment['load']})\n"
                    f"libloss {environment['libloss']}; {peers}", fontsize=10)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
