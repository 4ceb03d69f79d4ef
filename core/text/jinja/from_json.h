// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Values from the JSON of a request. Strings count as data.
#include <nlohmann/json.hpp>

#include "core/text/jinja/value.h"

namespace deltascope::jinja {

/// `what` names the value in messages: "messages[2].content". Nesting beyond 64, text that is not UTF-8 and numbers beyond 64
/// bits are InvalidArgument.
[[nodiscard]] Result<Value> fromJson(const nlohmann::ordered_json& json, const std::string& what, Budget& budget);

/// Messages as transformers prepares them: fields that are null are left out, the reasoning stands under all its names. A role
/// that is a plain word counts as the template's.
[[nodiscard]] Result<Value> messagesFromJson(const nlohmann::ordered_json& messages, Budget& budget);

}  // namespace deltascope::jinja
