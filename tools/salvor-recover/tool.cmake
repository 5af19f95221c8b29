# SPDX-License-Identifier: Apache-2.0
# salvor-recover, the recovery client: a library that the unit tests link (tests/unit/recover), and the program.
pkg_check_modules(libssl REQUIRED IMPORTED_TARGET libssl)
file(GLOB recover_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
list(REMOVE_ITEM recover_sources ${CMAKE_CURRENT_LIST_DIR}/main.c)
add_library(sal_recover STATIC ${recover_sources})
target_include_directories(sal_recover PUBLIC ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(sal_recover PUBLIC sal_client sal_trust PkgConfig::libcurl PkgConfig::libssl)

# The floor of the client's time: the moment of the build, or SOURCE_DATE_EPOCH for a build that can be repeated.
string(TIMESTAMP recover_build_seconds "%s" UTC)
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/floor.c PROPERTIES COMPILE_DEFINITIONS
  SALVOR_BUILD_UNIX_SECONDS=${recover_build_seconds})

add_executable(salvor-recover ${CMAKE_CURRENT_LIST_DIR}/main.c)
target_link_libraries(salvor-recover PRIVATE sal_recover)
install(TARGETS salvor-recover RUNTIME DESTINATION bin)
