// SPDX-License-Identifier: Apache-2.0
#include "core/codec/codecs.h"

namespace deltascope {

const DeltaCodec& codec(CodecId id) {
  switch (id) {
    case CodecId::Identical:
      return identicalCodec();
    case CodecId::Raw:
      return rawCodec();
    case CodecId::Sparse:
      return sparseCodec();
    case CodecId::Entropy:
      return entropyCodec();
    case CodecId::Bitpack:
      return bitpackCodec();
    case CodecId::Zstd:
      return zstdCodec();
    case CodecId::LowRank:
      return lowRankCodec();
    case CodecId::Additive:
      return additiveCodec();
  }
  return rawCodec();
}

}  // namespace deltascope
