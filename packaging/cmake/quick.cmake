# SPDX-License-Identifier: Apache-2.0
# Builds from nothing in less than half the time: most of it goes into headers of others, which every file parses again. Off by
# default, so that files name what they use and one file's change costs one file; the presets that users and CI build with set it.
option(DELTASCOPE_QUICK_BUILD "Builds from nothing in less than half the time; then a change costs more" OFF)
if(DELTASCOPE_QUICK_BUILD)
  # GCC 12 knows less of what was precompiled, and then warns of copies into strings that cannot happen.
  target_compile_options(deltascope_options INTERFACE
    "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds;-Wno-dangling-pointer>")
endif()
set(DELTASCOPE_STD_HEADERS <algorithm> <array> <atomic> <bit> <charconv> <chrono> <cmath> <condition_variable> <cstddef> <cstdint>
  <cstdio> <cstdlib> <cstring> <filesystem> <fstream> <functional> <limits> <map> <memory> <mutex> <numeric> <optional> <set> <span>
  <stop_token> <string> <string_view> <system_error> <thread> <tuple> <unordered_map> <utility> <variant> <vector> <tl/expected.hpp>)

# deltascope_precompile(<name> [PROGRAMS] LIBRARIES <library>... HEADERS <header>...): headers, parsed with what the libraries define
# and nothing else: a user may define more, as long as these headers do not look at it. PROGRAMS: users are no libraries.
function(deltascope_precompile name)
  cmake_parse_arguments(PARSE_ARGV 1 with "PROGRAMS" "" "LIBRARIES;HEADERS")
  if(NOT DELTASCOPE_QUICK_BUILD)
    return()
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Only a reason to precompile.\n")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE deltascope_options tl::expected ${with_LIBRARIES})
  if(with_PROGRAMS)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIE)
  endif()
  target_precompile_headers(${name} PRIVATE ${DELTASCOPE_STD_HEADERS} ${with_HEADERS})
endfunction()

# deltascope_precompiled(<target> <name>): the target's files find the headers of deltascope_precompile(<name>) read already.
function(deltascope_precompiled target name)
  if(DELTASCOPE_QUICK_BUILD)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

# deltascope_by_folder(<target>): the files of a folder are compiled as one. What two of them call by one name must be one thing.
function(deltascope_by_folder target)
  if(NOT DELTASCOPE_QUICK_BUILD)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    if(source MATCHES "[.]cpp$")
      cmake_path(GET source PARENT_PATH folder)
      cmake_path(GET folder FILENAME folder)
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()
