# SPDX-License-Identifier: Apache-2.0
# cpack in a build folder makes a Debian package and an archive that runs where it is unpacked.
include(${CMAKE_CURRENT_LIST_DIR}/install.cmake)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME deltascope)
set(CPACK_PACKAGE_VENDOR "The Deltascope authors")
set(CPACK_PACKAGE_CONTACT "The Deltascope authors")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGE_FILE_NAME deltascope_${PROJECT_VERSION}_${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Deltascope makes, inspects and verifies delta payloads: files that turn a small
base model back into the exact final model, bit for bit. The package holds the window (deltascope), the
command line (deltascope-cli) and a small demo model.")
if(DELTASCOPE_GUI)
  set(CPACK_DEBIAN_PACKAGE_DEPENDS libqt6sql6-sqlite)  # a plug-in: no library names it
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS fonts-dejavu-core)
endif()
include(CPack)
