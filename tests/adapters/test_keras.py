"""libloss.keras on each backend, which Keras fixes when it is imported: hence a process for each."""

from __future__ import annotations

import os
import pathlib

import child
import pytest

CHECKS = pathlib.Path(__file__).with_name("keras_checks.py")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on(backend):
    done = child.python("-m", "pytest", "-q", "-p", "no:cacheprovider", CHECKS, env={**os.environ, "KERAS_BACKEND": backend})
    assert done.returncode == 0, done.stdout + done.stderr


def test_another_backend_is_named():
    code = """
import keras, libloss.keras
try:
    libloss.keras.Loss("huber")(keras.ops.ones(2), keras.ops.ones(2))
except ValueError as problem:
    print(problem)
"""
    done = child.python("-c", code, env={**os.environ, "KERAS_BACKEND": "numpy"})
    assert "this one is numpy: KERAS_BACKEND=jax" in done.stdout, done.stderr
