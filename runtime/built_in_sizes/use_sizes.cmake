# cprime_use_sizes(TARGET sizes.json): builds the size table into TARGET, so that its coroutines get the stacks that were measured and proven
# without anything in the environment.
#
#   before the link   a source with the table as a constant is made of the file, whenever it changes, and compiled into TARGET
#   after the link    `coroscope analyze` looks at the binary: rows of sites that it does not have any more are a warning that names them; a
#                     site that the table or the code puts into a class which its proven bound does not fit fails the build, in one
#                     sentence. What code wishes for, what it declares of function objects and its MicroPools are read from the code;
#                     where it cannot be read nobody says anything
#
# Profiled rows choose no class below Medium (cprime/built_in_sizes.h), unless TARGET was made growable before by cprime_growable_stacks(): there a
# stack that does not fit grows. Without a coroscope (in this tree its target, else the program in PATH or COROSCOPE_PROGRAM) the second part is
# left out, and CMake says so. CPRIME_SIZES and CPRIME_LEARN in the environment of the program name tables that are used instead.

function(cprime_use_sizes target table)
  get_filename_component(table ${table} ABSOLUTE)
  if(NOT EXISTS ${table})
    message(FATAL_ERROR "cprime_use_sizes(${target}): there is no ${table}; write it with 'coroscope sizes TRACE -o ${table}' or CPRIME_LEARN=${table}")
  endif()
  get_target_property(options ${target} COMPILE_OPTIONS)
  set(growable "")
  if("${options}" MATCHES "-fsplit-stack")
    set(growable --growable)
  endif()
  set(tool ${CPRIME_SIZES_FOLDER}/size-table)
  set(built_by "")
  if(TARGET cprime_size_table)
    set(tool $<TARGET_FILE:cprime_size_table>)
    set(built_by cprime_size_table)
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_sizes.cpp)
  add_custom_command(OUTPUT ${source} DEPENDS ${table} ${built_by} VERBATIM
    COMMAND ${tool} source ${table} ${source} ${growable}
    COMMENT "Making the size table of ${target}")
  target_sources(${target} PRIVATE ${source})

  if(TARGET cprime_size_table) # in this tree, where coroscope may be declared later
    set(coroscope $<TARGET_FILE:coroscope>)
    add_dependencies(${target} coroscope)
  else()
    find_program(COROSCOPE_PROGRAM coroscope HINTS ${CPRIME_SIZES_FOLDER}/../../../bin)
    set(coroscope ${COROSCOPE_PROGRAM})
  endif()
  if(NOT coroscope)
    message(WARNING "cprime_use_sizes(${target}): there is no coroscope, so the table is not held against the program; set COROSCOPE_PROGRAM")
    return()
  endif()
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${table})
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${tool} check ${table} $<TARGET_FILE:${target}> ${coroscope} ${growable})
endfunction()
