"""The main job on real data, as a story: what counts, what trains, and why. Seeded; whatever comes out is shown."""

from __future__ import annotations

import itertools
import math
import pathlib
import textwrap
import time
from typing import Any, NamedTuple

import numpy as np

import libloss
from libloss import metrics

Array = np.ndarray[Any, Any]


def say(text: str = "") -> None:
    """One line of the story."""
    print(text, flush=True)


def chapter(number: int, title: str) -> None:
    """A heading."""
    say(f"\n{number}. {title}\n" + "-" * (len(title) + 3))


# ---- a network small enough to read: dense layers with tanh between, and Adam ----


class Network:
    """Dense layers, tanh between them; trained by Adam (Kingma & Ba 2015)."""

    def __init__(self, random: np.random.Generator, *sizes: int, rate: float, momentum: float = 0.9) -> None:
        pairs = list(itertools.pairwise(sizes))
        self.weights = [random.normal(size=pair) / math.sqrt(pair[0]) for pair in pairs] + [np.zeros(n) for n in sizes[1:]]
        self.depth, self.rate, self.momentum, self.step = len(pairs), rate, momentum, 0
        self.mean, self.square = [np.zeros_like(w) for w in self.weights], [np.zeros_like(w) for w in self.weights]

    def __call__(self, x: Array) -> Array:
        self.inputs = []
        for k in range(self.depth):
            self.inputs.append(x)
            x = x @ self.weights[k] + self.weights[self.depth + k]
            if k < self.depth - 1:
                x = np.tanh(x)
        return x

    def backward(self, gradient: Array, *, learn: bool = True) -> Array:
        """From the gradient of the outputs to that of the inputs, stepping the weights on the way."""
        slopes: list[Array] = [np.empty(0)] * len(self.weights)
        for k in reversed(range(self.depth)):
            slopes[k], slopes[self.depth + k] = self.inputs[k].T @ gradient, gradient.sum(0)
            gradient = gradient @ self.weights[k].T
            if k:
                gradient = gradient * (1 - self.inputs[k] ** 2)
        if learn:
            self.step += 1
            for w, slope, mean, square in zip(self.weights, slopes, self.mean, self.square, strict=True):
                mean += (1 - self.momentum) * (slope - mean)
                square += 0.001 * (slope * slope - square)
                w -= self.rate * mean / (1 - self.momentum**self.step) / (np.sqrt(square / (1 - 0.999**self.step)) + 1e-8)
        return gradient


def sigmoid(z: Array) -> Array:
    """Probability of a logit."""
    return np.asarray(np.exp(-np.logaddexp(0, -z)))


# ---- the chapters ----


def counting(random: np.random.Generator) -> None:
    """100 pictures, a confusion table, and why a count has no gradient."""
    chapter(1, "Counting: 100 pictures of pandas and armadillos")
    panda = (np.arange(100) < 40).astype(int)
    logit = random.normal(np.where(panda == 1, 1.1, -1.4), 1.3)
    counts = metrics.Counts(threshold=0).add(prediction=logit, target=panda)
    (tn, fp), (fn, tp) = counts.matrix.astype(int)
    say("A model scores each picture; a score above 0 says panda. (A seeded toy model: 40 pandas, 60 armadillos.)\n")
    say("                      said panda   said armadillo")
    say(f"    is a panda        {tp:6} TP    {fn:6} FN")
    say(f"    is an armadillo   {fp:6} FP    {tn:6} TN\n")
    say(f"    accuracy    (TP + TN)/100   {counts.accuracy():.4f}")
    say(f"    precision   TP/(TP + FP)    {counts.precision():.4f}   of what was called a panda, the part that is one")
    say(f"    recall      TP/(TP + FN)    {counts.recall():.4f}   of the pandas, the part that was found")
    say(f"    F score     their harmonic mean {counts.f_beta():.4f}; F2, which weighs recall more, {counts.f_beta(beta=2):.4f}\n")
    closest = float(np.abs(logit).min())
    moved = metrics.f_beta(prediction=logit + closest / 2, target=panda, threshold=0)
    say(f"Move every score by {closest / 2:.4f} and F is {moved:.4f}: the same. Counting tells how good a model is, not which way to go:")
    try:
        metrics.Metric("f_beta", threshold=0).grad(prediction=logit, target=panda)
    except libloss.NotDifferentiableError as refusal:
        say(textwrap.fill(f"NotDifferentiableError: {refusal}", 116, initial_indent="    ", subsequent_indent="        "))


def two_pictures() -> None:
    """88 % and 3 %: the same two predictions under three losses."""
    chapter(2, "Measuring: 88 % and 3 %")
    p, t = np.array([0.88, 0.03]), np.array([1.0, 0.0])
    errors = libloss.absolute_error(p, t, reduction="none")
    say("A panda that the model calls a panda with 88 %, an armadillo that it calls a panda with 3 %.\n")
    say(f"    errors                 {errors[0]:.2f} and {errors[1]:.2f}")
    say(f"    mean absolute error    {libloss.absolute_error(p, t):.6f}")
    say(f"    mean squared error     {libloss.squared_error(p, t):.6f}")
    say(f"    binary cross-entropy   {libloss.binary_cross_entropy(p, t):.6f}   (-ln 0.88 - ln 0.97)/2")
    say("\nThese move whenever a prediction moves: they have a gradient.")
    value, slope = libloss.Loss("binary_cross_entropy").value_and_grad(p, t, reduction="sum")
    say(f"    cross-entropy, gradient by the two probabilities   {slope[0]:+.4f} {slope[1]:+.4f}   (sum {value:.4f})")


class Slopes(NamedTuple):
    logit: Array
    squared: Array
    entropy: Array


def extreme() -> Slopes:
    """The gradient by the logit: of squared error through a sigmoid, and of cross-entropy."""
    chapter(3, "Learning: the gradient at extreme probabilities")
    z = np.linspace(-12, 12, 481)
    one, p = np.ones_like(z), sigmoid(z)
    squared = libloss.Loss("squared_error").grad(p, one, reduction="sum") * p * (1 - p)
    entropy = libloss.Loss("binary_cross_entropy_with_logits").grad(z, one, reduction="sum")
    say("The answer is 1; the model says p = sigmoid(z). How hard does each loss push z?\n")
    say("        z            p    squared error    cross-entropy")
    for at in (-12, -6, -2, 0, 2, 6):
        k = int(np.argmin(abs(z - at)))
        say(f"    {z[k]:5.0f}   {p[k]:10.6f}   {squared[k]:14.2e}   {entropy[k]:14.2e}")
    say("\nWhere the model is surely wrong, squared error pushes least: its slope is flat there. Cross-entropy pushes with p - 1.")
    return Slopes(z, squared, entropy)


class Curves(NamedTuple):
    epochs: int
    accuracy: dict[str, list[float]]


def classify() -> Curves:
    """Handwritten digits (scikit-learn's, in its wheel), the same network trained with two losses."""
    from sklearn.datasets import load_digits

    chapter(4, "Training: 1797 handwritten digits")
    pixels, digit = load_digits(return_X_y=True)
    x, t = pixels / 16.0, digit.astype(np.int64)
    order = np.random.default_rng(4).permutation(len(x))
    train, test = order[:1300], order[1300:]
    entropy, squared = libloss.Loss("cross_entropy"), libloss.Loss("squared_error")
    epochs, batch, rates = 30, 50, (0.01, 0.03, 0.1, 0.3, 1.0)
    say(f"64 pixels, 32 hidden units, 10 classes, plain gradient descent, {epochs} epochs; the same start. Each loss gets the best of the")
    say(f"learning rates {', '.join(f'{r:g}' for r in rates)}, chosen by accuracy on the training set. Start: every class sure of something, mostly wrong.\n")

    def run(name: str, rate: float) -> tuple[float, list[float], metrics.Counts]:
        random = np.random.default_rng(11)
        w = [random.normal(size=(64, 32)) / 8, random.normal(size=(32, 10)) * 3, np.zeros(32), np.zeros(10)]
        curve: list[float] = []

        def logits(rows: Array) -> tuple[Array, Array]:
            hidden = np.tanh(x[rows] @ w[0] + w[2])
            return hidden, hidden @ w[1] + w[3]

        for _ in range(epochs):
            curve.append(metrics.accuracy(prediction=logits(test)[1], target=t[test]))
            shuffled = random.permutation(train)
            for rows in np.split(shuffled, range(batch, len(shuffled), batch)):
                hidden, z = logits(rows)
                if name == "cross-entropy":
                    gradient = entropy.grad(z, t[rows])
                else:  # through the softmax by hand: its probabilities against a row of 0 and 1
                    p = np.exp(z - z.max(1, keepdims=True))
                    p /= p.sum(1, keepdims=True)
                    slope = squared.grad(p, np.eye(10)[t[rows]], divisor=len(rows))
                    gradient = p * (slope - (slope * p).sum(1, keepdims=True))
                back = gradient @ w[1].T * (1 - hidden**2)
                for k, step in enumerate((x[rows].T @ back, hidden.T @ gradient, back.sum(0), gradient.sum(0))):
                    w[k] = w[k] - rate * step
        curve.append(metrics.accuracy(prediction=logits(test)[1], target=t[test]))
        seen = metrics.accuracy(prediction=logits(train)[1], target=t[train])
        return seen, curve, metrics.Counts(10).add(prediction=logits(test)[1], target=t[test])

    accuracy = {}
    say("                     rate   epochs to 90 %   test accuracy   macro precision   macro recall   macro F")
    for name in ("squared error", "cross-entropy"):
        (_, curve, counts), rate = max(((run(name, rate), rate) for rate in rates), key=lambda r: r[0][0])
        accuracy[name] = curve
        until = next((str(k) for k, a in enumerate(curve) if a >= 0.9), "never")
        say(f"    {name:15} {rate:5g} {until:>16} {counts.accuracy():15.4f} {counts.precision(average='macro'):17.4f}"
            f" {counts.recall(average='macro'):14.4f} {counts.f_beta(average='macro'):9.4f}")
    return Curves(epochs, accuracy)


class Samples(NamedTuple):
    real: Array
    fake: dict[str, Array]
    push: dict[str, list[float]]


def adversaries() -> Samples:
    """Eight clouds on a ring, drawn by a generator against a discriminator, with both generator losses."""
    chapter(5, "Two players: a small GAN on 2-D data")
    steps, batch, ahead = 2000, 128, 200
    say(f"Eight clouds on a ring. {steps} steps of a generator (2-32-32-2) against a discriminator (2-64-64-1); only the generator's")
    say("loss differs. Discriminator: softplus(-d) on real, softplus(d) on fake pictures. The first push: the norm of the generator's")
    say(f"gradient by d at its step 1, after the discriminator has had {ahead} steps alone.\n")
    angle = np.arange(8) * (math.pi / 4)
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], 1)

    def real(random: np.random.Generator, n: int) -> Array:
        return centres[random.integers(0, 8, n)] + 0.12 * random.normal(size=(n, 2))

    fake: dict[str, Array] = {}
    push: dict[str, list[float]] = {}
    say("                       first push   clouds reached   samples near a cloud")
    for name in ("gan_minimax", "gan_non_saturating"):
        random = np.random.default_rng(5)
        generator = Network(random, 2, 32, 32, 2, rate=1e-3, momentum=0.5)
        discriminator = Network(random, 2, 64, 64, 1, rate=2e-3, momentum=0.5)
        play = {player: libloss.Loss(name, player=player) for player in ("discriminator", "generator")}
        label = np.concatenate([np.ones(batch), np.zeros(batch)])
        push[name] = []
        for step in range(steps + ahead):
            made = generator(random.normal(size=(batch, 2)))
            seen = discriminator(np.concatenate([real(random, batch), made]))
            discriminator.backward(play["discriminator"].grad(seen[:, 0], label)[:, None])
            if step < ahead:
                continue
            verdict = discriminator(made)
            slope = play["generator"].grad(verdict[:, 0], np.zeros(batch))
            push[name].append(float(np.linalg.norm(slope)))
            generator.backward(discriminator.backward(slope[:, None], learn=False))
        drawn = fake[name] = generator(random.normal(size=(1000, 2)))
        distance = np.linalg.norm(drawn[:, None] - centres, axis=2)
        near = distance.min(1) < 0.4
        reached = np.count_nonzero(np.bincount(distance.argmin(1)[near], minlength=8) >= 10)
        say(f"    {name:18} {push[name][0]:10.2e} {reached:14} of 8 {near.mean():20.1%}")
    ratio = push["gan_non_saturating"][0] / push["gan_minimax"][0]
    say(f"\nAgainst a discriminator that is ahead, the minimax generator starts with a push {ratio:.0f} times smaller: its loss is flat where")
    say("the discriminator is sure. That is why people train with the other one. What each reached in the end is above.")
    return Samples(real(np.random.default_rng(6), 1000), fake, push)


class Learned(NamedTuple):
    x: Array
    y: dict[str, Array]
    line: dict[str, dict[str, Array]]  # by data, then by fit: intercept and slope
    alpha: dict[str, list[float]]
    loss: dict[str, libloss.Loss]


ANGLE = (np.arange(1200) + 0.5) * (math.pi / 1200) - math.pi / 2
LINE, STRIP = np.tan(ANGLE), (1 + np.tan(ANGLE) ** 2) * (math.pi / len(ANGLE))  # all real numbers, and how much of them each stands for


def log_partition(alpha: float) -> tuple[float, float]:
    """ln of the integral of exp(-loss) over all residuals at scale 1, and its derivative by alpha."""
    loss = libloss.Loss("adaptive_robust", alpha=alpha)
    share = np.exp(-loss(LINE, 0.0, reduction="none")) * STRIP
    return math.log(share.sum()), -float(loss.grad(LINE, 0.0, wrt="alpha", reduction="none", upstream=share)) / float(share.sum())


def learn_line(x: Array, y: Array, steps: int) -> tuple[Array, libloss.Loss, list[float]]:
    """A line, and alpha and scale of its loss, by the likelihood of all of them together; and alpha on the way."""
    rows = np.stack([np.ones_like(x), x], 1)
    free = np.concatenate([np.linalg.lstsq(rows, y, rcond=None)[0], [0.0, 0.0]])  # line; alpha = 2 sigmoid(.), scale = exp(.)
    mean, square, way = np.zeros(4), np.zeros(4), []
    for step in range(1, steps + 1):
        half, scale = 1 / (1 + math.exp(-free[2])), math.exp(free[3])
        loss = libloss.Loss("adaptive_robust", alpha=2 * half, scale=scale)
        way.append(2 * half)
        by_prediction, by_alpha, by_scale = loss.grad(rows @ free[:2], y, wrt=("prediction", "alpha", "scale"))
        by_alpha += log_partition(2 * half)[1]
        slope = np.array([*(rows.T @ by_prediction), by_alpha * 2 * half * (1 - half), by_scale * scale + 1])
        mean += 0.1 * (slope - mean)
        square += 0.01 * (slope * slope - square)
        free -= 0.03 * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-12)
    return free[:2], loss, way


def learning_the_loss() -> Learned:
    """A line through data with outliers and without, whose loss learns its own shape and scale."""
    chapter(6, "Learning the loss: how much to trust an outlier")
    random, n, steps, truth = np.random.default_rng(7), 400, 600, np.array([-0.3, 0.8])
    x = random.uniform(-2, 2, n)
    clean = truth[0] + truth[1] * x + 0.25 * random.normal(size=n)
    far = (random.random(n) < 0.3) & (x > 0)
    y = {"clean": clean, "with outliers": np.where(far, clean - random.uniform(2, 8, n), clean)}
    say(f"A line, y = {truth[0]} + {truth[1]} x, with noise of 0.25; in a second set {far.sum()} of {n} targets are far too low, all of them where x > 0.")
    say("The adaptive robust loss has a shape, alpha (2: squared error; 1: smooth absolute error; 0: outliers hardly count), and a scale. Both")
    say("are learned together with the line: one call gives the gradient by the predictions and by the loss's own parameters. The loss alone")
    say("would only learn to forgive everything, so what is minimised is a negative log-likelihood: the loss + ln scale + ln Z(alpha), where Z,")
    say("the integral of exp(-loss), is taken numerically; it is finite from alpha = 0 on, so alpha = 2 sigmoid(free), scale = exp(free).\n")
    line: dict[str, dict[str, Array]] = {}
    alpha: dict[str, list[float]] = {}
    learned: dict[str, libloss.Loss] = {}
    say("                      alpha    scale    intercept, slope: least squares   learned          error of the line at x = 2")
    for name, target in y.items():
        squares = np.linalg.lstsq(np.stack([np.ones_like(x), x], 1), target, rcond=None)[0]
        fit, learned[name], alpha[name] = learn_line(x, target, steps)
        line[name] = {"least squares": squares, "learned": fit}
        error = [abs(float((w - truth) @ (1, 2))) for w in (squares, fit)]
        own = learned[name].parameters
        say(f"    {name:15} {own['alpha']:7.3f} {own['scale']:8.3f} {squares[0]:20.3f} {squares[1]:6.3f} {fit[0]:14.3f} {fit[1]:6.3f}"
            f" {error[0]:12.3f} and {error[1]:.3f}")
    say("\nOn clean data the loss stays near squared error; with outliers it finds out by itself not to listen to them.")
    return Learned(x, y, line, alpha, learned)


# ---- the picture ----

BLUE, ORANGE, GREY, INK = "#2b6cb0", "#dd6b20", "#a0aec0", "#1a202c"


def draw(slopes: Slopes, curves: Curves, samples: Samples, learned: Learned, file: pathlib.Path) -> None:
    """One page, nine panels."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    mpl.rcParams.update({"font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.spines.top": False,
                         "axes.spines.right": False, "axes.edgecolor": GREY, "text.color": INK, "axes.labelcolor": INK, "legend.frameon": False,
                         "figure.constrained_layout.h_pad": 0.12, "figure.constrained_layout.w_pad": 0.12})
    figure, axes = pyplot.subplots(3, 3, figsize=(15, 13.5), constrained_layout=True)
    p = np.linspace(0.0005, 1, 400)
    one = np.ones_like(p)
    a = axes[0, 0]
    for name, label, colour in (("absolute_error", "absolute error", GREY), ("squared_error", "squared error", ORANGE),
                                ("binary_cross_entropy", "cross-entropy", BLUE)):
        a.plot(p, getattr(libloss, name)(p, one, reduction="none"), color=colour, lw=2, label=label)
    a.plot([0.88], [libloss.binary_cross_entropy([0.88], [1.0])], "o", color=INK, ms=5)
    a.annotate("the panda at 88 %", (0.88, 0.13), (0.5, 1.15), arrowprops={"arrowstyle": "-", "color": GREY})
    a.set(title="What a wrong answer costs (truth: 1)", xlabel="predicted probability", ylabel="loss", ylim=(0, 5), xlim=(0, 1.02))
    a.legend()
    a = axes[0, 1]
    a.plot(slopes.logit, abs(slopes.squared), color=ORANGE, lw=2, label="squared error through a sigmoid")
    a.plot(slopes.logit, abs(slopes.entropy), color=BLUE, lw=2, label="cross-entropy")
    a.axvspan(-12, -4, color=GREY, alpha=0.15, lw=0)
    a.text(-11.6, 5, "surely wrong")
    a.set(title="How hard the loss pushes (truth: 1)", xlabel="logit z, p = sigmoid(z)", ylabel="|gradient by z|", yscale="log", ylim=(1e-5, 60),
          xlim=(-12, 12))
    a.legend(loc="upper right")
    a = axes[0, 2]
    for name, colour in (("squared error", ORANGE), ("cross-entropy", BLUE)):
        curve = curves.accuracy[name]
        a.plot(range(len(curve)), curve, color=colour, lw=2, label=f"{name}: {curve[-1]:.1%} at the end")
    a.set(title="The same network learns digits", xlabel="epoch", ylabel="accuracy on the test set", ylim=(0, 1), xlim=(0, curves.epochs))
    a.legend(loc="lower right")
    for a, (name, title) in zip(axes[1], (("gan_minimax", "GAN, minimax generator"), ("gan_non_saturating", "GAN, non-saturating generator")), strict=False):
        a.plot(*samples.real.T, ".", color=GREY, ms=2.5, alpha=0.6, label="real")
        a.plot(*samples.fake[name].T, ".", color=ORANGE if name == "gan_minimax" else BLUE, ms=3.5, alpha=0.6, label="generated")
        a.set(title=title, xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        a.legend(loc="center", markerscale=3)
    a = axes[1, 2]
    for name, colour, label in (("gan_minimax", ORANGE, "minimax"), ("gan_non_saturating", BLUE, "non-saturating")):
        a.plot(range(1, len(samples.push[name]) + 1), samples.push[name], color=colour, lw=1.2, label=label)
    a.set(title="How hard the generator is pushed", xlabel="step of the generator", ylabel="norm of its gradient by the verdict", yscale="log", xscale="log")
    a.legend()
    a, ends = axes[2, 0], np.array([-2.0, 2.0])
    a.plot(learned.x, learned.y["with outliers"], ".", color=GREY, ms=4, alpha=0.7)
    for name, colour in (("least squares", ORANGE), ("learned", BLUE)):
        intercept, slope = learned.line["with outliers"][name]
        a.plot(ends, intercept + slope * ends, color=colour, lw=2, label=f"{name} loss" if name == "learned" else name)
    a.plot(ends, -0.3 + 0.8 * ends, color=INK, lw=1, ls=":", label="the truth")
    a.set(title="A line through data with outliers", xlabel="x", ylabel="y", xlim=(-2, 2))
    a.legend(loc="lower left")
    for a, title in ((axes[2, 1], "What the loss has learned"), (axes[2, 2], "Its shape while it learns")):
        a.set(title=title)
    r = np.linspace(-4, 4, 401)
    for name, colour, beside in (("clean", ORANGE, (1.3, 10.5)), ("with outliers", BLUE, (1.3, 2.2))):
        own = learned.loss[name]
        axes[2, 1].plot(r, own(r, 0.0, reduction="none"), color=colour, lw=2)
        axes[2, 1].text(*beside, f"{name}:\nalpha {own.parameters['alpha']:.2f}", color=colour, va="center")
        axes[2, 2].plot(range(1, len(learned.alpha[name]) + 1), learned.alpha[name], color=colour, lw=2, label=name)
    axes[2, 1].set(xlabel="residual", ylabel="loss", ylim=(0, 12), xlim=(-4, 4))
    axes[2, 2].set(xlabel="step", ylabel="alpha", ylim=(-0.05, 2.05))
    axes[2, 2].legend(loc="center right")
    figure.suptitle("What counts, what trains, and why", x=0.01, ha="left", fontsize=16, fontweight="bold")
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def main(folder: str = ".") -> None:
    """All chapters on the terminal, and losses.png in the folder."""
    missing = []
    for module, package in (("matplotlib", "matplotlib"), ("sklearn", "scikit-learn")):
        try:
            __import__(module)
        except ImportError:
            missing.append(package)
    if missing:
        raise libloss.Error(f"the demo needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    start = time.perf_counter()
    file = pathlib.Path(folder) / "losses.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    counting(np.random.default_rng(100))
    two_pictures()
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    with threadpool_limits(1):  # the matrices are small: BLAS threads would wait for each other, for minutes on a busy machine
        draw(extreme(), classify(), adversaries(), learning_the_loss(), file)
    say(f"\nThe picture: {file}   ({time.perf_counter() - start:.0f} s)")
