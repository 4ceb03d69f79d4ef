# SPDX-License-Identifier: Apache-2.0
"""XXH3 of `bytes i*167+13 (mod 256)`, computed by the real library (python-xxhash 4.1), at the lengths where its code paths change."""
import json
import pathlib

import xxhash

LENGTHS = [0, 1, 2, 3, 4, 5, 8, 9, 12, 16, 17, 32, 33, 64, 65, 96, 97, 128, 129, 160, 200, 240, 241, 255, 256, 257, 511, 512, 1023, 1024,
           1025, 2048, 4096, 10007, 65536, 100003]
rows = []
for n in LENGTHS:
    data = bytes((i * 167 + 13) % 256 for i in range(n))
    rows.append({"length": n, "xxh3_64": xxhash.xxh3_64_hexdigest(data), "xxh3_128": xxhash.xxh3_128_hexdigest(data)})
(pathlib.Path(__file__).parent / "hashes.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
