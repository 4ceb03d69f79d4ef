// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The sparse codec: positions and values of changed elements under a prefix code chosen by the base value's exponent.
///
/// How often an element changed, and by how many steps, depends on how large a step is: on the exponent of its base value. So
/// each tile of 4,096 elements is read in the order of 16 exponent classes, each with its own code; within a class, in the
/// order of the tensor.
///
/// Class of an element: clamp(top − exponent, 0, 15), `exponent` the base value's exponent field (0…255, or 0…31 for F16).
/// x = ordered(final) − ordered(base value) modulo 2^16 or 2^32 (see ordered.h).
///
/// ### Model (little-endian)
///     u8 version = 1 · u8 type (0 BF16, 1 F16, 2 F32) · u8 top · u8 zero · u32 bytes of the frame
///     16 × u8 k of class 0…15, at most 10
///     zstd frame of 16 × S code lengths, 0…10, class by class; S = 258 for 16-bit types, 514 for F32
/// Symbols of a class, with unit u = 2^k elements; their raw bits follow the codeword, those of the gap first:
///     0                       SKIP: the next 4u elements of the class are unchanged
///     1                       ESCAPE, then k+2 bits gap and 16 or 32 bits x
///     2 + (2t + s)·B + b      a change after gap = t·u + (k bits) unchanged elements; x = ± magnitude, minus if s = 1;
///                             B = 32 or 64 buckets: b = 0 is 1; b = 2e − 1 + h is (2 + h)·2^(e−1) + (e − 1 bits), e ≥ 1
/// SKIP and ESCAPE have a length in every class. A class's lengths form a complete prefix code. Codewords are those of the
/// canonical code (ascending length, then symbol; first bit = most significant), with every bit flipped that is 1 at its place
/// in SKIP's codeword: SKIP is all zeros.
///
/// ### Chunk (little-endian)
/// Empty: nothing changed. Else
///     u16 least · u8 width (0…15) · u8 zero
///     for each tile `width` bits: its size in bytes − least; first bit = least significant; padded to a byte
///     the tiles back to back, each a whole number of bytes; zero padding to 16
/// A tile as large as its elements is those elements. Any other is a bit stream, first bit = least significant of the first
/// byte: for class 15 down to 0, symbols until the elements of the class are used up (a SKIP may point past the last). Fields
/// of raw bits are stored least significant bit first. Past its end a tile reads as zeros, so SKIPs at its end cost nothing,
/// and a tile without changes has no bytes.
#include "core/codec/codec.h"
