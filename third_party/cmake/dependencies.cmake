# Every dependency from outside, as an imported target. Why each is here, and its licence: third_party/README.md.
# Where Debian ships a CMake package or a find module it is used; the rest is a header and a library looked up here.

# coroscope_import(TARGET HEADER LIBRARY): an imported target from one header and one library, or a clear error.
function(coroscope_import target header library)
  string(MAKE_C_IDENTIFIER ${target} id)
  find_path(${id}_INCLUDE ${header} REQUIRED)
  find_library(${id}_LIBRARY ${library} REQUIRED)
  mark_as_advanced(${id}_INCLUDE ${id}_LIBRARY)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${${id}_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${${id}_INCLUDE})
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# inspect
coroscope_import(elfutils::dw elfutils/libdwfl.h dw)
coroscope_import(elfutils::elf libelf.h elf)
coroscope_import(capstone::capstone capstone/capstone.h capstone)
# Only the remote half of libunwind. Its plain library would supply _Unwind_RaiseException to libstdc++ and break
# exceptions; libunwind-generic does not export it and comes after libgcc_s (tests/build checks the binding).
coroscope_import(libunwind::ptrace libunwind-ptrace.h unwind-ptrace)
coroscope_import(libunwind::generic libunwind.h unwind-generic)
# For tests alone: walks the running stack. After libgcc_s for the same reason.
coroscope_import(libunwind::unwind libunwind.h unwind)
add_library(libunwind::local INTERFACE IMPORTED GLOBAL)
set_target_properties(libunwind::local PROPERTIES INTERFACE_LINK_LIBRARIES "gcc_s;libunwind::unwind")
add_library(libunwind::remote INTERFACE IMPORTED GLOBAL)
set_target_properties(libunwind::remote PROPERTIES INTERFACE_LINK_LIBRARIES "libunwind::ptrace;gcc_s;libunwind::generic")

# traces
coroscope_import(zstd::zstd zstd.h zstd)
coroscope_import(lz4::lz4 lz4.h lz4)
coroscope_import(xxhash::xxhash xxhash.h xxhash)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(SQLite3 3.37 REQUIRED)  # STRICT tables

# rules
coroscope_import(re2::re2 re2/re2.h re2)

# views and app
set(OpenGL_GL_PREFERENCE GLVND)
find_package(OpenGL REQUIRED COMPONENTS OpenGL EGL)
find_package(glfw3 3.3 CONFIG REQUIRED)
find_package(PNG REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(ImGui REQUIRED)

# tests
if(COROSCOPE_TESTS)
  find_package(GTest REQUIRED)
endif()
