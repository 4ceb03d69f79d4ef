// SPDX-License-Identifier: Apache-2.0
#include "core/base/failure.h"

namespace deltascope {

Error toError(const kernels::Failure& failure) {
  using Kind = kernels::Failure::Kind;
  ErrorCode code = ErrorCode::Internal;
  switch (failure.kind) {
    case Kind::OutOfMemory:
      code = ErrorCode::OutOfMemory;
      break;
    case Kind::Device:
      code = ErrorCode::Io;
      break;
    case Kind::Unsupported:
      code = ErrorCode::Unsupported;
      break;
    case Kind::Data:
      code = ErrorCode::Corrupt;
      break;
  }
  return {code, failure.message, failure.hint};
}

}  // namespace deltascope
