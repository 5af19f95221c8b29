# SPDX-License-Identifier: Apache-2.0
# salvor-fleet, a simulated fleet over the real wire or in simulated time: a library that the unit tests link (tests/unit/fleet), and the program.
file(GLOB fleet_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
list(REMOVE_ITEM fleet_sources ${CMAKE_CURRENT_LIST_DIR}/main.c)
add_library(sal_fleet STATIC ${fleet_sources})
target_include_directories(sal_fleet PUBLIC ${CMAKE_SOURCE_DIR}/tools)
target_link_libraries(sal_fleet PUBLIC sal_client sal_rollout m)

add_executable(salvor-fleet ${CMAKE_CURRENT_LIST_DIR}/main.c)
target_link_libraries(salvor-fleet PRIVATE sal_fleet m)
install(TARGETS salvor-fleet RUNTIME DESTINATION bin)
