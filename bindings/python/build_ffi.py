"""Writes the C source of the cffi module. cffi reads libloss.h itself, between its two marks, so nothing can drift."""

import pathlib
import re
import sys

import cffi

header, out = sys.argv[1:]
between = re.search(r"/\* cffi reads from here \*/(.*)/\* cffi reads to here \*/", pathlib.Path(header).read_text(), re.S)
assert between, "the marks in libloss.h are gone"
shim = (pathlib.Path(__file__).parent / "shim.h").read_text()
declared = re.search(r"/\* declared \*/(.*)/\* defined \*/", shim, re.S)
assert declared
ffi = cffi.FFI()
ffi.cdef(between.group(1))
ffi.cdef(declared.group(1).replace("static ", ""))
ffi.cdef("""
extern "Python" int32_t libloss_py_poll(void *context);
extern "Python" int32_t libloss_py_tile(void *self, libloss_tile *tile);
""")
ffi.set_source("libloss._libloss", '#include "libloss.h"\n#include "shim.h"\n')
ffi.emit_c_code(out)
