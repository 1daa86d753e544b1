# SPDX-License-Identifier: Apache-2.0
# shallop_embed(TARGET FILE SYMBOL): links FILE's bytes into TARGET as
# `extern const unsigned char SYMBOL[]; extern const unsigned long SYMBOL_size;`.
function(shallop_embed target file symbol)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(WRITE ${out}.in "
  .section .rodata
  .global ${symbol}
  .balign 16
${symbol}:
  .incbin \"${file}\"
1:
  .global ${symbol}_size
  .balign 8
${symbol}_size:
  .quad 1b - ${symbol}
  .section .note.GNU-stack,\"\",%progbits
")
  configure_file(${out}.in ${out} COPYONLY)
  set_source_files_properties(${out} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${out})
endfunction()
