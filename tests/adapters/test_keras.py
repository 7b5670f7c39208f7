"""libloss.keras on each backend, which Keras fixes when it is imported: hence a process for each."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

CHECKS = pathlib.Path(__file__).with_name("keras_checks.py")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on(backend):
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CHECKS], capture_output=True, text=True, check=False,
                          env={**os.environ, "KERAS_BACKEND": backend})
    assert done.returncode == 0, done.stdout + done.stderr


def test_another_backend_is_named():
    code = """
import keras, libloss.keras
try:
    libloss.keras.Loss("huber")(keras.ops.ones(2), keras.ops.ones(2))
except ValueError as problem:
    print(problem)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "KERAS_BACKEND": "numpy"})
    assert "this one is numpy: KERAS_BACKEND=jax" in done.stdout
