# SPDX-License-Identifier: Apache-2.0
# Fails where the build in BUILD compiles against, links with or has looked for Qt.
cmake_minimum_required(VERSION 3.25)
foreach(file build.ninja CMakeCache.txt)
  file(STRINGS ${BUILD}/${file} hits REGEX "Qt[56]|qt[56]|QCustomPlot")
  if(hits)
    list(GET hits 0 first)
    message(FATAL_ERROR "${BUILD}/${file} mentions Qt: ${first}")
  endif()
endforeach()
