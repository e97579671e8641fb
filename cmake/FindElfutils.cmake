# Finds elfutils, which have no CMake files of their own: libdw reads debug information and unwinds stacks, libelf reads
# the files.
#
# Targets: Elfutils::dw, Elfutils::elf.
include(FindPackageHandleStandardArgs)

find_path(Elfutils_INCLUDE_DIR elfutils/libdwfl.h)
find_library(Elfutils_dw_LIBRARY dw)
find_library(Elfutils_elf_LIBRARY elf)
mark_as_advanced(Elfutils_INCLUDE_DIR Elfutils_dw_LIBRARY Elfutils_elf_LIBRARY)
if(Elfutils_INCLUDE_DIR AND EXISTS ${Elfutils_INCLUDE_DIR}/elfutils/version.h)
  file(STRINGS ${Elfutils_INCLUDE_DIR}/elfutils/version.h elfutils_version_line REGEX "^#define _ELFUTILS_VERSION[ \t]+[0-9]+")
  if(elfutils_version_line MATCHES "([0-9]+)$")
    set(Elfutils_VERSION 0.${CMAKE_MATCH_1})
  endif()
endif()
find_package_handle_standard_args(Elfutils REQUIRED_VARS Elfutils_INCLUDE_DIR Elfutils_dw_LIBRARY Elfutils_elf_LIBRARY
  VERSION_VAR Elfutils_VERSION)

if(Elfutils_FOUND)
  foreach(library IN ITEMS elf dw)
    if(NOT TARGET Elfutils::${library})
      add_library(Elfutils::${library} UNKNOWN IMPORTED)
      set_target_properties(Elfutils::${library} PROPERTIES
        IMPORTED_LOCATION ${Elfutils_${library}_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${Elfutils_INCLUDE_DIR})
    endif()
  endforeach()
  set_property(TARGET Elfutils::dw PROPERTY INTERFACE_LINK_LIBRARIES Elfutils::elf)
endif()
