"""The cffi module: C's own names, known to the compiler."""
from typing import Any

ffi: Any
lib: Any
