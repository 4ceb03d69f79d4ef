// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Errors are values: every call that can fail returns Result<T>.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace deltascope {

enum class ErrorCode {
  InvalidArgument,  ///< the request itself makes no sense
  NotFound,         ///< a file, tensor or model is missing
  Io,               ///< the operating system refused a read or write
  DiskFull,         ///< no space left while writing
  Corrupt,          ///< bytes read from a file break their format's rules
  Unsupported,      ///< valid, but outside what this program handles; the message names it
  Mismatch,         ///< two things that must belong together do not (wrong base, wrong shape, failed hash)
  OutOfMemory,
  Cancelled,
  Internal,  ///< a broken promise inside the program
};

/// What went wrong, where (file, tensor, offset; part of `message`), and what to do about it (`hint`, may be empty).
struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;
  std::string hint;
};

template <class T>
using Result = tl::expected<T, Error>;

/// Shorthand for `return fail(ErrorCode::Corrupt, "…")`.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}) {
  return tl::make_unexpected(Error{code, std::move(message), std::move(hint)});
}

/// Where in the input an error lies; absent parts are left out of the text.
struct Location {
  std::filesystem::path file;
  std::string tensor;
  std::optional<std::uint64_t> offset;  ///< bytes from the start of the file
};

/// Text from a file, fit for one line of a message: control characters as \xNN, cut after about `longest` bytes.
[[nodiscard]] std::string printable(std::string_view text, std::size_t longest = 200);

/// "model.safetensors, tensor a.weight, offset 128: what". File and tensor are made printable.
[[nodiscard]] std::string at(const Location& where, std::string_view what);

/// One line: "message. hint".
[[nodiscard]] std::string describe(const Error& error);

}  // namespace deltascope

/// Evaluates a Result expression, returns its error from the enclosing function, or yields nothing.
#define DELTASCOPE_TRY(expression)                                                                           \
  do {                                                                                                       \
    if (auto tryResult = (expression); !tryResult) return tl::make_unexpected(std::move(tryResult).error()); \
  } while (false)

#define DELTASCOPE_CONCAT2(a, b) a##b
#define DELTASCOPE_CONCAT(a, b) DELTASCOPE_CONCAT2(a, b)
/// `DELTASCOPE_ASSIGN(auto x, f());`: declares x from a Result, or returns its error.
#define DELTASCOPE_ASSIGN(declaration, expression)                                      \
  auto DELTASCOPE_CONCAT(result, __LINE__) = (expression);                              \
  if (!DELTASCOPE_CONCAT(result, __LINE__))                                             \
    return tl::make_unexpected(std::move(DELTASCOPE_CONCAT(result, __LINE__)).error()); \
  declaration = std::move(*DELTASCOPE_CONCAT(result, __LINE__))
