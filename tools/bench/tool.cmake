# SPDX-License-Identifier: Apache-2.0
# Benchmarks: each bench_<name>.c is a program of its own, run by hand; none is installed. One that looks into a room
# which no tool may see stands beside the tests of that room.
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/bench_*.c ${CMAKE_SOURCE_DIR}/tests/unit/*/bench_*.c)
foreach(source IN LISTS bench_sources)
  get_filename_component(bench ${source} NAME_WE)
  add_executable(${bench} ${source})
  get_filename_component(folder ${source} DIRECTORY)
  if(folder MATCHES "/service$")
    # The world of the service's tests, with its virtual clock, is made of cmocka's assertions.
    target_link_libraries(${bench} PRIVATE sal_service PkgConfig::cmocka m)
  else()
    target_link_libraries(${bench} PRIVATE sal_signer sal_ledger sal_rollout m)
  endif()
endforeach()
