# SPDX-License-Identifier: Apache-2.0
# Run at every build: writes OUT from IN with the commit that SOURCE is at, and touches it only when that has changed.
set(DELTASCOPE_COMMIT "")
find_program(git NAMES git)
if(git AND EXISTS "${SOURCE}/.git")
  execute_process(COMMAND ${git} -C "${SOURCE}" describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE DELTASCOPE_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT DELTASCOPE_COMMIT)
  set(DELTASCOPE_COMMIT unknown)
endif()
configure_file("${IN}" "${OUT}" @ONLY)
