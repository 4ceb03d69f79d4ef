// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What the payload page remembers besides the entries of settings.h.
#include "ui/frame/settings.h"

namespace deltascope::ui::setting {

inline const Setting<bool> kPayloadGrouped{"payload/grouped", true};
inline const Setting<bool> kPayloadHeatMapShown{"payload/heatMapShown", true};
inline const Setting<bool> kPayloadDetailShown{"payload/detailShown", true};
inline const Setting<bool> kPayloadLogScale{"payload/histogramLogScale", false};
inline const Setting<bool> kPayloadMapZeros{"payload/mapShowsZeros", false};

}  // namespace deltascope::ui::setting
