// SPDX-License-Identifier: Apache-2.0
#include <zstd.h>

#include <algorithm>

#include "core/payload/scripts_payload.h"

namespace deltascope {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

struct FreeContext {
  void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};

}  // namespace

/// One frame, read and inflated as it is asked for.
struct ScriptsPairs::Stream {
  Stream(const RandomAccessFile& f, const ScriptsFrame& frame, const char* name)
      : file(f), position(frame.offset), end(frame.offset + frame.bytes), what(name), context(ZSTD_createDCtx()) {}

  [[nodiscard]] tl::unexpected<Error> corrupt(const std::string& problem) const {
    return fail(ErrorCode::Corrupt, std::string("the frame of ") + what + " " + problem);
  }

  Result<void> refill() {
    pending.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end - position)));
    DELTASCOPE_TRY(file.readAt(position, pending));
    position += pending.size();
    used = 0;
    return {};
  }

  /// Bytes that came; fewer than asked for only at the frame's end.
  Result<std::size_t> next(std::span<std::byte> into) {
    if (!context) return fail(ErrorCode::OutOfMemory, "not enough memory to decompress");
    if (pending.empty() && position == end) return corrupt("is empty");
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos < out.size && !done) {
      if (used == pending.size() && position < end) DELTASCOPE_TRY(refill());
      ZSTD_inBuffer in{pending.data(), pending.size(), used};
      const std::size_t before = out.pos;
      const std::size_t left = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(left)) return corrupt(std::string("is damaged: ") + ZSTD_getErrorName(left));
      const bool idle = in.pos == used && out.pos == before;
      used = in.pos;
      done = left == 0;
      if (idle && !done && position == end) return corrupt("ends early");
    }
    if (done && (used < pending.size() || position < end)) return corrupt("is followed by other bytes");
    return out.pos;
  }

  const RandomAccessFile& file;
  std::uint64_t position, end;  ///< of what was not read yet
  const char* what;
  std::unique_ptr<ZSTD_DCtx, FreeContext> context;
  std::vector<std::byte> pending;
  std::size_t used = 0;  ///< of pending
  bool done = false;
};

ScriptsPairs::ScriptsPairs(const ScriptsPayload& payload, const ScriptsTensor& tensor, std::size_t chunk)
    : m_positions(std::make_unique<Stream>(payload.m_file, tensor.positions.at(chunk), "positions")),
      m_values(std::make_unique<Stream>(payload.m_file, tensor.values.at(chunk), "values")) {}
ScriptsPairs::~ScriptsPairs() = default;
ScriptsPairs::ScriptsPairs(ScriptsPairs&&) noexcept = default;
ScriptsPairs& ScriptsPairs::operator=(ScriptsPairs&&) noexcept = default;

Result<std::size_t> ScriptsPairs::next(std::span<std::int64_t> positions, std::span<float> values) {
  DELTASCOPE_ASSIGN(const std::size_t first, m_positions->next(std::as_writable_bytes(positions)));
  DELTASCOPE_ASSIGN(const std::size_t second, m_values->next(std::as_writable_bytes(values)));
  if (first % sizeof(std::int64_t) != 0) return m_positions->corrupt("ends inside a number");
  if (second % sizeof(float) != 0) return m_values->corrupt("ends inside a number");
  const std::size_t count = first / sizeof(std::int64_t);
  if (count != second / sizeof(float)) return fail(ErrorCode::Corrupt, "there are not as many values as positions");
  return count;
}

}  // namespace deltascope
