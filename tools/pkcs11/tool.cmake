# SPDX-License-Identifier: Apache-2.0
# Keys on tokens: smart cards and HSMs by PKCS#11. A library of its own, so that only salvorctl links p11-kit.
pkg_check_modules(p11kit REQUIRED IMPORTED_TARGET p11-kit-1)
file(GLOB pkcs11_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
add_library(sal_pkcs11 STATIC ${pkcs11_sources})
target_include_directories(sal_pkcs11 PUBLIC ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(sal_pkcs11 PUBLIC sal_trust PRIVATE PkgConfig::p11kit)

# A token that misbehaves as it is told, for the tests (tests/unit/pkcs11).
add_library(fake_token MODULE ${CMAKE_SOURCE_DIR}/tests/unit/pkcs11/fake_token.c)
set_target_properties(fake_token PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
target_link_libraries(fake_token PRIVATE sal_trust PkgConfig::p11kit)
