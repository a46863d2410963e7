#!/usr/bin/env python3
"""stead-init needs no shared library and no interpreter, and stays small; stead is static too."""

import pathlib
import struct

from gate import Gate, skip

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK = 1, 2, 3, 0x6474E551
PAGE = 4096
# The goal is 130 kB with every unit feature; until it is reached this keeps the file from growing.
LIMIT = 150_000


def program_headers(data):
    """[(type, flags, address, bytes in the file)] of a 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("is no 64-bit little-endian ELF file")
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(count)]
    return [(kind, flags, address, held) for kind, flags, _, address, _, held in headers]


def check(gate, path, limit):
    data = path.read_bytes()
    try:
        headers = program_headers(data)
    except (ValueError, struct.error) as error:
        gate.complain(path, 0, str(error))
        return
    kinds = {kind for kind, *_ in headers}
    if PT_INTERP in kinds:
        gate.complain(path, 0, "asks for a dynamic loader; link it with -static")
    if PT_DYNAMIC in kinds:
        gate.complain(path, 0, "has a dynamic section; link it with -static -no-pie")
    for kind, flags, address, held in headers:
        if kind == PT_LOAD and flags & 3 == 3:
            gate.complain(path, 0, "has a segment that is writable and executable")
        if kind == PT_LOAD and held == 0 and address % PAGE:
            gate.complain(path, 0, "has an empty segment within a page, which kernels before 6.6 refuse to execute")
        if kind == PT_GNU_STACK and flags & 1:
            gate.complain(path, 0, "asks for an executable stack")
    print(f"{path.name}: {len(data)} bytes")
    if limit and len(data) > limit:
        gate.complain(path, 0, f"is {len(data)} bytes, more than {limit}; see the map file for what came in")


def main():
    gate = Gate(__doc__, bin="the folder of the programs", libc="the C library of stead-init",
                sanitized="1 if sanitizers are linked in, which exist only as shared libraries")
    if gate.options.sanitized:
        skip("sanitizers are linked in, they exist only as shared libraries")
    folder = pathlib.Path(gate.options.bin)
    init, command = folder / "stead-init", folder / "stead"
    programs = [path for path in (init, command) if path.exists()]
    if init not in programs:
        gate.complain(init, 0, "is not built; build the target stead-init")
    for path in programs:
        check(gate, path, LIMIT if path == init and gate.options.libc == "musl" else None)
    gate.finish(len(programs), "programs")


main()
