# CPack: two Debian packages of what is installed. `./dev package` makes them and tries them (assets/desktop/try_package.py).
#
#   coroscope        the viewer, with what it needs of Debian 12 as dpkg-shlibdeps finds it
#   libcprime-dev    the runtime for programs: headers, libcprime.a, the ways to find it. It stands on nothing but the C and C++ libraries
#
# Included by the root CMakeLists.txt after everything that is installed was named.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Coroscope authors <coroscope@localhost>")
set(CPACK_PACKAGE_VENDOR "The Coroscope authors")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL coroscope cprime)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_COROSCOPE_PACKAGE_NAME coroscope)
set(CPACK_DEBIAN_COROSCOPE_PACKAGE_SECTION devel)
# CPACK_DEBIAN_COROSCOPE_PACKAGE_DEPENDS is found when the package is made.
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/package_dependencies.cmake)
set(CPACK_DEBIAN_COROSCOPE_PACKAGE_RECOMMENDS "fonts-inter, fonts-jetbrains-mono")
set(CPACK_DEBIAN_COROSCOPE_PACKAGE_SUGGESTS "libcprime-dev, gdb, graphviz")
set(CPACK_COMPONENT_COROSCOPE_DESCRIPTION "see what a coroutine program does
Launches a program, attaches to one that runs, or replays what one did, and
shows every stack pool, every parked stack, who waits for whom and what each
context switch cost.")

set(CPACK_DEBIAN_CPRIME_PACKAGE_NAME libcprime-dev)
set(CPACK_DEBIAN_CPRIME_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_CPRIME_PACKAGE_SHLIBDEPS ON)  # its tools
set(CPACK_DEBIAN_CPRIME_PACKAGE_DEPENDS "libstdc++-12-dev | libstdc++-dev")
set(CPACK_DEBIAN_CPRIME_PACKAGE_SUGGESTS "coroscope")
set(CPACK_COMPONENT_CPRIME_DESCRIPTION "coroutines whose stacks start at 256 bytes and never move
CPrime, a runtime for C++20 and C: stackful coroutines, channels, select,
timers and signals, with everything in it to be looked at by coroscope.")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/package_strip.cmake)
include(CPack)
