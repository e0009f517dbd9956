# cprime_growable_stacks(TARGET [LIBRARIES target…]): builds TARGET's C++ code so that its coroutines' stacks grow by segment.
#
# Each function's prologue compares its frame with what is left of the stack and continues on a segment of the next size class when
# there is too little, so that a coroutine may begin with 256 bytes and still call anything: calls of ordinary code (libraries, and code that is
# not built this way) ask for COROSCOPE_ORDINARY_CALL_BYTES more, through pointers too. What that takes:
#
#   compiler   g++ (tried with 12). Clang 14 compiles no variadic function with -fsplit-stack, and its checks cannot be made exact: refused.
#   assembler  ours, which makes the checks exact and hands on to the system's (runtime/growable/exact_checks.h)
#   linker     lld or gold: they raise the requests of functions that call ordinary code. GNU ld links, and does not protect: not used.
#   no LTO     link-time optimisation drops the checks silently: -fno-lto
#   checked    after the link each function of TARGET, and of the LIBRARIES made growable and linked into it, is looked at in the binary; one
#              that is not protected fails the build
#
# For a library the compile options are its own, the link options its users'; name it among the LIBRARIES of the growable program that it is
# linked into, or in cprime_check_growable(PROGRAM LIBRARY…) of an ordinary one.
# Under ASan and TSan the call does nothing: stacks are large there instead. Stacks of threads never grow: a limit of 0 passes every check.

function(cprime_growable_stacks target)
  cmake_parse_arguments(arg "" "" "LIBRARIES" ${ARGN})
  get_target_property(type ${target} TYPE)
  get_target_property(options ${target} COMPILE_OPTIONS)
  get_directory_property(everywhere COMPILE_OPTIONS)
  if("${CMAKE_CXX_FLAGS} ${options} ${everywhere}" MATCHES "-fsanitize=(address|thread)|-fsanitize=[a-z,]*(address|thread)")
    return()
  endif()
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    message(FATAL_ERROR "cprime_growable_stacks(${target}): growth by segment needs g++; ${CMAKE_CXX_COMPILER_ID} compiles no "
      "variadic function with -fsplit-stack. Use g++, or cprime::call_on_bigger_stack around deep calls.")
  endif()
  set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fsplit-stack -mno-red-zone -maccumulate-outgoing-args
    -fno-reorder-blocks-and-partition -fcf-protection=branch -mmanual-endbr -fno-lto -B${CPRIME_GROWABLE_FOLDER}/>)
  if(TARGET cprime_growable_as)
    add_dependencies(${target} cprime_growable_as cprime_growable_check)
  endif()

  find_program(CPRIME_LLD NAMES ld.lld)
  find_program(CPRIME_GOLD NAMES ld.gold)
  mark_as_advanced(CPRIME_LLD CPRIME_GOLD)
  if(NOT DEFINED CPRIME_GROWABLE_LINKER)
    if(CPRIME_LLD)
      set(CPRIME_GROWABLE_LINKER lld)
    elseif(CPRIME_GOLD)
      set(CPRIME_GROWABLE_LINKER gold)
    else()
      message(FATAL_ERROR "cprime_growable_stacks(${target}): GNU ld does not protect calls of ordinary code; "
        "install lld, or gold (package binutils)")
    endif()
  endif()
  set(scope PRIVATE)
  if(NOT type STREQUAL "EXECUTABLE")
    set(scope INTERFACE)
  endif()
  set(wraps __cxa_throw __cxa_rethrow _Unwind_Resume __cxa_allocate_exception __cxa_free_exception __cxa_begin_catch
    memcpy memmove memset memcmp strlen)
  list(TRANSFORM wraps PREPEND "-Wl,--wrap=")
  target_link_options(${target} ${scope} -fuse-ld=${CPRIME_GROWABLE_LINKER}
    -Wl,--split-stack-adjust-size=${CPRIME_ORDINARY_CALL_BYTES} ${wraps})

  if(type STREQUAL "EXECUTABLE" OR type STREQUAL "SHARED_LIBRARY")
    cprime_check_growable(${target} ${target} ${arg_LIBRARIES})
  endif()
endfunction()

# cprime_check_growable(TARGET GROWABLE…): after the link of TARGET, looks whether every function of the growable targets in it is protected.
function(cprime_check_growable target)
  list(TRANSFORM ARGN REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM COMMAND_EXPAND_LISTS
    COMMAND ${CPRIME_GROWABLE_FOLDER}/growable-check $<TARGET_FILE:${target}> ${objects})
endfunction()
