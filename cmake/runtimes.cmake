# SPDX-License-Identifier: Apache-2.0
# shallop_embed_runtimes(TARGET): links each folder of runtimes/ that has a Dockerfile into TARGET, as the tar that the engine's builder takes;
# src/build/contexts.h finds them by name.
function(shallop_embed_runtimes target)
  set(declared "")
  set(listed "")
  file(GLOB dockerfiles CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtimes/*/Dockerfile)
  if(NOT dockerfiles)
    message(FATAL_ERROR "there is no runtimes/*/Dockerfile: the program brings the runtimes along")
  endif()
  foreach(dockerfile ${dockerfiles})
    get_filename_component(folder ${dockerfile} DIRECTORY)
    get_filename_component(name ${folder} NAME)
    string(MAKE_C_IDENTIFIER shallop_runtime_${name} symbol)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*)
    list(FILTER files EXCLUDE REGEX "__pycache__")
    list(TRANSFORM files PREPEND ${folder}/ OUTPUT_VARIABLE paths)
    set(tar ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.tar)
    add_custom_command(OUTPUT ${tar} DEPENDS ${paths} WORKING_DIRECTORY ${folder} VERBATIM
      COMMAND ${CMAKE_COMMAND} -E tar cf ${tar} --format=gnutar "--mtime=2000-01-01 00:00:00 UTC" -- ${files})
    shallop_embed(${target} ${tar} ${symbol})
    string(APPEND declared "extern \"C\" const unsigned char ${symbol}[];\nextern \"C\" const unsigned long ${symbol}_size;\n")
    string(APPEND listed "    {\"${name}\", ${symbol}, &${symbol}_size},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/runtime_contexts.inc @ONLY CONTENT "${declared}
constexpr Embedded embedded[] = {
${listed}};
")
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
