# Takes the debug information out of the packaged libcprime.a (100 MB; its sources are not installed), and leaves in what makes gdb know
# coroutines. Read by cpack once everything lies in its folders; CMake itself strips programs alone.
file(GLOB_RECURSE libraries ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*/libcprime.a)
foreach(library IN LISTS libraries)
  execute_process(COMMAND strip --strip-debug --enable-deterministic-archives --keep-section=.debug_gdb_scripts ${library}
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()
