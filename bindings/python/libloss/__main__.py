"""``python -m libloss``."""

from ._cli import main

raise SystemExit(main())
