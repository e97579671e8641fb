# How Prong's own targets are compiled. Nothing in this file reaches a user's targets.

add_library(prong_warnings INTERFACE)
target_compile_options(prong_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror)

set(PRONG_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize takes them: address,undefined or thread")
add_library(prong_sanitizers INTERFACE)
if(PRONG_SANITIZE)
  target_compile_options(prong_sanitizers INTERFACE -fsanitize=${PRONG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(prong_sanitizers INTERFACE -fsanitize=${PRONG_SANITIZE})
endif()
if(PRONG_SANITIZE MATCHES thread)
  # GCC warns that the thread sanitizer does not see fences. Prong's only order a store before a load, which publishes
  # nothing that is not atomic itself (docs/testing.md).
  target_compile_options(prong_sanitizers INTERFACE -Wno-tsan)
endif()

if(PRONG_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # What sanitizers put between statements makes GCC lose sight of what was initialised; its manual says so.
  target_compile_options(prong_sanitizers INTERFACE -Wno-maybe-uninitialized)
endif()

option(PRONG_BUILD_FUZZERS "Build the fuzz targets with libFuzzer (clang only); without it they replay their corpus" OFF)
if(PRONG_BUILD_FUZZERS)
  target_compile_options(prong_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
endif()

# prong_find_package(COMPONENT ...): find_package(...) of what a component of Prong links with; who asks for the
# component with find_package(prong COMPONENTS ...) gets it too. The targets found are visible in the whole build, so
# that a project that adds Prong as a subdirectory can link with it.
macro(prong_find_package component)
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
  find_package(${ARGN})
  unset(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
  string(REGEX REPLACE ";REQUIRED|;QUIET" "" prong_find_arguments "${ARGN}")
  string(REPLACE ";" " " prong_find_arguments "${prong_find_arguments}")
  set_property(GLOBAL APPEND_STRING PROPERTY prong_dependencies_${component} "find_dependency(${prong_find_arguments})\n")
endmacro()

# prong_component_needs(COMPONENT OTHER): who asks for a component with find_package(prong) gets the other one too.
function(prong_component_needs component other)
  set_property(GLOBAL APPEND_STRING PROPERTY prong_dependencies_${component}
    "include(\${CMAKE_CURRENT_LIST_DIR}/prong-${other}.cmake)\nif(NOT TARGET prong::${other})\n  return()\nendif()\n")
endfunction()

# Gives a target Prong's private settings: C++20, warnings as errors, sanitizers.
function(prong_private_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:prong_warnings> $<BUILD_INTERFACE:prong_sanitizers>)
endfunction()

# prong_layer(TARGET SOURCES... HEADERS...): adds a folder's files to a library. Headers listed are installed; those
# in detail/ are not.
function(prong_layer target)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "SOURCES;HEADERS")
  list(TRANSFORM layer_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(TRANSFORM layer_HEADERS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  target_sources(${target} PRIVATE ${layer_SOURCES} PUBLIC FILE_SET HEADERS FILES ${layer_HEADERS})
endfunction()
