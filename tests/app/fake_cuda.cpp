// SPDX-License-Identifier: Apache-2.0
/// The calls of the CUDA driver that `devices` makes, answered for two GPUs; FAKE_CUDA_INIT is what cuInit returns.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

extern "C" {

int cuInit(unsigned) {
  const char* code = std::getenv("FAKE_CUDA_INIT");
  return code ? std::atoi(code) : 0;
}
int cuDeviceGetCount(int* count) {
  *count = 2;
  return 0;
}
int cuDriverGetVersion(int* version) {
  *version = 12040;
  return 0;
}
int cuDeviceGet(int* device, int index) {
  *device = 10 + index;
  return 0;
}
int cuDeviceGetName(char* name, int length, int device) {
  std::snprintf(name, static_cast<std::size_t>(length), "Imaginary GPU %d", device - 10);
  return 0;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = std::size_t{80} << 30;
  return 0;
}

}  // extern "C"
