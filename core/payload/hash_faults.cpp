// SPDX-License-Identifier: Apache-2.0
#include "core/payload/hash_faults.h"

namespace deltascope {

Error wrongBaseHash(const Location& where, const Hash128& base, const Hash128& madeOver) {
  return {ErrorCode::Mismatch,
          at(where, "the base has the hash " + toHex(base) + ", the payload was made over " + toHex(madeOver)),
          "this is another base, or it was changed since"};
}

std::string wrongFinalHash(const Hash128& made, const Hash128& stored) {
  return "the reconstruction has the hash " + toHex(made) + ", the payload says " + toHex(stored);
}

Error wrongFinalHash(ErrorCode code, const Location& where, const Hash128& made, const Hash128& stored) {
  return {code, at(where, wrongFinalHash(made, stored)), "the payload is damaged; make it again"};
}

}  // namespace deltascope
