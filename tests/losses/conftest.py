"""Puts the oracle's folder on the path; every test here talks to libloss.so through it."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
os.environ.setdefault("LIBLOSS_STALLS", "1")  # so that loops for subnormal numbers are tested on every machine
