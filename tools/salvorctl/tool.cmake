# SPDX-License-Identifier: Apache-2.0
# salvorctl, the operator's program.
file(GLOB salvorctl_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
add_executable(salvorctl ${salvorctl_sources})
target_link_libraries(salvorctl PRIVATE sal_client sal_pkcs11 sal_trust sal_rollout m)
install(TARGETS salvorctl RUNTIME DESTINATION bin)
