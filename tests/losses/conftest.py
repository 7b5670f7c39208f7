"""Puts the oracle's folder on the path; every test here talks to libloss.so through it."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
