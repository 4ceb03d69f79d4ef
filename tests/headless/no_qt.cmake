# SPDX-License-Identifier: Apache-2.0
# Fails where the build in BUILD compiles against, links with or has found Qt.
cmake_minimum_required(VERSION 3.25)
function(refuse file pattern)
  file(STRINGS ${BUILD}/${file} hits REGEX "${pattern}")
  if(hits)
    list(GET hits 0 first)
    message(FATAL_ERROR "${BUILD}/${file} mentions Qt: ${first}")
  endif()
endfunction()
refuse(build.ninja "Qt[56]|qt[56]|QCustomPlot")
refuse(CMakeCache.txt "^(Qt[56]|QCustomPlot)[A-Za-z0-9]*_DIR:")
