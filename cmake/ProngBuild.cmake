# How Prong's own targets are compiled. Nothing in this file reaches a user's targets.

add_library(prong_warnings INTERFACE)
target_compile_options(prong_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror)

set(PRONG_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize takes them: address,undefined or thread")
add_library(prong_sanitizers INTERFACE)
if(PRONG_SANITIZE)
  target_compile_options(prong_sanitizers INTERFACE -fsanitize=${PRONG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(prong_sanitizers INTERFACE -fsanitize=${PRONG_SANITIZE})
endif()
if(PRONG_BUILD_FUZZERS)
  # libFuzzer steers by the branches it sees taken.
  target_compile_options(prong_sanitizers INTERFACE -fsanitize=fuzzer-no-link)
endif()

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
