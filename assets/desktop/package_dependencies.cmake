# What the package `coroscope` depends on, found when it is made: read by cpack before it packs.
#
# dpkg-shlibdeps knows which packages hold the libraries that the program names. It cannot know that GLFW comes in two packages that exclude
# each other (X11 and Wayland), of which the one that is not installed here does as well; and that Mesa's drivers are loaded, not linked.
list(GET CPACK_INSTALL_CMAKE_PROJECTS 0 build)
set(folder ${build}/assets/desktop/dependencies)
file(MAKE_DIRECTORY ${folder}/debian)
file(WRITE ${folder}/debian/control "Source: coroscope\n\nPackage: coroscope\nArchitecture: any\n")
execute_process(COMMAND dpkg-shlibdeps -O ${build}/bin/coroscope WORKING_DIRECTORY ${folder}
  OUTPUT_VARIABLE found ERROR_VARIABLE why RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
if(failed OR NOT found MATCHES "^shlibs:Depends=.*libglfw3 ")
  message(FATAL_ERROR "dpkg-shlibdeps did not find what bin/coroscope needs (is libglfw3 of Debian installed?): ${found} ${why}")
endif()
string(REPLACE "shlibs:Depends=" "" found "${found}")
string(REGEX REPLACE "libglfw3( \\([^)]*\\))" "libglfw3\\1 | libglfw3-wayland\\1" found "${found}")
set(CPACK_DEBIAN_COROSCOPE_PACKAGE_DEPENDS "${found}, libegl-mesa0, libgl1-mesa-dri")
