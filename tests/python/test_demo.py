"""The demo: its numbers against numbers worked out here, and that there is a picture."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new"
    done = subprocess.run([sys.executable, "-m", "libloss", "demo", folder], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout, folder / "losses.png"


def number(text: str, label: str) -> float:
    return float(re.search(re.escape(label) + r"[^\d\n]*([\d.]+)", text).group(1))


def test_counts_are_consistent(story):
    text, _ = story
    tp, fn, fp, tn = (int(re.search(rf"(\d+) {name}", text).group(1)) for name in ("TP", "FN", "FP", "TN"))
    assert tp + fn == 40 and fp + tn == 60
    assert number(text, "(TP + TN)/100") == round((tp + tn) / 100, 4)
    assert number(text, "TP/(TP + FP)") == round(tp / (tp + fp), 4)
    assert number(text, "TP/(TP + FN)") == round(tp / (tp + fn), 4)
    assert number(text, "harmonic mean") == round(2 * tp / (2 * tp + fp + fn), 4)
    assert "NotDifferentiableError: f_beta is a metric: it counts" in text


def test_two_pictures(story):
    text, _ = story
    assert "0.12 and 0.03" in text
    assert number(text, "mean absolute error") == 0.075
    assert number(text, "mean squared error") == 0.00765
    assert number(text, "binary cross-entropy") == round((-math.log(0.88) - math.log(0.97)) / 2, 6)


def test_slopes(story):
    text, _ = story
    for z in (-12, -6, -2, 0, 2, 6):
        row = re.search(rf"^ +{z} +(\S+) +(\S+) +(\S+)$", text, re.M).groups()
        p = 1 / (1 + math.exp(-z))
        np.testing.assert_allclose([float(x) for x in row], [p, 2 * (p - 1) * p * (1 - p), p - 1], rtol=5e-3, atol=1e-6)


def test_learned_loss(story):
    """Squared error where the noise is normal, hardly any trust where outliers are; and the integral that keeps it honest."""
    text, _ = story
    row = {name: [float(x) for x in re.search(rf"^ +{name} +([\d.]+) +([\d.]+) .* ([\d.]+) and ([\d.]+)$", text, re.M).groups()]
           for name in ("clean", "with outliers")}
    assert row["clean"][0] > 1.5 and row["with outliers"][0] < 0.5
    assert row["with outliers"][2] > 1 > 0.1 > row["with outliers"][3] and abs(row["clean"][2] - row["clean"][3]) < 0.05
    from libloss._demo import log_partition

    known = {1e-9: math.pi * math.sqrt(2), 1.0: 2 * math.e * 0.6019072301972346, 2 - 1e-12: math.sqrt(2 * math.pi)}  # K_1(1)
    for alpha, z in known.items():
        assert log_partition(alpha)[0] == pytest.approx(math.log(z), abs=1e-6)
    slope = (log_partition(1.3 + 1e-5)[0] - log_partition(1.3 - 1e-5)[0]) / 2e-5
    assert log_partition(1.3)[1] == pytest.approx(slope, rel=1e-6)


def test_picture(story):
    from matplotlib import image

    picture = image.imread(story[1])
    assert picture.shape[0] > 800 and picture.shape[1] > 1200 and picture[..., :3].std() > 0.1
