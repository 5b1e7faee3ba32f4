"""Makes rows.bin from ggml's own quantisers: see README.md.

    python3 make.py LIBGGML_BASE.so > rows.bin
"""
import ctypes
import random
import struct
import sys

ROWS, N = 3, 512
# ggml's number of the type, values of a block, bytes of a block: in the order of src/formats/list.h
TYPES = ((2, 32, 18), (3, 32, 20), (6, 32, 22), (7, 32, 24), (10, 256, 84), (11, 256, 110), (12, 256, 144), (13, 256, 176), (14, 256, 210))

draw = random.Random(4)
importance = [draw.random() ** 4 * 2 ** draw.uniform(-6, 6) for _ in range(N)]
importance[64:96] = [0] * 32                            # a unit that does not matter, and one that matters alike
importance[128:160] = [1] * 32
rows = [[draw.gauss(0, 0.02) for _ in range(N)] for _ in range(ROWS)]
rows[1][32:64] = [0] * 32                               # a unit of zeros, one of one value, and outliers
rows[1][96:128] = [0.015625] * 32
for k in range(5, N, 67):
    rows[1][k] *= 30
rows[2] = [abs(x) + 0.01 for x in rows[2]]              # no value below zero

ggml = ctypes.CDLL(sys.argv[1])
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
weights, values = (ctypes.c_float * N)(*importance), (ctypes.c_float * (ROWS * N))(*(x for row in rows for x in row))
out = sys.stdout.buffer
out.write(struct.pack(f"<{N}f", *weights))
out.write(struct.pack(f"<{ROWS * N}f", *values))
for number, block_values, block_bytes in TYPES:
    blocks = ctypes.create_string_buffer(ROWS * N // block_values * block_bytes)
    assert ggml.ggml_quantize_chunk(number, values, blocks, 0, ROWS, N, weights) == len(blocks)
    out.write(blocks.raw)
