# SPDX-License-Identifier: Apache-2.0
# cmake --install: programs, demo model, manual pages, and with the window what desktops want to know.
include(GNUInstallDirs)
set(data ${CMAKE_INSTALL_DATADIR})
set(desktop ${PROJECT_SOURCE_DIR}/packaging/desktop/org.deltascope.Deltascope)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/resources/demo DESTINATION ${data}/deltascope)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/core/payload/FORMAT.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/packaging/copyright ${PROJECT_SOURCE_DIR}/LICENSES/Apache-2.0.txt
  ${PROJECT_SOURCE_DIR}/LICENSES/GPL-3.0-or-later.txt DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/packaging/man/deltascope-cli.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
if(TARGET deltascope_cuda)
  install(TARGETS deltascope_cuda LIBRARY DESTINATION lib/deltascope)  # where kernels/gpu_library.cpp looks
endif()
if(DELTASCOPE_GUI)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/man/deltascope.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  foreach(size 16 24 32 48 64 128 256)
    install(FILES ${PROJECT_SOURCE_DIR}/resources/icons/deltascope-${size}.png
      DESTINATION ${data}/icons/hicolor/${size}x${size}/apps RENAME deltascope.png)
  endforeach()
  install(FILES ${desktop}.desktop DESTINATION ${data}/applications)
  install(FILES ${desktop}.metainfo.xml DESTINATION ${data}/metainfo)
  install(FILES ${desktop}.mime.xml DESTINATION ${data}/mime/packages RENAME org.deltascope.Deltascope.xml)
endif()
