# SPDX-License-Identifier: Apache-2.0
# Target "tidy": clang-tidy over the project's own sources. Not part of a build; needs clang-tidy-14.
# clang does not read what GCC precompiled: configure with CMAKE_DISABLE_PRECOMPILE_HEADERS=ON.
find_program(DELTASCOPE_RUN_CLANG_TIDY NAMES run-clang-tidy-14 run-clang-tidy)
if(DELTASCOPE_RUN_CLANG_TIDY)
  add_custom_target(tidy
    COMMAND ${DELTASCOPE_RUN_CLANG_TIDY} -quiet -p ${PROJECT_BINARY_DIR} "^${PROJECT_SOURCE_DIR}/(app|core|kernels|ui)/"
    USES_TERMINAL VERBATIM COMMENT "clang-tidy")
endif()
