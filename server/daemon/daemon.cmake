# SPDX-License-Identifier: Apache-2.0
# The daemon's parts as a library, so that unit tests can link them, and salvord itself.
file(GLOB daemon_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
list(REMOVE_ITEM daemon_sources ${CMAKE_CURRENT_LIST_DIR}/main.c)
add_library(sal_daemon STATIC ${daemon_sources})
# Written as a flag, for CMake would put a library named `m` before the rooms that need it.
target_link_libraries(sal_daemon PUBLIC sal_api PkgConfig::libconfuse PkgConfig::libsystemd -lm)
add_executable(salvord ${CMAKE_CURRENT_LIST_DIR}/main.c)
target_link_libraries(salvord PRIVATE sal_daemon)
install(TARGETS salvord RUNTIME DESTINATION bin)
