# SPDX-License-Identifier: Apache-2.0
# Warnings, hardening and sanitizers, for our own code only.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(shallop_options INTERFACE)
target_compile_options(shallop_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wconversion -Wno-sign-conversion
  -Werror -fstack-protector-strong -ftrivial-auto-var-init=zero)
target_compile_definitions(shallop_options INTERFACE
  SHALLOP_VERSION="${PROJECT_VERSION}" _GLIBCXX_ASSERTIONS BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
  # A request is a score of nested coroutine frames: Asio keeps so many of them for the next one.
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
target_link_options(shallop_options INTERFACE -Wl,-z,relro,-z,now)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside Asio's coroutine frames and std::string, where nothing is wrong.
  target_compile_options(shallop_options INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
    -Wno-array-bounds -Wno-mismatched-new-delete)
endif()
if(SHALLOP_SANITIZE)
  add_compile_options(-fsanitize=${SHALLOP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SHALLOP_SANITIZE})
  if(SHALLOP_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
  target_compile_definitions(shallop_options INTERFACE _FORTIFY_SOURCE=3)
endif()
if(SHALLOP_FUZZ)
  # The modules report their coverage too: a fuzzer that sees its own few lines alone is blind.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link>)
endif()
