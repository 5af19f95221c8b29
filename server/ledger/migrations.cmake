# SPDX-License-Identifier: Apache-2.0
# Embeds schema/sqlite/NNNN_*.sql into the ledger, in order, so that a binary never meets a schema that it lacks.
if(TARGET sal_ledger)
  file(GLOB migration_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/sqlite/*.sql)
  list(SORT migration_files)
  set(migration_bytes "")
  set(migration_rows "")
  set(migration_number 0)
  foreach(file IN LISTS migration_files)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME_WE)
    math(EXPR migration_number "${migration_number} + 1")
    if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$" OR NOT CMAKE_MATCH_1 EQUAL migration_number)
      message(FATAL_ERROR "${file}: migrations are named NNNN_name.sql and numbered from 0001 without gaps; "
                          "this one should have number ${migration_number}")
    endif()
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n"
           bytes "${bytes}")
    string(APPEND migration_bytes "static const unsigned char sql_${migration_number}[] = {\n${bytes}0x00};\n")
    string(APPEND migration_rows "        {${migration_number}, \"${name}\", (const char *)sql_${migration_number}},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/ledger_migrations.c @ONLY CONTENT
"/* Made by server/ledger/migrations.cmake from schema/sqlite; changes here are lost. */
#include \"ledger/migrations.h\"

@migration_bytes@
const struct sal_migration sal_migrations[] = {
@migration_rows@};
const int sal_migrations_count = @migration_number@;
")
  target_sources(sal_ledger PRIVATE ${CMAKE_BINARY_DIR}/generated/ledger_migrations.c)
endif()
