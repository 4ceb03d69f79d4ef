// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/engine.h"

namespace deltascope::ui {

Engine realEngine() {
  Engine engine;
  engine.pack = deltascope::pack;
  engine.estimatePack = deltascope::estimatePack;
  engine.verify = deltascope::verify;
  engine.unpack = deltascope::unpack;
  engine.inspect = deltascope::inspect;
  engine.closeUp = deltascope::closeUp;
  engine.devices = kernels::devices;
  engine.residentMemory = deltascope::residentMemory;
  return engine;
}

}  // namespace deltascope::ui
