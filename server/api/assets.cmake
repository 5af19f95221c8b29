# SPDX-License-Identifier: Apache-2.0
# Embeds server/api/assets (the dashboard's page) into the program, so that a server is one file and serves one version.
if(TARGET sal_api)
  file(GLOB asset_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/server/api/assets/*)
  list(SORT asset_files)
  set(asset_bytes "")
  set(asset_rows "")
  set(asset_number 0)
  foreach(file IN LISTS asset_files)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME)
    get_filename_component(extension ${file} LAST_EXT)
    if(extension STREQUAL ".html")
      set(type "text/html; charset=utf-8")
    elseif(extension STREQUAL ".js")
      set(type "text/javascript; charset=utf-8")
    elseif(extension STREQUAL ".css")
      set(type "text/css; charset=utf-8")
    elseif(extension STREQUAL ".svg")
      set(type "image/svg+xml")
    else()
      message(FATAL_ERROR "${file}: assets are .html, .js, .css or .svg")
    endif()
    math(EXPR asset_number "${asset_number} + 1")
    file(SHA256 ${file} sha256)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n"
           bytes "${bytes}")
    # The last byte keeps an empty file from being an empty array; it is not counted.
    string(APPEND asset_bytes "static const unsigned char asset_${asset_number}[] = {\n${bytes}0x00};\n")
    string(APPEND asset_rows "        {\"${name}\", \"${type}\", \"\\\"${sha256}\\\"\", asset_${asset_number}, "
                             "sizeof asset_${asset_number} - 1},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/api_assets.c @ONLY CONTENT
"/* Made by server/api/assets.cmake from server/api/assets; changes here are lost. */
#include \"api/assets.h\"

@asset_bytes@
const struct sal_asset sal_assets[] = {
@asset_rows@};
const size_t sal_assets_count = sizeof sal_assets / sizeof sal_assets[0];
")
  target_sources(sal_api PRIVATE ${CMAKE_BINARY_DIR}/generated/api_assets.c)
endif()
