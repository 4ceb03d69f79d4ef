# SPDX-License-Identifier: Apache-2.0
# The CUDA backend is a shared library of its own, opened at run time: it is built where the toolkit is found.
set(DELTASCOPE_CUDA AUTO CACHE STRING "CUDA backend: AUTO builds it where the toolkit is found, ON requires it, OFF leaves it out")
set_property(CACHE DELTASCOPE_CUDA PROPERTY STRINGS AUTO ON OFF)

# What programs without the library say of it.
function(deltascope_without_cuda reason)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/kernels/gpu_library.cpp TARGET_DIRECTORY deltascope_kernels
    PROPERTIES COMPILE_DEFINITIONS "DELTASCOPE_WITHOUT_CUDA=\"${reason}\"")
endfunction()

if(DELTASCOPE_CUDA STREQUAL "OFF")
  deltascope_without_cuda("it was left out when this program was built (DELTASCOPE_CUDA=OFF)")
  return()
endif()
# Said before CMake asks the compiler, which may be older than all GPUs that count: code for every kind, unless it is said for which.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90)  # the last one as code for later GPUs too
endif()
if(NOT DEFINED ENV{CUDACXX} AND NOT CMAKE_CUDA_COMPILER)
  find_program(DELTASCOPE_NVCC nvcc PATHS /usr/local/cuda/bin)  # where it is installed, often without being on PATH
  if(DELTASCOPE_NVCC)
    set(ENV{CUDACXX} ${DELTASCOPE_NVCC})
  endif()
endif()
include(CheckLanguage)
check_language(CUDA)
find_package(CUDAToolkit QUIET)
if(CMAKE_CUDA_COMPILER AND CUDAToolkit_FOUND AND CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12)
  enable_language(CUDA)
  add_subdirectory(kernels/cuda)
elseif(DELTASCOPE_CUDA STREQUAL "ON")
  message(FATAL_ERROR "DELTASCOPE_CUDA is ON, but no CUDA compiler and toolkit (12 or later) were found: install them, or set it to AUTO")
else()
  message(STATUS "CUDA toolkit not found: building without the CUDA backend")
  deltascope_without_cuda("no CUDA toolkit (nvcc, 12 or later) was found when this program was built")
endif()
