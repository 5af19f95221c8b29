# SPDX-License-Identifier: Apache-2.0
# What the command-line programs share: configuration files, HTTPS, problem documents, harmless printing.
file(GLOB client_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
add_library(sal_client STATIC ${client_sources})
target_include_directories(sal_client PUBLIC ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(sal_client PUBLIC sal_trust PkgConfig::libcurl PkgConfig::libconfuse)
