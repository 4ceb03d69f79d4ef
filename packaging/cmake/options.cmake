# SPDX-License-Identifier: Apache-2.0
# One target for language options and warnings; every target of the project links it.
add_library(deltascope_options INTERFACE)
target_compile_features(deltascope_options INTERFACE cxx_std_20)
target_include_directories(deltascope_options INTERFACE ${PROJECT_SOURCE_DIR})
# Reconstruction must give the same bits everywhere: no fused multiply-add unless the code asks for it.
target_compile_options(deltascope_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off;-fno-math-errno;-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion>"
  "$<$<COMPILE_LANGUAGE:CXX>:-Wno-sign-conversion;-Wnon-virtual-dtor;-Woverloaded-virtual>"
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${DELTASCOPE_WERROR}>>:-Werror>)
# False positives of GCC 12: inside std::string's operator+ (its bug 105329), and inside its own AVX-512 intrinsics.
target_compile_options(deltascope_options INTERFACE
  "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict;-Wno-maybe-uninitialized;-Wno-uninitialized>")
target_compile_definitions(deltascope_options INTERFACE DELTASCOPE_VERSION="${PROJECT_VERSION}")
if(DELTASCOPE_SANITIZE)
  target_compile_options(deltascope_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${DELTASCOPE_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>")
  target_link_options(deltascope_options INTERFACE -fsanitize=${DELTASCOPE_SANITIZE})
endif()
if(DELTASCOPE_FUZZ)
  target_compile_options(deltascope_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(deltascope_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
find_program(DELTASCOPE_CCACHE ccache)
if(DELTASCOPE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Build folders share what they compile, and what is precompiled counts as the text that it is.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
    CCACHE_SLOPPINESS=pch_defines,time_macros ${DELTASCOPE_CCACHE})
endif()
