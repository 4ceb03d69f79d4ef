// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The demo's chat model, packed, and sessions with it.
#include "core/pack/pack.h"
#include "core/runtime/runtime.h"

namespace deltascope {

inline const std::filesystem::path kDemo = DELTASCOPE_DEMO;

inline std::string said(const Error& error) { return describe(error); }

/// Generates after a fixed prompt of five tokens, over end tokens.
inline Result<Generation> run(const LoadRequest& request, std::uint32_t tokens = 24) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, {}));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  GenerateRequest generating;
  generating.prompt = {8187, 433, 711, 1418, 257};
  generating.maxNewTokens = tokens;
  generating.ignoreEnd = true;
  return session->generate(generating, {});
}

/// Packs the demo over NF4, every matrix.
inline Result<void> packDemo(const std::filesystem::path& out) {
  PackRequest request;
  request.final = kDemo / "chat";
  request.quantize = QuantFormat::Nf4;
  request.scope = PackScope::All;
  request.out = out;
  DELTASCOPE_TRY(pack(request, {}));
  return {};
}

inline LoadRequest smallLoad(const std::filesystem::path& path) {
  LoadRequest request;
  request.path = path;
  request.context = 64;
  request.threads = 2;
  return request;
}

}  // namespace deltascope
