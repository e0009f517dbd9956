# How everything in this tree is compiled: C++20, one bin folder, warnings, sanitizers, ccache, and the two functions
# that give a layer its sources and its include root. Included once by the root CMakeLists.txt.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)  # libcprime.a may be linked into a shared library
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT COROSCOPE_SANITIZE MATCHES "^(|address|thread)$")
  message(FATAL_ERROR "COROSCOPE_SANITIZE is '${COROSCOPE_SANITIZE}'; it must be empty, 'address' or 'thread'")
endif()
if(NOT CMAKE_BUILD_TYPE)
  # Optimised with full debug information: what is looked at is what runs. Sanitizer builds keep the debug checks.
  if(COROSCOPE_SANITIZE)
    set(CMAKE_BUILD_TYPE Debug CACHE STRING "Build type" FORCE)
  else()
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
  endif()
endif()

add_compile_options(
  "$<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Wshadow;-Wconversion;-Wno-sign-conversion;-Wimplicit-fallthrough>"
  "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Woverloaded-virtual>"
  "$<$<AND:$<COMPILE_LANGUAGE:C,CXX>,$<BOOL:${COROSCOPE_WERROR}>>:-Werror>"
  # __FILE__ and source_location show a path inside this tree relative to its root, wherever the tree lies.
  "$<$<COMPILE_LANGUAGE:C,CXX>:-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=>")
# A header found through a layer's include root (below) is shown under its true path, and the debug information says
# that the compiler ran in the root of the tree. The last map that fits wins. Each stands here a second time with the
# relative path that ccache makes of it, which lets all build folders share one cache.
add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:-fdebug-prefix-map=${CMAKE_BINARY_DIR}=${CMAKE_SOURCE_DIR}>"
  "$<$<COMPILE_LANGUAGE:C,CXX>:-fmacro-prefix-map=../=;-fdebug-prefix-map=../=${CMAKE_SOURCE_DIR}/>")
foreach(layer IN ITEMS base wire emit inspect runtime traces views app)
  foreach(root IN ITEMS ${CMAKE_BINARY_DIR}/layers/${layer}/ layers/${layer}/)
    add_compile_options(
      "$<$<COMPILE_LANGUAGE:C,CXX>:-fdebug-prefix-map=${root}=${CMAKE_SOURCE_DIR}/>"
      "$<$<COMPILE_LANGUAGE:C,CXX>:-fmacro-prefix-map=${root}=>")
  endforeach()
endforeach()
# The same for what is known only to a few: layers inside of layers. TARGET is compiled with maps for them.
function(coroscope_show_true_paths target)
  foreach(layer IN LISTS ARGN)
    foreach(root IN ITEMS ${CMAKE_BINARY_DIR}/layers/${layer}/ layers/${layer}/)
      target_compile_options(${target} PRIVATE -fdebug-prefix-map=${root}=${CMAKE_SOURCE_DIR}/ -fmacro-prefix-map=${root}=)
    endforeach()
  endforeach()
endfunction()
if(NOT CPRIME_PROBES)
  add_compile_definitions(CPRIME_PROBES=0)
endif()

if(COROSCOPE_SANITIZE)
  add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-g1>)  # reports want functions and lines; the rest is a fifth of the time to compile
endif()
if(COROSCOPE_SANITIZE STREQUAL "address")
  add_compile_options(-O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(COROSCOPE_SANITIZE STREQUAL "thread")
  # -Wno-tsan: the fences beside ring.publish are x86 no-ops that TSan does not model; the pairs it needs are atomics.
  add_compile_options(-O1 -fno-omit-frame-pointer -fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-Wno-tsan>)
  endif()
  add_link_options(-fsanitize=thread)
endif()

if(COROSCOPE_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "COROSCOPE_FUZZ needs clang: use `./dev fuzz`, or CC=clang CXX=clang++ cmake --preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what ccache asks for where precompiled headers are in use. Builds that are made for their tests share objects with
  # other clones of this tree: what was compiled there is not compiled again here (its debug information then names that clone).
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${CMAKE_SOURCE_DIR})
  if(COROSCOPE_TOGETHER)
    list(APPEND launcher CCACHE_NOHASHDIR=1)
  endif()
  list(APPEND launcher ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# coroscope_sources(OUT FOLDER [EXCEPT-REGEX…]): all .cpp, .c and .S files under FOLDER, absolute, sorted. Regexes are
# tried on the path relative to the root. New files are picked up by the next build.
function(coroscope_sources out folder)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
       ${CMAKE_SOURCE_DIR}/${folder}/*.cpp ${CMAKE_SOURCE_DIR}/${folder}/*.c ${CMAKE_SOURCE_DIR}/${folder}/*.S)
  foreach(regex IN LISTS ARGN)
    list(FILTER found EXCLUDE REGEX ${regex})
  endforeach()
  list(TRANSFORM found PREPEND ${CMAKE_SOURCE_DIR}/)
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# coroscope_compile_together(TARGET): with COROSCOPE_TOGETHER (the presets ci, asan and tsan: made from scratch more often than after a
# change) the target's sources are compiled some at a time, so that headers are read and templates instantiated once for several. The
# default build compiles each by itself, which shows a header that is missing. Two sources that give a name of theirs to different things:
# rename one, or set its property SKIP_UNITY_BUILD_INCLUSION.
function(coroscope_compile_together target)
  if(COROSCOPE_TOGETHER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 7)
  endif()
endfunction()

# coroscope_include_root(OUT LAYER FOLDER [INSIDE…]): makes <build>/layers/LAYER with nothing in it but a link to FOLDER under its
# own relative path, and returns it. The folder is made when it is not there yet, so that the link leads somewhere. Where
# subfolders are layers of their own (INSIDE), a link to each header instead, so that theirs are not found through this one.
function(coroscope_include_root out layer folder)
  set(root ${CMAKE_BINARY_DIR}/layers/${layer})
  cmake_path(GET folder PARENT_PATH parent)
  file(MAKE_DIRECTORY ${root}/${parent} ${CMAKE_SOURCE_DIR}/${folder})
  if(ARGN)
    file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.h)
    file(REMOVE_RECURSE ${root}/${folder})
    file(MAKE_DIRECTORY ${root}/${folder})
    foreach(header IN LISTS headers)
      cmake_path(GET header FILENAME name)
      file(CREATE_LINK ${header} ${root}/${folder}/${name} SYMBOLIC)
    endforeach()
  else()
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${root}/${folder} SYMBOLIC)
  endif()
  set(${out} ${root} PARENT_SCOPE)
endfunction()
